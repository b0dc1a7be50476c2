import numpy as np

from lenszoo.data.adjust import adjust_cutout


def test_masked_pixels_sky_and_zero_point_in_this_order():
    image = np.full((16, 16, 2), 5.0, np.float32)
    image[8, 8] = 7.0
    image[3, 4, 0] = -99.0
    adjust_cutout(image, mask_value=-99.0, sky="border", zero_point=22.5)
    assert np.isnan(image[3, 4, 0]) and np.isnan(image).sum() == 1
    np.testing.assert_allclose(image[8, 8], 2.0 * 10.0, rtol=1e-5)
    np.testing.assert_allclose(image[0, 0], 0.0, atol=1e-5)


def test_nothing_asked_for_changes_nothing():
    image = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    before = image.copy()
    adjust_cutout(image)
    np.testing.assert_array_equal(image, before)
