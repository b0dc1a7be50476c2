"""Images that are not scaled as a classifier knows them are told of in a line."""

import numpy as np
import pytest

from lenszoo.data.brightness import compare_brightness, span


def compare(images):
    return compare_brightness(len(images), lambda i: span(images[i]))


@pytest.fixture
def scaled():
    images = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)
    low, high = images.min((1, 2, 3), keepdims=True), images.max((1, 2, 3), keepdims=True)
    return (images - low) / (high - low)


def test_scaled_images_pass_and_so_do_noise_and_masks(scaled):
    masked = scaled.copy()
    masked[3] = np.nan
    masked[5:, 0, 0] = np.inf
    for images in (scaled, masked, scaled - 0.1, 1.2 * scaled, 0.8 * scaled + 0.1):
        assert compare(images) is None


@pytest.mark.parametrize(
    ("factor", "offset", "far"),
    [
        (5000, 0, True), (0.02, 0, True), (1e-12, 0, True), (1, -3, True), (7, 0, True),
        (1.9, 0, False), (0.4, 0.5, False), (5, 0, False), (0.2, 0, False),
    ],
)  # fmt: skip
def test_other_scalings_are_told_and_those_beyond_6_are_far(factor, offset, far, scaled):
    row, difference = compare(factor * scaled + offset)
    assert row == 0 and difference.far == far
    assert "not in [0, 1], the faintest pixel 0 and the brightest 1" in difference.text


def test_most_must_be_so_and_not_the_first_alone(scaled):
    few, most = scaled.copy(), scaled.copy()
    few[:2] *= 3000
    most[1:] *= 3000
    assert compare(few) is None
    row, difference = compare(most)
    assert row == 2
    assert difference.text.startswith("pixels from 0 to 3000 (15 of 16 images looked at are like")
