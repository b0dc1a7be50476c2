import numpy as np
import pytest

from lenszoo.inference.upscaling.pixels import find_bad, mend


def test_an_isolated_pixel_takes_the_mean_of_its_square():
    image = np.arange(36, dtype=np.float32).reshape(6, 6, 1)
    image[2, 3] = np.nan
    mended = mend(image, find_bad(image))
    assert mended[2, 3, 0] == pytest.approx(np.mean([14, 20, 21]))
    mended[2, 3] = np.nan
    np.testing.assert_array_equal(mended, image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (64, 64), (33, 70)])
def test_large_holes_are_filled_from_around(shape):
    image = np.random.default_rng(0).uniform(10, 20, (*shape, 1)).astype(np.float32)
    image[: shape[0] // 2 + 1, : shape[1] // 2 + 1] = np.inf
    mended = mend(image, find_bad(image))
    good = image[np.isfinite(image)]
    if good.size:
        assert good.min() <= mended.min() and mended.max() <= good.max()
    else:
        np.testing.assert_array_equal(mended, 0)


def test_nearby_pixels_count_not_far_ones():
    image = np.zeros((64, 64, 1), np.float32)
    image[:, 32:] = 1000
    image[10:14, 8:12] = image[10:14, 50:54] = np.nan
    mended = mend(image, find_bad(image))
    assert (mended[10:14, 8:12] == 0).all() and (mended[10:14, 50:54] == 1000).all()


def test_bands_are_mended_apart_and_good_images_not_copied():
    image = np.ones((4, 4, 2), np.float32) * (1, 5)
    assert mend(image, find_bad(image)) is image
    image[1, 1, 0] = np.nan
    np.testing.assert_array_equal(mend(image, find_bad(image)), np.ones((4, 4, 2)) * (1, 5))
