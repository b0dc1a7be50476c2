import numpy as np
import pytest

from lenszoo.simulation import get_preset, list_presets, sample


@pytest.mark.parametrize("name", list_presets())
def test_shapes_are_those_of_the_images(name):
    preset = get_preset(name)
    drawn = sample(preset, 1, seed=1)
    assert drawn.images.shape[1:] == preset.image_shape
    if preset.factor > 1:
        assert drawn.targets.shape[1:] == preset.target_shape


@pytest.mark.parametrize("name", list_presets())
def test_a_coarser_image_shows_the_same_sky(name):
    preset = get_preset(name)
    fine = preset.instrument.pixels * preset.instrument.pixel_scale
    assert preset.image_shape[0] * preset.pixel_scale == pytest.approx(fine)
    assert preset.target_shape[0] == preset.factor * preset.image_shape[0]
    assert len(preset.bands) == preset.image_shape[2]


def test_points_are_counted_for_every_class():
    for name in list_presets():
        preset = get_preset(name)
        assert set(preset.points) == set(preset.classes)
        rng = np.random.default_rng(0)
        for kind, most in preset.points.items():
            assert len(preset.draw(rng, kind, 1.0).points) <= most
