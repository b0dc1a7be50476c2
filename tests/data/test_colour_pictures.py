"""Through a colour picture and back: what stays, and what is cut off."""

import numpy as np
import pytest

from lenszoo.data.colour_pictures import through_picture
from lenszoo.errors import LenszooError

WHITE = (1.1, 3.1, 4.65)


def test_below_white_flux_and_colour_stay_to_the_step_of_8_bits():
    rng = np.random.default_rng(1)
    images = (rng.uniform(0.02, 0.3, (4, 8, 8, 1)) * np.array(WHITE) * (0.9, 1, 1.1)).astype(
        np.float32
    )
    back = through_picture(images, WHITE)
    assert back.dtype == np.float32
    steps = np.abs(back / images - 1)
    assert np.median(steps) < 0.02 and steps.max() < 0.12


def test_a_bright_core_is_cut_off_and_turns_white():
    images = np.full((1, 2, 2, 3), 50.0) * np.array([1.0, 3.0, 5.0])
    np.testing.assert_allclose(through_picture(images, WHITE)[0, 0, 0], WHITE, rtol=1e-4)


def test_pixels_without_light_keep_their_noise():
    noise = np.random.default_rng(0).normal(0.0, 1e-4, (2, 8, 8, 3)).astype(np.float32)
    images = np.minimum(noise, 5e-4)
    np.testing.assert_array_equal(through_picture(images, WHITE), images)


@pytest.mark.parametrize("white", [(1.0, 2.0), (1.0, 0.0, 2.0), (1.0, np.nan, 2.0)])
def test_a_white_for_each_band(white):
    with pytest.raises(LenszooError, match="for each of 3 band"):
        through_picture(np.zeros((1, 4, 4, 3)), white)
