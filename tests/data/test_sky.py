"""The sky level and its noise, with objects and bad pixels in the way."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import measure_sky
from lenszoo.data.sky import subtract_sky


def _noise(n: int = 60, side: int = 64, bands: int = 2) -> np.ndarray:
    rng = np.random.default_rng(3)
    levels = np.array([5.0, -2.0], np.float32)[:bands]
    sigmas = np.array([1.0, 3.0], np.float32)[:bands]
    noise = rng.normal(size=(n, side, side, bands))
    return (levels + sigmas * noise).astype(np.float32)


def test_level_and_rms_of_white_noise():
    sky = measure_sky(_noise())
    assert sky.level.shape == sky.rms.shape == (60, 2)
    np.testing.assert_allclose(sky.level.mean(0), [5, -2], atol=0.05)
    np.testing.assert_allclose(sky.rms.mean(0), [1, 3], rtol=0.03)


@pytest.mark.parametrize("method", ["border", "median"])
def test_a_bright_object_in_the_middle_does_not_count(method):
    images = _noise()
    images[:, 24:40, 24:40] += 1000
    np.testing.assert_allclose(measure_sky(images, method).level.mean(0), [5, -2], atol=0.3)


def test_a_star_on_the_border_is_clipped():
    images = _noise()
    images[:, :4, 10:30] += 500
    sky = measure_sky(images)
    np.testing.assert_allclose(sky.level.mean(0), [5, -2], atol=0.1)
    np.testing.assert_allclose(sky.rms.mean(0), [1, 3], rtol=0.05)


def test_bad_pixels_are_passed_over_and_an_empty_band_is_nan():
    images = _noise()
    images[:, 0] = np.nan
    images[:, :, 0] = np.inf
    images[:, -1] = -np.inf
    images[7, ..., 1] = np.nan
    sky = measure_sky(images)
    assert np.isnan(sky.level[7, 1])
    assert np.isnan(sky.rms[7, 1])
    np.testing.assert_allclose(np.nanmean(sky.level, 0), [5, -2], atol=0.1)
    np.testing.assert_allclose(np.nanmean(sky.rms, 0), [1, 3], rtol=0.05)


def test_constant_and_tiny_images():
    sky = measure_sky(np.full((1, 2, 2, 1), 4, np.float32))
    assert (sky.level[0, 0], sky.rms[0, 0]) == (4, 0)


def test_subtraction_is_in_place():
    images = _noise(bands=1)
    subtract_sky(images, "border")
    assert abs(float(np.median(images))) < 0.02


def test_unknown_method_lists_the_legal_ones():
    one_line("border, median", lambda: measure_sky(_noise(1), "mode"))


@pytest.mark.parametrize("side", [2, 20])
@pytest.mark.parametrize("method", ["border", "median"])
def test_measuring_leaves_the_images_as_they_are(method, side):
    images = _noise(3, side, 1)
    before = images.copy()
    measure_sky(images, method)
    np.testing.assert_array_equal(images, before)
