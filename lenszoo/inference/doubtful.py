"""Notes on images that may not be what they are read as."""

import logging
import os

import numpy as np

from lenszoo.data.npy import read_header
from lenszoo.errors import LenszooError
from lenszoo.inference.inputs import Images

log = logging.getLogger("lenszoo")

NEARLY_ALL = 0.99
"""Share of the pixels of a band from which on one value in them is told of."""

_LOOKED_AT = 16


def note_axes(images: Images) -> str | None:
    """Tell of a single ``.npy`` file whose first axis is read as bands; return the line.

    Several such files are an image each; one alone may as well be a stack of images of one band,
    which arrays in memory of this shape are.
    """
    path = images.paths[0] if images.paths is not None and len(images) == 1 else None
    if not isinstance(path, str | os.PathLike) or not os.fspath(path).lower().endswith(".npy"):
        return None
    try:
        header = read_header(path)
    except LenszooError:  # reading the image will tell
        return None
    bands = header.shape[0]
    if len(header.shape) != 3 or bands == 1 or header.hwc_axes != (1, 2, 0):
        return None
    stack = (bands, *header.shape[1:], 1)
    line = (
        f"{images.name(0)}: {header.shape} is read as one image of {bands} bands; for {bands} "
        f"images of one band save {stack}."
    )
    log.info("%s", line)
    return line


def check_rounding(images: Images) -> str | None:
    """Warn of images with one value in nearly all pixels of a band; return the line."""
    looked_at = images.sample(_LOOKED_AT)
    if not len(looked_at):  # none can be read, which reading them will tell
        return None
    middle = np.median(looked_at, axis=(1, 2), keepdims=True)
    shares = np.mean(looked_at == middle, axis=(1, 2))
    flat = np.argwhere((shares > NEARLY_ALL) & (shares < 1.0))  # constant bands are refused
    if not len(flat):
        return None
    row, band = flat[0]
    count = len(np.unique(flat[:, 0]))
    line = (
        f"{images.name(images.first())}{' and others' * (len(images) > 1)}: nearly all pixels are "
        f"{middle[row, 0, 0, band]:.4g} ({count} of {len(looked_at)} images looked at are like "
        "it): were the images rounded, or masked?"
    )
    log.warning("%s", line)
    return line
