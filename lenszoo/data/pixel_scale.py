"""Pixel scales of images side by side: of two axes, of several bands, of two cameras."""

import logging
import os
from typing import Any

from lenszoo.data.fits import axis_scales

log = logging.getLogger("lenszoo")

TOLERANCE = 0.05
"""Pixel scales that differ by less, relatively, are taken for the same."""


def same_scale(scale: float, other: float) -> bool:
    """Whether two pixel scales are taken for the same."""
    return abs(scale / other - 1) <= TOLERANCE


def shown_scales(columns: float, rows: float) -> str:
    """Return the numbers of both axes as text, once where they are the same."""
    return f"{columns:.3g}" if same_scale(columns, rows) else f"{columns:.3g} x {rows:.3g}"


def check_band_scales(path: Any) -> str | None:
    """Warn of an image in several files, one a band, whose pixel scales differ; return the line.

    Args:
        path: as for :func:`lenszoo.data.read_image`.
    """
    if path is None or isinstance(path, str | os.PathLike):
        return None
    read = [(os.fspath(file), axis_scales(file)) for file in path if file is not None]
    bands = [(name, scales) for name, scales in read if scales is not None]
    for name, scales in bands[1:]:
        first, own = bands[0]
        if not all(map(same_scale, scales, own)):
            line = (
                f"{name}: {shown_scales(*scales)} arcsec a pixel, but {first}, another band of the "
                f"same image, has {shown_scales(*own)}: resample them to one grid first (reproject "
                "does)."
            )
            log.warning("%s", line)
            return line
    return None
