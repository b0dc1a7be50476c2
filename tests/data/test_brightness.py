"""Images that are not scaled as a classifier knows them are told of in a line."""

import logging

import numpy as np
import pytest

from lenszoo.data.brightness import check_brightness, span


def told(images, caplog):
    caplog.clear()
    with caplog.at_level(logging.WARNING, "lenszoo"):
        check_brightness(len(images), lambda i: span(images[i]), lambda i: f"image {i}", "A_NET")
    return [record.getMessage() for record in caplog.records]


@pytest.fixture
def scaled():
    images = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)
    low, high = images.min((1, 2, 3), keepdims=True), images.max((1, 2, 3), keepdims=True)
    return (images - low) / (high - low)


def test_scaled_images_pass_and_so_do_noise_and_masks(scaled, caplog):
    masked = scaled.copy()
    masked[3] = np.nan
    masked[5:, 0, 0] = np.inf
    for images in (scaled, masked, scaled - 0.1, 1.2 * scaled, 0.8 * scaled + 0.1):
        assert told(images, caplog) == []


@pytest.mark.parametrize(
    ("factor", "offset"), [(5000, 0), (0.02, 0), (1e-12, 0), (1.9, 0), (0.4, 0.5), (1, -3)]
)
def test_other_scalings_are_told(factor, offset, scaled, caplog):
    (line,) = told(factor * scaled + offset, caplog)
    assert "A_NET learned on images in [0, 1], the faintest pixel 0 and the brightest 1" in line


def test_most_must_be_so_and_not_the_first_alone(scaled, caplog):
    few, most = scaled.copy(), scaled.copy()
    few[:2] *= 3000
    most[1:] *= 3000
    assert told(few, caplog) == []
    (line,) = told(most, caplog)
    assert line.startswith("image 2: pixels from 0 to 3000 (15 of 16 images looked at are like it)")
