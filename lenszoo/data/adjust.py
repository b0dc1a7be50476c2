"""Adjust cutouts to the images of a training: masked pixels, sky and zero point."""

import numpy as np

from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.sky import SkyMethod, subtract_sky


def adjust_cutout(
    image: np.ndarray,
    mask_value: float | None = None,
    sky: SkyMethod | None = None,
    zero_point: float | None = None,
) -> None:
    """Mask, subtract the sky from and scale an image (H, W, bands), in place.

    Args:
        image: as read.
        mask_value: pixel value that becomes NaN.
        sky: way to measure the sky level that is subtracted.
        zero_point: AB magnitude of flux 1, which becomes 25.
    """
    if mask_value is not None:
        image[image == np.float32(mask_value)] = np.nan
    if sky is not None:
        subtract_sky(image[None], sky)
    if zero_point is not None:
        image *= flux_factor(zero_point)


def flux_factor(zero_point: float) -> np.float32:
    """Return what fluxes are multiplied by to bring a zero point [mag, AB] to 25."""
    return np.float32(10 ** (0.4 * (ZERO_POINT - zero_point)))
