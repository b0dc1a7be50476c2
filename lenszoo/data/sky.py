"""The sky level and its noise, measured on the image itself."""

from typing import Literal, NamedTuple, get_args

import numpy as np

from lenszoo.errors import unknown
from lenszoo.masked import unmasked

SkyMethod = Literal["median", "border"]
"""Ways to measure the sky: over the whole frame, or along its border, clipped."""

CLIP_SIGMA = 3.0
_CLIPS = 4
_GREATEST = 1e38  # beyond which sums of two pixels may leave float32
_ONE_SIGMA = 0.158655254  # the part of a normal distribution below -1 sigma


class Sky(NamedTuple):
    """The sky of n images.

    Attributes:
        level: (n, bands) float32, in the unit of the images.
        rms: (n, bands) float32, the noise of one pixel.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import measure_sky
        >>> images = np.random.default_rng(0).normal(5.0, 1.0, (3, 32, 32, 1))
        >>> sky = measure_sky(images)
        >>> sky.level.shape, sky.rms.shape
        ((3, 1), (3, 1))
    """

    level: np.ndarray
    rms: np.ndarray


def check_sky(sky: str | None) -> None:
    """Raise LenszooError unless ``sky`` is None, "median" or "border"."""
    if sky is not None and sky not in get_args(SkyMethod):
        raise unknown("way to measure the sky (sky)", sky, get_args(SkyMethod))


def measure_sky(images: np.ndarray, method: SkyMethod = "border") -> Sky:
    """Measure the sky level and the noise of one pixel, band by band.

    ``"border"`` takes a frame of pixels along the edges (a sixteenth of the shorter side wide) and
    clips it at 3 sigma until only sky is left, so stars and neighbours there do no harm. Light of
    the object that fills the cutout to its edge counts as sky. ``"median"`` is the median of all
    finite pixels, for surveys of empty fields; its rms is measured in the same way.

    Sigma is half the range between the 16th and the 84th percentile of what was not clipped.

    Args:
        images: (n, H, W, bands) floats; pixels that are masked or not finite are passed over.
        method: "border" or "median".

    Returns:
        Level and rms, NaN for a band without a finite pixel there.

    Raises:
        LenszooError: an unknown method.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import measure_sky
        >>> images = np.random.default_rng(0).normal(5.0, 1.0, (3, 32, 32, 1))
        >>> bool(np.all(abs(measure_sky(images).level - 5.0) < 0.5))
        True
    """
    check_sky(method)
    images = unmasked(images)
    pixels = (
        _border(images) if method == "border" else images.reshape(len(images), -1, images.shape[-1])
    )
    pixels = np.array(np.moveaxis(pixels, 2, 1), np.float32, order="C")  # a copy, to be sorted
    infinite = np.abs(pixels) > _GREATEST
    if infinite.any():
        pixels[infinite] = np.nan
    pixels.sort(axis=-1)  # NaN comes last
    first = np.zeros(pixels.shape[:2], np.int64)
    last = pixels.shape[2] - np.isnan(pixels).sum(-1)  # one past the end
    level, rms = _middle(pixels, first, last), _spread(pixels, first, last)
    if method == "median":
        return Sky(level, rms)
    for _ in range(_CLIPS):
        reach = (CLIP_SIGMA * rms)[..., None]
        with np.errstate(invalid="ignore"):
            first = (pixels < level[..., None] - reach).sum(-1)
            last = (pixels <= level[..., None] + reach).sum(-1)
        level, rms = _middle(pixels, first, last), _spread(pixels, first, last)
    return Sky(level, rms)


def subtract_sky(images: np.ndarray, method: SkyMethod) -> None:
    """Subtract the sky level of each band from (n, H, W, bands) images, in place."""
    level = measure_sky(images, method).level
    with np.errstate(invalid="ignore"):  # a band without a finite pixel stays NaN
        images -= level[:, None, None, :]


def _border(images: np.ndarray) -> np.ndarray:
    """Return (n, pixels, bands): a frame along the edges, each pixel once."""
    n, height, width, bands = images.shape
    edge = max(1, min(height, width) // 16)
    if 2 * edge >= min(height, width):
        return images.reshape(n, -1, bands)
    strips = (
        images[:, :edge],
        images[:, -edge:],
        images[:, edge:-edge, :edge],
        images[:, edge:-edge, -edge:],
    )
    return np.concatenate([strip.reshape(n, -1, bands) for strip in strips], axis=1)


def _middle(ordered: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    return (_at(ordered, (first + last - 1) // 2) + _at(ordered, (first + last) // 2)) / 2


def _spread(ordered: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    below = (_ONE_SIGMA * (last - first)).astype(np.int64)
    return (_at(ordered, last - 1 - below) - _at(ordered, first + below)) / 2


def _at(ordered: np.ndarray, position: np.ndarray) -> np.ndarray:
    position = np.clip(position, 0, ordered.shape[-1] - 1)
    return np.take_along_axis(ordered, position[..., None], -1)[..., 0]
