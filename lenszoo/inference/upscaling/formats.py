"""Image files in and out of upscaling: what is read knows how its upscaled self is written."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np

from lenszoo.data.npy import NpyHeader, parse_header, read_npy, unreadable
from lenszoo.data.readers import FITS_SUFFIXES, PILLOW_SUFFIXES, read_image, split_hdu
from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling.fits import read_fits, write_fits

FITS_OUT = (".fits", ".fit", ".fts")
# An .npy header is padded to 64 bytes and describes one array; this is hundreds of times that.
_NPY_HEADER = 2**16


Write: TypeAlias = Callable[[np.ndarray, Sequence[str], BinaryIO], None]
"""Writes upscaled pixels (scale * H, scale * W, bands) to a stream, with lines that say how they
came about where the format can hold them."""


class Opened(NamedTuple):
    """An image that was read: float32 (H, W, bands), and how to write it upscaled."""

    pixels: np.ndarray
    write: Write


def suffixes_out(name: str) -> tuple[str, ...]:
    """Return the endings that an output may have for an input of this name, the usual one first.

    Raises:
        LenszooError: the input is of a kind that is not read.
    """
    lower = split_hdu(name)[0].lower()
    if lower.endswith(".npy"):
        return (".npy",)
    if lower.endswith(PILLOW_SUFFIXES):
        return (".npy", ".png")
    if lower.endswith(FITS_SUFFIXES):
        return FITS_OUT
    raise LenszooError(
        f"{name}: not a kind of image file that is upscaled; these are: .npy, "
        f"{', '.join(PILLOW_SUFFIXES + FITS_SUFFIXES)}."
    )


def open_image(name: str, target: Path, scale: int, hdu: int | str | None = None) -> Opened:
    """Read an image that is to be written, ``scale`` times finer, to ``target``.

    Raises:
        LenszooError: it is missing, damaged or holds no single image, or is in colour where a
            grey PNG is wanted.
    """
    lower = split_hdu(name)[0].lower()
    if lower.endswith(FITS_SUFFIXES):
        image = read_fits(name, scale, hdu)
        return Opened(
            image.pixels, lambda pixels, history, out: write_fits(image, pixels, history, out)
        )
    if lower.endswith(PILLOW_SUFFIXES):
        pixels = read_image(name)
        if target.suffix.lower() != ".png":
            return Opened(pixels, _write_array)
        if pixels.shape[2] != 1:
            raise LenszooError(f"{name}: colour has no 16-bit PNG here; write .npy.")
        return Opened(pixels, _write_png)
    header = _npy_header(name)
    return Opened(read_npy(name), lambda pixels, _, out: _save(_as_stored(pixels, header), out))


def _npy_header(name: str) -> NpyHeader:
    try:
        with Path(name).open("rb") as stream:
            return parse_header(stream.read(_NPY_HEADER), name)
    except OSError as error:
        raise unreadable(name, error) from error


def _as_stored(pixels: np.ndarray, header: NpyHeader) -> np.ndarray:
    """Bring (H, W, bands) to the order of axes of the array that was read."""
    if len(header.shape) == 2:
        return pixels[..., 0]
    stored = pixels.transpose(np.argsort(header.hwc_axes))
    return stored[None] if len(header.shape) == 4 else stored


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
