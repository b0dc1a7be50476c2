import numpy as np
import pytest
from astropy.visualization import ZScaleInterval

from lenszoo.layers.zscale import zscale_limits


@pytest.mark.parametrize("side", [20, 32, 64, 101])
def test_zscale_is_that_of_astropy(side):
    rng = np.random.default_rng(side)
    y, x = np.mgrid[:side, :side] - side / 2
    shape = np.exp(-np.hypot(x, y) / 6)
    skies = rng.normal(size=(4, side, side, 2)) + np.array([0.0, 30.0])
    stack = skies + np.array([0.0, 3.0, 50.0, 900.0])[:, None, None, None] * shape[None, ..., None]
    stack[3] = rng.integers(0, 2, stack[3].shape)  # half of the samples at either end
    stack = stack.astype(np.float32)
    low, high = (np.asarray(limit) for limit in zscale_limits(stack))
    for i in range(4):
        for band in range(2):
            ours = (low[i, band], high[i, band])
            theirs = ZScaleInterval().get_limits(stack[i, :, :, band])
            assert ours == pytest.approx(theirs, rel=1e-3, abs=2e-3 * float(np.ptp(theirs)))


def test_limits_follow_the_unit_of_the_flux():
    pixels = np.random.default_rng(1).gamma(0.5, size=(2, 40, 40, 1)).astype(np.float32)
    low, high = zscale_limits(pixels * np.float32(1e-28))
    for part, expected in zip((low, high), zscale_limits(pixels), strict=True):
        np.testing.assert_allclose(part, np.array(expected) * 1e-28, rtol=1e-4)
