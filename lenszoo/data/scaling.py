"""Central squares of images, and values scaled to about [0, 1]."""

import math
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from lenszoo.data.dataset import Dataset
from lenszoo.errors import LenszooError

ImageScaling: TypeAlias = Literal["minmax", "zscale"] | tuple[float, float]
"""Which values of an image become 0 and 1; see :func:`scale_image`."""


def check_scaling(scaling: ImageScaling | None) -> None:
    """Raise LenszooError unless ``scaling`` is None, "minmax", "zscale" or (low, high)."""
    if scaling is None or (isinstance(scaling, str) and scaling in ("minmax", "zscale")):
        return
    try:
        low, high = map(float, scaling)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise LenszooError(
            f"scaling must be 'minmax', 'zscale' or two numbers (low, high), low < high, not "
            f"{scaling!r}."
        )


def scale_image(image: np.ndarray, scaling: ImageScaling) -> np.ndarray:
    """Map values of an image (H, W, bands) to about [0, 1], float32.

    Args:
        image: floats; pixels that are not finite are passed over and stay.
        scaling: "minmax" maps the least and the greatest pixel of the image to 0 and 1, one map
            for all bands, as the DeepLense images are scaled; "zscale" the limits of IRAF's
            algorithm (:class:`astropy.visualization.ZScaleInterval`), band by band, and cuts off
            what lies beyond; (low, high) those two values, cutting nothing off. A constant image
            stays constant.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data.scaling import scale_image
        >>> scale_image(np.array([[[2.0], [4.0], [6.0]]]), "minmax").ravel().tolist()
        [0.0, 0.5, 1.0]
    """
    check_scaling(scaling)
    if scaling == "zscale":
        return np.stack([_zscaled(plane) for plane in np.moveaxis(image, 2, 0)], axis=2)
    if not isinstance(scaling, str):
        return _mapped(image, *map(float, scaling))
    finite = image[np.isfinite(image)]
    if not finite.size:
        return image.astype(np.float32)
    return _mapped(image, float(finite.min()), float(finite.max()))


def crop_image(image: np.ndarray, side: int, name: str) -> np.ndarray:
    """Cut the central square of an image (H, W, bands).

    Raises:
        LenszooError: the image is smaller.
    """
    height, width = image.shape[:2]
    if side > min(height, width):
        raise LenszooError(f"{name}: {height} x {width} pixels, no square of {side} to cut out.")
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def prepared(dataset: Dataset, crop: int | None, scaling: ImageScaling | None) -> Dataset:
    """Return a dataset in memory with each image cut to its central square, and scaled.

    Args:
        dataset: with images.
        crop: pixels a side; None cuts nothing.
        scaling: as for :func:`scale_image`; None scales nothing.

    Raises:
        LenszooError: the images are smaller than the square.
    """
    if dataset.images is None or (crop is None and scaling is None):
        return dataset
    check_scaling(scaling)
    images = dataset.images
    if crop is not None:
        name = f"{dataset.ids[0]} and the other images"
        images = np.stack([crop_image(image, crop, name) for image in images])
    if scaling is not None:
        images = np.stack([scale_image(image, scaling) for image in images])
    return replace(dataset, images=images)


def _zscaled(plane: np.ndarray) -> np.ndarray:
    from astropy.visualization import ZScaleInterval

    finite = plane[np.isfinite(plane)]
    if not finite.size:
        return plane.astype(np.float32)
    low, high = ZScaleInterval().get_limits(np.where(np.isfinite(plane), plane, np.median(finite)))
    return np.clip(_mapped(plane, float(low), float(high)), 0.0, 1.0)


def _mapped(image: np.ndarray, low: float, high: float) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return ((image.astype(np.float64) - low) / (high - low or 1.0)).astype(np.float32)
