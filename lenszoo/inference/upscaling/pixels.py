"""Pixel values on their way into a network and back: bad ones mended, the rest scaled."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np

from lenszoo.errors import LenszooError

Scaling: TypeAlias = Literal["auto", "minmax", "none"] | tuple[float, float]
"""Which values of the image a network sees as 0 and 1; see :func:`find_range`."""

_ROWS = 256
BLOCK = 64
"""Side of the blocks whose least and greatest pixels set the range of a wide field."""
_SHARE = 0.1  # of the blocks, whose extremes do not count at either end


@dataclass(frozen=True)
class ValueRange:
    """The affine map between an image and the network's values: ``low`` is 0, ``high`` is 1.

    Where they are equal, all is 0 to the network, and every answer is ``low``.
    """

    low: float
    high: float

    def to_network(self, image: np.ndarray) -> np.ndarray:
        """Map pixel values to the network's, float32; values beyond the range are not cut off."""
        span = self.high - self.low or 1.0
        with np.errstate(over="ignore"):
            return ((image.astype(np.float64) - self.low) / span).astype(np.float32)

    def to_image(self, values: np.ndarray) -> np.ndarray:
        """Map the network's values back to those of the image, float64."""
        return values.astype(np.float64) * (self.high - self.low) + self.low


def check_scaling(scaling: Scaling) -> None:
    """Raise LenszooError unless ``scaling`` is "auto", "minmax", "none" or (low, high)."""
    if isinstance(scaling, str):
        if scaling in ("auto", "minmax", "none"):
            return
    else:
        try:
            low, high = map(float, scaling)
        except (TypeError, ValueError):
            low = high = math.nan
        if math.isfinite(low) and math.isfinite(high) and low < high:
            return
    raise LenszooError(
        "scaling must be 'auto', 'minmax', 'none' or two numbers (low, high), low < high, not "
        f"{scaling!r}."
    )


def find_range(image: np.ndarray, bad: np.ndarray | None, scaling: Scaling) -> ValueRange:
    """Find the values of an image that become 0 and 1.

    "minmax" takes the least and the greatest good pixel of the whole image. "auto" does so for an
    image of at most 128 pixels a side, a cutout as in training; of a wider field it takes the least
    and the greatest pixel of each block of 64 x 64 pixels, and of these the 10th and the 90th
    percentile, so that no single star sets the range. One map serves all bands, so that their
    colours stay the same, and all tiles, so that there are no seams. A constant image has no range,
    and stays constant.

    Args:
        image: (H, W, bands).
        bad: (H, W, bands) bool, pixels that do not count; None where all do.
        scaling: "auto", "minmax", "none" (values go in as they are) or (low, high).
    """
    check_scaling(scaling)
    if scaling == "none":
        return ValueRange(0.0, 1.0)
    if not isinstance(scaling, str):
        return ValueRange(float(scaling[0]), float(scaling[1]))
    if scaling == "auto" and max(image.shape[:2]) > 2 * BLOCK:
        lows, highs = _block_extremes(image, bad)
        if len(lows):
            low = float(np.quantile(lows, _SHARE, method="higher"))
            high = float(np.quantile(highs, 1 - _SHARE, method="lower"))
            if low < high:
                return ValueRange(low, high)
    good = True if bad is None else ~bad
    low = float(image.min(initial=np.inf, where=good))
    high = float(image.max(initial=-np.inf, where=good))
    return ValueRange(low, high) if low <= high else ValueRange(0.0, 0.0)  # without a good pixel


def blocks(shape: tuple[int, ...], side: int = BLOCK) -> Iterator[tuple[slice, slice]]:
    """Yield the places of blocks of about ``side`` pixels that cover an image (H, W, ...)."""
    edges = [
        np.linspace(0, length, max(1, length // side) + 1).astype(int).tolist()
        for length in shape[:2]
    ]
    for top, bottom in pairwise(edges[0]):
        for left, right in pairwise(edges[1]):
            yield slice(top, bottom), slice(left, right)


def _block_extremes(image: np.ndarray, bad: np.ndarray | None) -> tuple[list[float], list[float]]:
    """Return the least and the greatest good pixel of each block that has one."""
    lows, highs = [], []
    for place in blocks(image.shape):
        good = image[place] if bad is None else image[place][~bad[place]]
        if good.size:
            lows.append(float(good.min()))
            highs.append(float(good.max()))
    return lows, highs


def find_bad(image: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray | None:
    """Return which pixels (H, W, bands) are NaN, infinite or masked; None where none is.

    Raises:
        LenszooError: the mask is not (H, W) or (H, W, bands).
    """
    bad = ~np.isfinite(image)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.shape not in (image.shape, image.shape[:2]):
            raise LenszooError(
                f"The mask has shape {mask.shape}, but the image {image.shape}; give (H, W) or "
                "(H, W, bands), True where a pixel is bad."
            )
        bad |= mask.astype(bool).reshape(*mask.shape[:2], -1)
    return bad if bad.any() else None


def mend(image: np.ndarray, bad: np.ndarray | None) -> np.ndarray:
    """Give bad pixels a value of their surroundings, so that they do not leave a mark.

    Each takes the mean of the good pixels in the smallest square around it that holds any, of the
    2 x 2, 4 x 4, 8 x 8 ... squares that divide the image; 0 in a band without a good pixel.

    Args:
        image: (H, W, bands).
        bad: (H, W, bands) bool; None where all pixels are good.

    Returns:
        A copy of the image, or itself where all pixels are good.
    """
    if bad is None:
        return image
    mended = image.copy()
    for band in range(image.shape[2]):
        hole = bad[..., band]
        plane = mended[..., band]
        plane[hole] = 0.0
        _fill(plane, hole)
    return mended


def _fill(plane: np.ndarray, hole: np.ndarray) -> None:
    """Fill the holes of a plane, which are 0, from the same plane at half the size."""
    if not hole.any():
        return
    height, width = plane.shape
    if height == width == 1:
        return
    half = (height + 1) // 2, (width + 1) // 2
    total = np.zeros(half, np.float64)
    count = np.zeros(half, np.float64)
    for y in (0, 1):
        for x in (0, 1):
            part = plane[y::2, x::2]
            total[: part.shape[0], : part.shape[1]] += part
            count[: part.shape[0], : part.shape[1]] += ~hole[y::2, x::2]
    coarse = np.divide(total, count, out=np.zeros(half, np.float64), where=count > 0)
    _fill(coarse, count == 0)
    for start in range(0, height, _ROWS):  # by rows, for images that fill much of the memory
        rows, columns = np.nonzero(hole[start : start + _ROWS])
        rows += start
        plane[rows, columns] = coarse[rows // 2, columns // 2]
