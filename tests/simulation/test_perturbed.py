from dataclasses import replace

import numpy as np
import pytest
from keras import ops
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.simulation import get_preset, list_presets, perturbed, sample, sample_scenes
from lenszoo.simulation.observe import FWHM_TO_SIGMA
from lenszoo.simulation.render import TILE

NAME = "common_test_sim"
ONE_BAND = (NAME, "common_test_sim_binary", *(f"deeplense_model_{k}" for k in (1, 2, 3)))
SMOOTH = (0, 3, 6, 9)  # scenes of class "no", which compile fast
LUMPY = (1, 2)  # with point masses


def without_noise(preset):
    """In counts, as they are expected."""
    return replace(preset, minmax=False, observe=lambda image, arrays: (image, image + 1.0))


def seen(scenes=SMOOTH, **changes):
    """Noiseless images of the perturbed sky, (n, 150, 150)."""
    return sample_scenes(without_noise(perturbed(NAME, **changes)), scenes, 5).images[..., 0]


@pytest.fixture(scope="module")
def plain():
    return seen()


@pytest.fixture(scope="module")
def lumpy():
    return seen(LUMPY)


@pytest.mark.parametrize(
    ("name", "scenes"),
    [(NAME, range(4)), pytest.param("deeplense_model_1", SMOOTH, marks=pytest.mark.slow)],
)
def test_unchanged_is_the_sky_itself(name, scenes):
    ours, theirs = sample_scenes(perturbed(name), scenes, 2), sample_scenes(name, scenes, 2)
    np.testing.assert_array_equal(ours.images, theirs.images)
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert ours.truth.keys() == theirs.truth.keys()
    np.testing.assert_array_equal(ours.truth["signal_to_noise"], theirs.truth["signal_to_noise"])


@pytest.mark.parametrize("name", [NAME, pytest.param("deeplense_model_1", marks=pytest.mark.slow)])
def test_noise_is_scaled_relative_to_the_light(name):
    """Against what an exposure ten thousand times as long gives of the same scenes."""

    def counts(noise):
        preset = replace(perturbed(name, noise=noise), minmax=False)
        drawn = sample_scenes(preset, SMOOTH, 4)
        return drawn.images * noise**2, drawn.truth["signal_to_noise"]

    expected, best = counts(0.01)
    once, known = counts(1.0)
    regions = [expected > 0.3 * expected.max()]
    if name == NAME:  # in the other sky, whose background is subtracted, counts are cut at 0
        regions.append(expected < 0.1 * expected.max())
    for factor in (0.5, 2.0):
        scaled, ratio = counts(factor)
        for pixels in regions:
            spread = [(images - expected)[pixels].std() for images in (once, scaled)]
            assert spread[1] / spread[0] == pytest.approx(factor, rel=0.03)
        np.testing.assert_allclose(ratio * factor, known, rtol=1e-4)
    np.testing.assert_allclose(best * 0.01, known, rtol=1e-4)


def test_noise_of_an_image_scaled_to_one_doubles_in_the_sky():
    corners = [
        sample_scenes(perturbed(NAME, noise=k), range(0, 90, 3), 9).images[:, :12, :12]
        for k in (1.0, 2.0)
    ]
    spread = [images.std((1, 2, 3)).mean() for images in corners]
    assert spread[1] / spread[0] == pytest.approx(2.0, rel=0.08)


@pytest.mark.parametrize("factor", [0.5, 0.75, 2.0])
def test_psf_has_the_width_asked_for(factor):
    """Its second moments, of a spot of one pixel."""

    def spot(arrays, preset):
        side, s = preset.instrument.pixels, preset.instrument.supersampling
        light = np.zeros((TILE, s * s, side, side), np.float32)
        light[:, :, 70, 80] = 1.0
        return ops.convert_to_tensor(light.reshape(TILE, -1))

    preset = replace(without_noise(perturbed(NAME, psf=factor)), brightness=spot)
    image = sample(preset, 1, 0).images[0, :, :, 0].astype(float)
    rows, columns = np.mgrid[:150, :150]
    sigma = factor * 0.2 / 0.05 * FWHM_TO_SIGMA
    for offset in (rows - 70, columns - 80):
        assert (image * offset**2).sum() / image.sum() == pytest.approx(sigma**2, rel=0.01)


def test_shift_moves_right_and_down(lumpy):
    moved = seen(LUMPY, shift=(3, -5))
    inner = np.s_[:, 20:130, 20:130]  # a frame's rim repeats its edge when it is blurred
    np.testing.assert_allclose(
        moved[inner], np.roll(lumpy, (-5, 3), (1, 2))[inner], atol=2e-4 * lumpy.max()
    )


def test_half_a_pixel_lies_between(plain):
    """The light's centre moves by what was asked."""
    columns = np.arange(150)
    weights = plain**3, seen(shift=(0.5, 0)) ** 3
    centres = [(w * columns).sum((1, 2)) / w.sum((1, 2)) for w in weights]
    np.testing.assert_allclose(centres[1] - centres[0], 0.5, atol=5e-3)


def test_no_ray_goes_undeflected_through_the_centre(plain):
    """Shifted by a quarter of a pixel a sub-pixel lies on the lens, whose deflection jumps."""
    on, beside = seen(shift=(0.25, 0.25)), seen(shift=(0.251, 0.25))
    np.testing.assert_allclose(on, beside, atol=2e-3 * plain.max())


def test_quarter_turn_is_that_of_numpy(lumpy):
    np.testing.assert_allclose(
        seen(LUMPY, angle=90.0), np.rot90(lumpy, axes=(1, 2)), atol=2e-4 * lumpy.max()
    )


def test_turn_comes_before_the_shift(plain):
    both = seen(angle=90.0, shift=(4, 0))
    expected = np.roll(np.rot90(plain, axes=(1, 2)), 4, axis=2)
    inner = np.s_[:, 20:130, 20:130]
    np.testing.assert_allclose(both[inner], expected[inner], atol=2e-4 * plain.max())


def test_any_angle_turns_the_moments(plain):
    """By its sine and cosine, which no quarter turn could tell from another law."""

    def orientation(images):
        y, x = (np.mgrid[:150, :150] - 74.5)[:, None]
        w = images.astype(float) ** 3
        return np.array([(w * (x * x - y * y)).sum((1, 2)), (w * 2 * x * y).sum((1, 2))])

    before, after = orientation(plain), orientation(seen(angle=25.0))
    c, s = np.cos(np.deg2rad(-50.0)), np.sin(np.deg2rad(-50.0))  # rows run downwards
    turned = np.array([c * before[0] - s * before[1], s * before[0] + c * before[1]])
    np.testing.assert_allclose(after, turned, atol=0.02 * np.abs(before).max())


def test_pixels_twice_as_wide_halve_the_ring(plain):
    y, x = np.mgrid[:150, :150] - 74.5
    radius = [
        (w * np.hypot(x, y)).sum((1, 2)) / w.sum((1, 2))
        for w in (plain**3, seen(pixel_scale=2.0) ** 3)
    ]
    np.testing.assert_allclose(radius[1] / radius[0], 0.5, rtol=0.01)


def test_names_and_refusals_of_one_line():
    for name in set(list_presets()) - set(ONE_BAND):
        with pytest.raises(LenszooError, match=f"^{name} cannot be perturbed: .*common_test_sim"):
            perturbed(name, psf=2.0)
    one_line(
        "noise of deeplense_model_2 cannot be scaled",
        lambda: perturbed("deeplense_model_2", noise=2.0),
    )
    one_line("perturbed already", lambda: perturbed(perturbed(NAME, noise=2.0), psf=2.0))
    for changes in ({"noise": 0.0}, {"psf": -1.0}, {"pixel_scale": np.inf}, {"shift": (np.nan, 0)}):
        with pytest.raises(LenszooError, match=r"must be a factor above 0|two numbers"):
            perturbed(NAME, **changes)
    assert perturbed(NAME, noise=2.0, angle=10).name == f"{NAME} (noise 2.0, angle 10)"
    assert (perturbed(NAME).name, get_preset(NAME).name) == (NAME, NAME)
    assert get_preset(NAME).instrument.psf_fwhm == 0.2  # the preset itself is untouched
