"""Image files in and out of upscaling: what is read knows how its upscaled self is written."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np

from lenszoo.data.fits import read_fits, write_fits
from lenszoo.data.flux_units import finer_pixels
from lenszoo.data.formats import find_format
from lenszoo.data.npy import as_stored, read_header
from lenszoo.data.stacks import is_stack_file
from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling.checks import check_per_pixel
from lenszoo.inference.upscaling.tiles import Flux
from lenszoo.inference.upscaling.wcs import check_places, scaled_header

Write: TypeAlias = Callable[[np.ndarray, Sequence[str], BinaryIO], None]
"""Writes upscaled pixels (scale * H, scale * W, bands) to a stream, with lines that say how they
came about where the format can hold them."""


class Opened(NamedTuple):
    """An image that was read: float32 (H, W, bands), and how to write it upscaled."""

    pixels: np.ndarray
    write: Write


class Writer(NamedTuple):
    """How upscaled images of a format are written.

    Attributes:
        suffixes: the endings that an output may have, the usual one first.
        open: from a file's name, its output, the scale, an HDU and the unit of its pixels to the
            image; raises LenszooError where it cannot be read, or cannot be written to that output.
    """

    suffixes: tuple[str, ...]
    open: Callable[[str, Path, int, int | str | None, Flux], Opened]


def suffixes_out(name: str) -> tuple[str, ...]:
    """Return the endings that an output may have for an input of this name, the usual one first.

    Raises:
        LenszooError: the input is of a kind that is not read.
    """
    if is_stack_file(name) and not name.lower().endswith(".npy"):
        return _AS_ARRAY.suffixes
    return _writer(name).suffixes


def open_image(
    name: str,
    target: Path,
    scale: int,
    hdu: int | str | None = None,
    flux: Flux = "surface_brightness",
) -> Opened:
    """Read an image that is to be written, ``scale`` times finer, to ``target``.

    Raises:
        LenszooError: it is missing, damaged or holds no single image, is in colour where a grey
            PNG is wanted, or has a unit per area where ``flux`` is per pixel.
    """
    return _writer(name).open(name, target, scale, hdu, flux)


def _writer(name: str) -> Writer:
    return WRITERS.get(find_format(name).name, _AS_ARRAY)


def _open_fits(name: str, target: Path, scale: int, hdu: int | str | None, flux: Flux) -> Opened:
    image = read_fits(name, hdu)
    header = scaled_header(image.header, scale, name)
    check_places(image.header, header, scale, image.shape, name)
    primary = None if image.primary is None else image.primary.copy()
    for each in (header, primary):  # a zero point may stand in either
        if each is None:
            continue
        if flux == "surface_brightness":
            finer_pixels(each, scale)
        else:
            check_per_pixel(each, name)
    fine = replace(image, header=header, primary=primary)
    return Opened(image.pixels, functools.partial(write_fits, fine))


def _open_png(name: str, target: Path, scale: int, hdu: int | str | None, flux: Flux) -> Opened:
    if target.suffix.lower() != ".png":
        return _open_other(name, target, scale, hdu, flux)
    pixels = find_format(name).read(name)
    if pixels.shape[2] != 1:
        raise LenszooError(f"{name}: colour has no 16-bit PNG here; write .npy.")
    return Opened(pixels, _write_png)


def _open_npy(name: str, target: Path, scale: int, hdu: int | str | None, flux: Flux) -> Opened:
    header = read_header(name)
    pixels = find_format(name).read(name)

    def write(fine: np.ndarray, history: Sequence[str], out: BinaryIO) -> None:
        _save(as_stored(fine, header.shape, header.hwc_axes), out)

    return Opened(pixels, write)


def _open_other(name: str, target: Path, scale: int, hdu: int | str | None, flux: Flux) -> Opened:
    return Opened(find_format(name).read(name), _write_array)


def _write_array(pixels: np.ndarray, history: Sequence[str], out: BinaryIO) -> None:
    _save(pixels[..., 0] if pixels.shape[2] == 1 else pixels, out)


def _save(array: np.ndarray, out: BinaryIO) -> None:
    np.save(out, np.ascontiguousarray(array), allow_pickle=False)


def _write_png(pixels: np.ndarray, history: Sequence[str], out: BinaryIO) -> None:
    """Write [0, 1] as 16-bit grey; what lies beyond is cut off, as PNG knows no other values."""
    from PIL import Image, PngImagePlugin

    grey = np.rint(np.clip(pixels[..., 0], 0.0, 1.0) * 65535.0).astype(np.uint16)
    text: Any = PngImagePlugin.PngInfo()
    text.add_itxt("Comment", "\n".join(history))
    Image.fromarray(grey).save(out, "PNG", pnginfo=text)


_AS_ARRAY = Writer((".npy",), _open_other)
WRITERS = {
    "npy": Writer((".npy",), _open_npy),
    "png": Writer((".npy", ".png"), _open_png),
    "fits": Writer((".fits", ".fit", ".fts"), _open_fits),
}
"""By the name of the input's format; outputs of other formats are ``.npy``."""
