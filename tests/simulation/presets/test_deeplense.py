from importlib.metadata import version

import numpy as np
import pytest
from keras import ops
from lenstronomy.SimulationAPI.ObservationConfig.Euclid import Euclid
from lenstronomy.SimulationAPI.ObservationConfig.HST import HST
from lenstronomy.Util import image_util
from oracle import band, survey
from scipy import stats

from lenszoo.simulation import get_preset
from lenszoo.simulation.presets import deeplense
from lenszoo.simulation.random import noise_key, scene_generator

CAMERAS = {"deeplense_model_2": deeplense.EUCLID, "deeplense_model_3": deeplense.HST}
SEED = 5


def draw(preset, kind, i, strength=1.0):
    return preset.draw(scene_generator(SEED, i), kind, strength)


@pytest.mark.skipif(not version("lenstronomy").startswith("1.14."), reason="its cameras change")
def test_cameras_are_lenstronomys():
    theirs = {
        "deeplense_model_2": Euclid("VIS", "GAUSSIAN", 6).kwargs_single_band(),
        "deeplense_model_3": HST("WFC3_F160W", "GAUSSIAN").kwargs_single_band(),
    }
    for name, camera in CAMERAS.items():
        theirs[name].pop("ccd_gain")  # electrons throughout: it is not used
        assert band(camera) == theirs[name]


@pytest.mark.parametrize("name", CAMERAS)
def test_survey_noise_is_lenstronomys(name):
    preset, camera = get_preset(name), CAMERAS[name]
    values, points = deeplense.system(scene_generator(SEED, 0), "no", 1.0)
    api, model = survey(values, points, band(camera), preset.instrument.pixels)
    sigma = np.sqrt(api.background_noise**2 + api.flux_noise(model) ** 2).ravel()
    keys = np.stack([noise_key(scene_generator(0, i)) for i in range(30)])[:, None]
    clean = np.tile(model.reshape(1, -1), (30, 1)).astype(np.float32)
    noisy, variance = preset.observe(clean, {"keys": keys})
    np.testing.assert_allclose(ops.convert_to_numpy(variance)[0] ** 0.5, sigma, rtol=1e-5)
    deviations = (ops.convert_to_numpy(noisy) - clean) / sigma
    assert stats.kstest(deviations.ravel(), "norm").pvalue > 1e-3
    theirs = np.concatenate([api.noise_for_model(model, seed=k).ravel() / sigma for k in range(8)])
    assert stats.ks_2samp(deviations.ravel(), theirs).pvalue > 1e-3


@pytest.mark.parametrize("level", [0.0, 0.005, 0.1, 1.5])
def test_model_1_noise_is_deeplensesims(level):
    """Counts of one brightness, ours and by the lines of DeepLenseSim's ``simple_sim``."""
    exposure, side = 2000.0, 150
    flat = np.full((1, side**2), level, np.float32)
    keys = np.stack([[noise_key(scene_generator(1, k)) for k in range(2)]])
    ours, _ = get_preset("deeplense_model_1").observe(
        flat, {"exposure": np.float32([[exposure]]), "keys": keys}
    )
    np.random.seed(3)  # noqa: NPY002 -- lenstronomy draws from NumPy's global state
    model = flat.reshape(side, side).astype(np.float64)
    poisson = image_util.add_poisson(model, exp_time=exposure)
    background = image_util.add_background(model, sigma_bkd=1e-2)
    expected = exposure * (model + poisson + background)
    theirs = np.random.default_rng(3).poisson(expected.clip(min=0))
    # counts are discrete: the same jitter for both makes the test exact
    jitter = np.random.default_rng(4).random((2, side**2))
    both = [ops.convert_to_numpy(ours).ravel() + jitter[0], theirs.ravel() + jitter[1]]
    assert stats.ks_2samp(*both).pvalue > 1e-3


def test_deeplense_substructure_is_as_coded():
    preset = get_preset("deeplense_model_1")
    for i in range(20):
        vortex, halos = draw(preset, "vort", i), draw(preset, "sphere", i)
        assert vortex.values["substructure_mass_fraction"] == pytest.approx(0.03)
        half = 0.06e-22 / (2 * 10 ** vortex.values["log10_axion_mass"])
        assert 0.03 <= half <= 3.0
        assert np.hypot(*vortex.points[0, :2]) == pytest.approx(half)
        r = np.hypot(*halos.points.T[:2])
        assert r.min() >= 0.25 and r.max() <= 2.0
        assert halos.values["einstein_radius"] == pytest.approx(1.281, abs=1e-3)


def test_surveys_see_the_lens_of_model_1_for_a_source_nearer_than_its_angles_mean():
    one, two = (get_preset(f"deeplense_model_{k}") for k in (1, 2))
    near, far = draw(two, "sphere", 0), draw(one, "sphere", 0)
    for key in ("einstein_radius", "gamma1"):
        assert near.values[key] / far.values[key] == pytest.approx(0.63431, abs=1e-5)
    np.testing.assert_allclose(near.points[:, 2] / far.points[:, 2], 0.63431, atol=1e-5)
    assert near.values["source_x"] == far.values["source_x"]
