"""Check of the pixel scale of images against that of a model's training."""

import logging
import os
from typing import Any

from lenszoo.data.fits import axis_scales
from lenszoo.data.pixel_scale import check_band_scales, same_scale, shown_scales
from lenszoo.errors import LenszooError
from lenszoo.inference.inputs import Images

log = logging.getLogger("lenszoo")

_LOOKED_AT = 32

Scales = tuple[float, float]
"""Arcsec a pixel along the columns and along the rows of an image."""


def check_pixel_scale(
    images: Images, trained: float | None, scale: float | None = None
) -> list[str]:
    """Warn of images whose pixels are not as large in the sky as a model's; return the lines.

    Args:
        images: the model's images; the headers of some, evenly over all, are looked at, and those
            that give no coordinates passed over.
        trained: arcsec a pixel of the model's training, None where unknown.
        scale: arcsec a pixel of the images; by default what their headers say, if anything.
    """
    rows = [images.first()] if scale is not None else images.spread(_LOOKED_AT)
    paths = [] if images.paths is None else [images.paths[row] for row in rows]
    notes = [next(filter(None, map(check_band_scales, paths)), None)]
    if trained is not None and scale is not None:
        notes.append(_compare(images, trained, [(rows[0], (scale, scale))]))
    elif trained is not None:
        notes.append(_compare(images, trained, _read_scales(rows, paths)))
    return [note for note in notes if note is not None]


def _read_scales(rows: list[int], paths: list[Any]) -> list[tuple[int, Scales]]:
    """Return what the headers of the images of some rows tell, one item a file of an image.

    A file of which several images are parts is read once.
    """
    read: dict[str, Scales | None] = {}
    scales = []
    for row, path in zip(rows, paths, strict=False):
        bands = [path] if path is None or isinstance(path, str | os.PathLike) else path
        for file in (os.fspath(band) for band in bands if band is not None):
            if file not in read:
                read[file] = axis_scales(file)
            if (along := read[file]) is not None:
                scales.append((row, along))
    return scales


def _compare(images: Images, trained: float, scales: list[tuple[int, Scales]]) -> str | None:
    """Warn of the first of some images whose pixels are of another scale than ``trained``."""
    odd = []
    for row, (columns, rows) in scales:
        height, width = _growth(images, row)
        seen = columns * width, rows * height
        if not all(same_scale(along, trained) for along in seen):
            odd.append((row, (columns, rows), seen))
    if not odd:
        return None
    row, own, seen = odd[0]
    count, of = len({row for row, *_ in odd}), len({row for row, _ in scales})
    few = "" if count == of else f" ({count} of {of} images looked at)"
    resized = "" if seen == own else f", {shown_scales(*seen)} once resized"
    times = trained / seen[0], trained / seen[1]
    larger = f"{times[0]:.2g}" if same_scale(*times) else f"{times[0]:.2g} x {times[1]:.2g}"
    line = (
        f"{images.name(row)}{few}: {shown_scales(*own)} arcsec a pixel{resized}, but "
        f"{images.fit.label} learned at {trained:.3g} and will take all for {larger} times as "
        f"large: resample to {trained:.3g} first (reproject does), or train it on such images."
    )
    log.warning("%s", line)
    return line


def _growth(images: Images, row: int) -> tuple[float, float]:
    """By how much an image's pixels grow along rows and columns when it is resized."""
    height, width = images.fit.shape[:2]
    if not images.fit.resize or not height or not width:
        return 1.0, 1.0
    try:
        own = images.size(row)
    except LenszooError:  # reading it will tell
        return 1.0, 1.0
    return own[0] / height, own[1] / width
