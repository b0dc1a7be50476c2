"""Formats of image files: one row a format, from file name endings to the reader.

Prediction, training, upscaling and listing of folders all look formats up in :data:`FORMATS`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lenszoo.data import fits, npy, png, tiff
from lenszoo.data.fits import split_hdu
from lenszoo.errors import LenszooError


@dataclass(frozen=True)
class Format:
    """A format of image files.

    Attributes:
        name: a word for it.
        suffixes: file name endings, in lower case.
        read: from a file's name to its image, float32 (H, W, bands); raises LenszooError for a
            file that is missing, damaged or holds no single image.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[str], np.ndarray]


FORMATS: list[Format] = [
    Format("npy", (".npy",), npy.read_npy),
    Format("png", png.SUFFIXES, png.read_png),
    Format("tiff", tiff.SUFFIXES, tiff.read_tiff),
    Format("fits", fits.SUFFIXES, fits.read_pixels),
]
"""All formats that are read. A new one is a row here; upscaled images of it become ``.npy`` unless
:data:`lenszoo.inference.upscaling.formats.WRITERS` has a row too."""


def image_suffixes() -> tuple[str, ...]:
    """Return the file name endings of all formats, in lower case."""
    return tuple(suffix for row in FORMATS for suffix in row.suffixes)


IMAGE_SUFFIXES = image_suffixes()
"""File name endings that are read as images, in lower case."""


def is_image_file(name: str) -> bool:
    """Return whether a file name ends like an image that is read."""
    return name.lower().endswith(image_suffixes())


def without_suffix(name: str) -> str:
    """Return a file name without its ending, also ``.fits.gz``; other names as they are."""
    endings = [suffix for suffix in image_suffixes() if name.lower().endswith(suffix)]
    return name[: -max(map(len, endings))] if endings else name


def find_format(name: str | os.PathLike[str]) -> Format:
    """Return the format of a file by its ending; ``file.fits[SCI]`` is a FITS file.

    Raises:
        LenszooError: files that end so are not read.
    """
    file = split_hdu(os.fspath(name))[0].lower()
    for row in FORMATS:
        if file.endswith(row.suffixes):
            return row
    raise LenszooError(
        f"{os.fspath(name)}: not a kind of image file that is read; these are: "
        f"{', '.join(image_suffixes())}."
    )
