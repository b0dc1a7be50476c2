"""Colours are those of the flux, bright and faint parts are both seen."""

import numpy as np
import pytest

from lenszoo.reporting.colour import colour_bands, colour_image

YY, XX = np.mgrid[:32, :32] - 15.5


def galaxy(colour, noise=0.0, seed=0):
    light = 100 * np.exp(-np.hypot(XX, YY) / 2.5)[..., None] * np.asarray(colour, float)
    return light + np.random.default_rng(seed).normal(0, 1, light.shape) * noise


@pytest.mark.parametrize(
    ("bands", "n", "expected"),
    [
        (("u", "g", "r", "i"), 4, (3, 2, 1)),
        (("i", "r", "g", "u"), 4, (0, 1, 2)),
        (("g", "r", "i", "z", "y"), 5, (2, 1, 0)),
        (("r", "z", "y"), 3, (2, 1, 0)),
        (("VIS", "Y", "J", "H"), 4, (3, 2, 1)),
        (None, 3, (2, 1, 0)),
        (("a", "b", "c", "d"), 4, (3, 2, 1)),
        (("g", "r"), 2, None),
        (("VIS",), 1, None),
    ],
)
def test_which_bands_are_shown(bands, n, expected):
    assert colour_bands(bands, n) == expected


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 9, 2), (8, 9, 3), (7, 8, 5)])
def test_every_shape_becomes_colours(shape):
    shown = colour_image(np.random.default_rng(0).normal(0, 1, shape))
    assert shown.shape == (*shape[:2], 3)
    assert shown.min() >= 0
    assert shown.max() <= 1
    grey = (shown == shown[..., :1]).all()
    assert grey == (len(shape) == 2 or shape[2] < 3)


def test_red_is_the_reddest_band():
    for k, colour in enumerate(([0, 0, 1], [0, 1, 0], [1, 0, 0])):
        centre = colour_image(galaxy(colour), ("g", "r", "i"))[15, 15]
        assert centre.argmax() == k


def test_the_colour_does_not_depend_on_brightness():
    shown = colour_image(galaxy([1, 2, 3], noise=0.05), ("a", "b", "c"))
    centre, edge = shown[15, 14], shown[15, 10]
    assert centre.max() > 1.3 * edge.max()
    np.testing.assert_allclose(centre / centre.max(), edge / edge.max(), atol=0.05)


def test_neither_unit_nor_sky_level_matters():
    image = galaxy([1, 2, 3], noise=0.5)
    np.testing.assert_allclose(colour_image(image * 1e-11 + 3e-10), colour_image(image), atol=1e-6)


def test_faint_arcs_are_seen_beside_a_bright_core():
    arc = np.exp(-0.5 * ((np.hypot(XX, YY) - 11) / 1.0) ** 2)[..., None] * [2, 2, 2]
    shown = colour_image(galaxy([1, 1, 1], 0.1) + arc)
    assert shown[15, 15].max() > 0.9
    assert shown[15, 26].max() > 0.25  # 2 of 100 would be 0.02 on a linear scale
    assert shown[0, 0].max() < 0.15


def test_bad_pixels_are_grey_and_constant_images_dark():
    image = galaxy([1, 2, 3], 0.1)
    image[3, 4, 1] = np.nan
    shown = colour_image(image)
    assert shown[3, 4].tolist() == [0.4] * 3
    assert np.isfinite(shown).all()
    assert (colour_image(np.full((8, 8, 3), np.nan)) == 0.4).all()
    assert (colour_image(np.full((8, 8, 3), 7.0)) == 0).all()
