"""Check of the pixel scale of images against that of a model's training."""

import logging

from lenszoo.data.fits import read_pixel_scale
from lenszoo.errors import LenszooError
from lenszoo.inference.inputs import Images

log = logging.getLogger("lenszoo")

TOLERANCE = 0.05
"""Pixel scales that differ by less, relatively, are taken for the same."""


def check_pixel_scale(
    images: Images, trained: float | None, scale: float | None = None
) -> str | None:
    """Warn of images whose pixels are not as large in the sky as a model's; return the line.

    Args:
        images: the model's images; the first that is there stands for all.
        trained: arcsec a pixel of the model's training, None where unknown.
        scale: arcsec a pixel of the images; by default what their header says, if anything.
    """
    if trained is None:
        return None
    first = images.first()
    if scale is None and images.paths is not None and images.paths[first] is not None:
        scale = read_pixel_scale(images.paths[first])
    if scale is None:
        return None
    seen = scale * _shrinks(images, first)
    if abs(seen / trained - 1) <= TOLERANCE:
        return None
    resized = "" if seen == scale else f", {seen:.3g} once resized"
    line = (
        f"{images.name(first)}: {scale:.3g} arcsec a pixel{resized}, but {images.fit.label} "
        f"learned at {trained:.3g} and will take all for {trained / seen:.2g} times as large: "
        f"resample to {trained:.3g} first (reproject does), or train it on such images."
    )
    log.warning("%s", line)
    return line


def _shrinks(images: Images, row: int) -> float:
    """By how much an image's pixels grow when it is resized."""
    height = images.fit.shape[0]
    if not images.fit.resize or not height:
        return 1.0
    try:
        return images.height(row) / height
    except LenszooError:  # reading it will tell
        return 1.0
