"""Do images have the pixel scale that a model knows?"""

import logging

from lenszoo.data.fits import read_pixel_scale
from lenszoo.errors import LenszooError
from lenszoo.inference.inputs import Images

log = logging.getLogger("lenszoo")

TOLERANCE = 0.05
"""Pixel scales that differ by less, relatively, are taken for the same."""


def check_pixel_scale(images: Images, known: float | None, given: float | None = None) -> None:
    """Warn, in a line, of images whose pixels are not as large in the sky as a model's.

    Args:
        images: what the model looks at; the first that is there speaks for all.
        known: arcsec a pixel of the model's training, None where unknown.
        given: arcsec a pixel of the images; by default what their header says, if anything.
    """
    if known is None:
        return
    first = images.first()
    if given is None and images.paths is not None and images.paths[first] is not None:
        given = read_pixel_scale(images.paths[first])
    if given is None:
        return
    seen = given * _shrinks(images, first)
    if abs(seen / known - 1) <= TOLERANCE:
        return
    resized = "" if seen == given else f", {seen:.3g} once resized"
    log.warning(
        "%s: %.3g arcsec a pixel%s, but %s learned at %.3g and will take all for %.2g times as "
        "large: resample to %.3g first (reproject does), or train it on such images.",
        images.name(first), given, resized, images.fit.label, known, known / seen, known,
    )  # fmt: skip


def _shrinks(images: Images, row: int) -> float:
    """By how much an image's pixels grow when it is resized."""
    wanted = images.fit.shape[0]
    if not images.fit.resize or not wanted:
        return 1.0
    try:
        return images.height(row) / wanted
    except LenszooError:  # reading it will tell
        return 1.0
