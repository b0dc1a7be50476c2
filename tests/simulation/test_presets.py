import numpy as np
import pytest
from keras import ops
from oneline import one_line
from oracle import band, image, survey

from lenszoo.simulation import get_preset, list_presets, sample
from lenszoo.simulation.presets import deeplense
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.render import TILE, lensed_brightness, run
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


def test_names_and_unknown_names():
    assert list_presets() == sorted(list_presets())
    assert get_preset(get_preset("common_test_sim")) is get_preset("common_test_sim")
    one_line("Did you mean 'common_test_sim'", lambda: get_preset("common_test"))


# --- against lenstronomy ---


def noise_free(preset, kind, scenes):
    """(n, H, W) images without noise.

    By the compiled programs that users run for two skies; compiling them for all takes minutes.
    """
    fill = TILE - len(scenes) if preset.name in COMPILED else 0
    arrays = stack(scenes + scenes[-1:] * fill, preset.points[kind])
    if preset.name in COMPILED:
        signals = run(arrays, preset, ("signal",))["signal"]
    else:
        tensors = {key: ops.convert_to_tensor(value) for key, value in arrays.items()}
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
