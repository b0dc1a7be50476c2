import numpy as np
from scipy import stats

from lenszoo.simulation import get_preset
from lenszoo.simulation.random import scene_generator

SEED = 5


def draw(preset, kind, i, strength=1.0):
    return preset.draw(scene_generator(SEED, i), kind, strength)


def test_common_test_sim_draws_the_recovered_law():
    preset = get_preset("common_test_sim")
    scenes = [draw(preset, "vort", i) for i in range(2000)]
    values = {key: np.array([s.values[key] for s in scenes]) for key in scenes[0].values}
    gamma = np.hypot(values["gamma1"], values["gamma2"])
    offset = np.hypot(values["source_x"], values["source_y"])
    e = np.hypot(values["source_e1"], values["source_e2"])
    shear_angle = -np.rad2deg(np.arctan2(values["gamma2"], values["gamma1"])) / 2
    source_angle = -np.rad2deg(np.arctan2(values["source_e2"], values["source_e1"])) / 2
    for drawn, low, high in (
        (gamma, 0, 0.3),
        (offset, 0, 0.5),
        ((1 - e) / (1 + e), 0.4, 1),
        (shear_angle, 0, 6.28),
        (source_angle, 0, 6.28),
        (values["source_amplitude"], 92, 107),
        (values["substructure_mass_fraction"], 0.03, 0.055),
    ):
        assert stats.kstest(drawn, "uniform", (low, high - low)).pvalue > 1e-3
    spread = np.quantile(values["einstein_radius"], [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(spread, [1.00, 1.15, 1.28, 1.42, 1.57], atol=0.04)
    middle = np.array([s.points[:, :2].mean(axis=0) for s in scenes])
    assert stats.kstest(middle.ravel(), "norm", (0, 0.5)).pvalue > 1e-3
    length = [np.hypot(*(s.points[-1] - s.points[0])[:2]) for s in scenes]
    assert stats.kstest(length, "uniform", (0.5, 1.5)).pvalue > 1e-3
