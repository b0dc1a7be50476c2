import numpy as np
import pytest

from lenszoo.data.input_scale import brightest_pixel, compare_scale, measure_scale


@pytest.fixture(scope="module")
def images():
    """Two bands with noise 0.02 and 0.07 and a source in the middle."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(24, 40, 40, 2)) * [0.02, 0.07]
    images[:, 16:24, 16:24] += rng.uniform(0.5, 3.0, (24, 1, 1, 2))
    return images.astype(np.float32)


def in_unit(images, zero_point):
    return images * np.float32(10 ** (0.4 * (zero_point - 25.0)))


def test_noise_sky_and_peak_are_measured(images):
    scale = measure_scale(images + np.float32([0.0, 0.14]), 25.0)
    assert scale.noise == pytest.approx((0.02, 0.07), rel=0.05)
    assert scale.sky == pytest.approx((0.0, 2.0), abs=0.1)
    assert scale.peak == pytest.approx(np.abs(images + np.float32([0.0, 0.14])).max((0, 1, 2)))
    assert scale.zero_point == 25.0
    assert measure_scale(np.zeros((3, 8, 8, 1), np.float32)) is None


@pytest.mark.parametrize(
    ("zero_point", "text"),
    [
        (22.5, r"0\.1 times that of the training \(-2\.5 mag"),  # nanomaggies
        (31.4, r"363 times that of the training \(6\.4 mag"),  # nJy
        (8.9, r"3\.6\de-07 times"),  # Jy
        (-48.6, r"\de-30 times"),  # erg/s/cm2/Hz
    ],
)
def test_another_unit_is_far(images, zero_point, text):
    import re

    difference = compare_scale(in_unit(images, zero_point), measure_scale(images))
    assert difference.far
    assert re.search(text, difference.text)
    assert "zero_point=" in difference.text


def test_a_sky_that_was_left_in_is_told_of(images):
    trained = measure_scale(images)
    difference = compare_scale(images + np.float32(0.1), trained)
    assert not difference.far
    assert "the sky lies 5.1 times the noise off" in difference.text
    assert difference.text.endswith("in band 0: subtract it, sky='border'")
    assert compare_scale(images + np.float32(10.0), trained).far


def test_images_scaled_one_by_one_are_far(images):
    low = images.min((1, 2, 3), keepdims=True)
    scaled = (images - low) / (images - low).max((1, 2, 3), keepdims=True)
    difference = compare_scale(scaled, measure_scale(images))
    assert difference.far and "scaled to [0, 1] by itself" in difference.text


def test_a_depth_as_surveys_differ_in_it_is_none_of_these(images):
    trained = measure_scale(images)
    assert compare_scale(images, trained) is None
    assert compare_scale(images[:1], trained) is None
    assert compare_scale(1.6 * images, trained) is None  # half a magnitude
    shallow = compare_scale(3.0 * images, trained)
    assert not shallow.far and "3 times that of the training (1.2 mag" in shallow.text


def test_images_without_noise_or_pixels_are_not_judged(images):
    trained = measure_scale(images)
    assert compare_scale(np.full_like(images, np.nan), trained) is None
    assert compare_scale(np.ones_like(images) * [[[[3.0, 4.0]]]], trained) is None


def test_absurd_pixels(images):
    trained = measure_scale(images)
    one = 100 * images[0]
    assert 10 < brightest_pixel(one, trained) <= 100
    assert 0.1 < brightest_pixel(one, trained, own_noise=True) < 2
    one[5, 5, 1] = -1e10
    expected = 1e10 / trained.peak[1]
    assert brightest_pixel(one, trained) == pytest.approx(expected)
    assert brightest_pixel(one, trained, own_noise=True) == pytest.approx(expected / 100, rel=0.2)
    assert brightest_pixel(np.full_like(one, np.nan), trained) == 0.0
