import numpy as np
import pytest
from astropy.visualization import ZScaleInterval

from lenszoo.data import Dataset
from lenszoo.data.scaling import prepared, scale_image
from lenszoo.errors import LenszooError


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(5.0, 2.0, (40, 40, 2)).astype(np.float32)


def test_minmax_is_one_map_for_all_bands(image):
    image[..., 1] *= 3
    scaled = scale_image(image, "minmax")
    assert scaled.min() == 0.0 and scaled.max() == 1.0
    assert scaled == pytest.approx((image - image.min()) / (image.max() - image.min()), abs=1e-6)


def test_pixels_that_are_no_numbers_stay_and_set_no_range(image):
    image[3, 3, 0], image[4, 4, 1] = np.nan, np.inf
    for scaling in ("minmax", "zscale", (0.0, 10.0)):
        scaled = scale_image(image, scaling)
        assert np.isnan(scaled[3, 3, 0])
        rest = scaled[np.isfinite(image)]
        assert np.isfinite(rest).all() and np.median(rest) == pytest.approx(0.5, abs=0.1)


def test_zscale_is_astropys(image):
    low, high = ZScaleInterval().get_limits(image[..., 1])
    expected = np.clip((image[..., 1] - low) / (high - low), 0, 1)
    assert scale_image(image, "zscale")[..., 1] == pytest.approx(expected, abs=1e-5)


def test_two_values_cut_nothing_off(image):
    assert scale_image(image, (5.0, 7.0)) == pytest.approx((image - 5.0) / 2.0, abs=1e-5)


def test_a_constant_image_stays_constant():
    flat = scale_image(np.full((8, 8, 1), 3.0, np.float32), "minmax")
    assert len(np.unique(flat)) == 1 and np.isfinite(flat).all()


@pytest.mark.parametrize("scaling", ["asinh", (2.0, 1.0), (0.0,), (0.0, np.inf), 3])
def test_no_scaling(image, scaling):
    with pytest.raises(LenszooError, match="scaling must be 'minmax', 'zscale' or two numbers"):
        scale_image(image, scaling)


def test_a_dataset_is_cut_and_scaled(image):
    images = np.stack([image, 3 * image])
    dataset = Dataset(("a", "b"), images=images)
    assert prepared(dataset, None, None) is dataset
    cut = prepared(dataset, 20, "minmax").images
    assert cut.shape == (2, 20, 20, 2) and cut.min() == 0.0 and cut.max() == 1.0
    assert cut[0] == pytest.approx(scale_image(image[10:30, 10:30], "minmax"))
    with pytest.raises(LenszooError, match="a and the other images: 40 x 40 pixels, no square of"):
        prepared(dataset, 41, None)
