from importlib.metadata import version

import numpy as np
import pytest
from keras import ops
from lenstronomy.SimulationAPI.ObservationConfig.Euclid import Euclid
from lenstronomy.SimulationAPI.ObservationConfig.HST import HST
from lenstronomy.Util import image_util
from oracle import image, survey
from scipy import stats

from lenszoo.errors import LenszooError
from lenszoo.simulation import get_preset, list_presets, sample
from lenszoo.simulation.presets import deeplense
from lenszoo.simulation.random import noise_key, scene_generator
from lenszoo.simulation.render import TILE, _programs, lensed_brightness
from lenszoo.simulation.scene import stack

CAMERAS = {"deeplense_model_2": deeplense.EUCLID, "deeplense_model_3": deeplense.HST}
COMPILED = ("common_test_sim", "deeplense_model_1")
# lens finding has laws of its own and tests of its own
SUBSTRUCTURE = [name for name in list_presets() if any(get_preset(name).points.values())]
KINDS = [(name, kind) for name in SUBSTRUCTURE for kind in get_preset(name).classes]
SEED = 5
MEANS_COMMON = [0.059896, 0.060812, 0.080485]
ROW_COMMON = [0.00651, 0.01302, 0.08351, 0.08026, 0.01193, 0.01410, 0.01627, 0.10629]
ROW_COMMON += [0.07918, 0.02061, 0.00976, 0.01518, 0.14208, 0.12690, 0.02169]
MEANS_MODEL_1 = [0.040227, 0.028748, 0.045432]
ROW_MODEL_1 = [0.04924, 0.01894, 0.03409, 0.04924, 0.0, 0.0, 0.05303, 0.07197]
ROW_MODEL_1 += [0.04167, 0.05682, 0.02652, 0.0, 0.14773, 0.02273, 0.02273]


def draw(preset, kind, i, strength=1.0):
    return preset.draw(scene_generator(SEED, i), kind, strength)


def band(camera):
    """A camera of ours as lenstronomy takes it."""
    return {
        "pixel_scale": camera.instrument.pixel_scale,
        "seeing": camera.instrument.psf_fwhm,
        "psf_type": "GAUSSIAN",
        "exposure_time": camera.exposure_time,
        "num_exposures": camera.num_exposures,
        "magnitude_zero_point": camera.magnitude_zero_point,
        "sky_brightness": camera.sky_brightness,
        "read_noise": camera.read_noise,
    }


def test_names_and_unknown_names():
    assert list_presets() == sorted(list_presets())
    assert get_preset(get_preset("common_test_sim")) is get_preset("common_test_sim")
    with pytest.raises(LenszooError, match="Did you mean 'common_test_sim'"):
        get_preset("common_test")


# --- against lenstronomy ---


def noise_free(preset, kind, scenes):
    """(n, H, W) images without noise.

    By the compiled programs that users run for two skies; compiling them for all takes minutes.
    """
    fill = TILE - len(scenes) if preset.name in COMPILED else 0
    arrays = stack(scenes + scenes[-1:] * fill, preset.points[kind])
    tensors = {key: ops.convert_to_tensor(value) for key, value in arrays.items()}
    if preset.name in COMPILED:
        shine, observe = _programs(preset, "tensorflow")
        signals = observe(shine(tensors), tensors)["signal"]
    else:
        signals = preset.instrument.observe(lensed_brightness(tensors, preset))
    pixels = preset.instrument.pixels
    return ops.convert_to_numpy(signals)[: len(scenes)].reshape(-1, pixels, pixels)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_whole_scenes_agree_with_lenstronomy(name, kind):
    """Lens, source, sub-grid, PSF and units at once."""
    preset = get_preset(name)
    scenes = [draw(preset, kind, i) for i in range(3)]
    for i, (scene, ours) in enumerate(zip(scenes, noise_free(preset, kind, scenes), strict=True)):
        if name in CAMERAS:
            values, points = deeplense.system(scene_generator(SEED, i), kind, 1.0)
            _, theirs = survey(values, points, band(CAMERAS[name]), preset.instrument.pixels)
        else:
            theirs = image(scene.values, scene.points, preset.lens, preset.instrument)
        difference = np.abs(ours - theirs) / theirs.max()
        assert np.median(difference) <= 2e-6
        assert difference.max() <= 1e-4


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


# --- the laws ---


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_strength_multiplies_the_point_masses_and_nothing_else(name, kind):
    preset = get_preset(name)
    for i in range(5):
        one, three = draw(preset, kind, i), draw(preset, kind, i, 3.0)
        np.testing.assert_array_equal(one.keys, three.keys)
        np.testing.assert_array_equal(one.points[:, :2], three.points[:, :2])
        np.testing.assert_allclose(three.points[:, 2], 3.0 * one.points[:, 2])
        mass = "substructure_mass_fraction"
        assert three.values[mass] == pytest.approx(3.0 * one.values[mass])
        assert len(one.points) == (0 if kind == "no" else preset.points[kind])
        np.testing.assert_equal(
            {k: v for k, v in one.values.items() if k != mass},
            {k: v for k, v in three.values.items() if k != mass},
        )


@pytest.mark.parametrize("name", SUBSTRUCTURE)
def test_lens_and_source_come_from_one_law_for_all_classes(name):
    preset = get_preset(name)
    own = {"substructure_mass_fraction", "log10_axion_mass", "exposure"}
    for i in range(5):
        scenes = [draw(preset, kind, i).values for kind in preset.classes]
        for values in scenes[1:]:
            assert {k: v for k, v in values.items() if k not in own} == {
                k: v for k, v in scenes[0].items() if k not in own
            }


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


# --- pinned: weights and published figures belong to these pixels ---


@pytest.mark.parametrize(
    ("name", "means", "row"),
    [
        ("common_test_sim", MEANS_COMMON, ROW_COMMON),
        ("deeplense_model_1", MEANS_MODEL_1, ROW_MODEL_1),
    ],
)
def test_pixels_never_change(name, means, row):
    images = sample(name, 3, seed=1).images[..., 0]
    np.testing.assert_allclose(images.mean(axis=(1, 2)), means, atol=1e-4)
    np.testing.assert_allclose(images[2, 40:43, ::30].ravel(), row, atol=1e-3)
