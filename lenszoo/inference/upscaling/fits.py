"""FITS files in and out of upscaling: one image HDU with its header."""

import math
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lenszoo.data.npy import MAX_BANDS, one_line, unreadable
from lenszoo.data.readers import split_hdu
from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling.wcs import scaled_header

COMPRESSED = (".gz", ".fz")
_MAX_PIXELS = 2**31
"""The most pixels a compressed image may claim; one that is not compressed must hold them."""

# warnings.catch_warnings changes the state of the whole process.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class FitsImage:
    """One image of a FITS file.

    Attributes:
        pixels: float32 (H, W, bands), native byte order; NaN where BLANK says so.
        shape: the array's shape in the file, such as (H, W) or (bands, H, W).
        header: for the upscaled image, see :func:`lenszoo.inference.upscaling.wcs.scaled_header`.
        primary: the header of an empty primary HDU where the image is in an extension, else None.
        extension: whether the image is in an extension.
    """

    pixels: np.ndarray
    shape: tuple[int, ...]
    header: Any
    primary: Any
    extension: bool


def read_fits(name: str, scale: int, wanted: int | str | None = None) -> FitsImage:
    """Read the image of a FITS file; gzipped and tile-compressed files as well.

    Args:
        name: the file; ``file.fits[2]``, ``file.fits[SCI]`` or ``file.fits[SCI,2]`` names an HDU.
        scale: how many times finer the pixels will be that are written with its header.
        wanted: the HDU, where the brackets name none.

    Raises:
        LenszooError: the file is missing, damaged or cut short, has no image, several and none
            chosen, or no HDU of that name; the image is neither (H, W) nor (bands, H, W), or its
            coordinates cannot be upscaled.
    """
    from astropy.io import fits

    file, named = split_hdu(name)
    wanted = wanted if named is None else named
    try:
        with Path(file).open("rb"):  # so that missing and forbidden files read alike everywhere
            pass
    except OSError as error:
        raise unreadable(name, error) from error
    try:
        with _LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of truncation and odd cards: checked below
            # uint=False: BLANK is lost on the way to unsigned integers
            with fits.open(file, memmap=False, uint=False) as hdus:
                return _read(name, file, hdus, _choose(name, hdus, wanted), scale)
    except (LenszooError, MemoryError):
        raise
    except Exception as error:  # astropy raises nearly anything for damaged files
        raise LenszooError(
            f"{name}: not a FITS file, or a damaged one ({one_line(error)}); copy or make it again."
        ) from error


def write_fits(image: FitsImage, pixels: np.ndarray, history: Sequence[str], out: BinaryIO) -> None:
    """Write an upscaled image with the header of the one it was made from.

    An image from an extension is written to one, behind its file's primary header; other HDUs of
    the file are not copied.

    Args:
        image: what was upscaled.
        pixels: float32 (scale * H, scale * W, bands).
        history: lines for the header.
        out: where to.
    """
    from astropy.io import fits

    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cards that were odd before
        header = image.header.copy()
        for line in history:
            header.add_history(line.encode("unicode_escape").decode("ascii"))
        data = pixels.transpose(2, 0, 1).reshape(*image.shape[:-2], *pixels.shape[:2])
        if not image.extension:
            hdus = fits.HDUList([fits.PrimaryHDU(data, header)])
        else:
            primary = fits.PrimaryHDU(header=image.primary)
            if "NEXTEND" in primary.header:
                primary.header["NEXTEND"] = 1
            hdus = fits.HDUList([primary, fits.ImageHDU(data, header)])
        hdus.writeto(out, output_verify="silentfix+ignore")


def _read(name: str, file: str, hdus: Any, at: int, scale: int) -> FitsImage:
    hdu = hdus[at]
    shape = tuple(hdu.shape)
    _check_size(name, file, hdu, shape)
    inner = shape
    while len(inner) > 2 and inner[0] == 1:
        inner = inner[1:]
    if len(inner) not in (2, 3) or (len(inner) == 3 and inner[0] > MAX_BANDS):
        raise LenszooError(
            f"{name}: shape {shape} is not one image: (H, W), or (bands, H, W) with at most "
            f"{MAX_BANDS} bands."
        )
    header = scaled_header(hdu.header, scale, name)
    with np.errstate(over="ignore"):
        pixels = np.asarray(hdu.data).astype(np.float32)  # also from big-endian to native
    pixels = pixels.reshape(-1, *inner[-2:]).transpose(1, 2, 0)
    primary = hdus[0].header.copy() if at > 0 and not _is_image(hdus[0]) else None
    return FitsImage(np.ascontiguousarray(pixels), shape, header, primary, at > 0)


def _check_size(name: str, file: str, hdu: Any, shape: tuple[int, ...]) -> None:
    """Raise LenszooError where a header claims more than there is, before memory is asked for."""
    if file.lower().endswith(COMPRESSED) or type(hdu).__name__.startswith("Comp"):
        if math.prod(shape) > _MAX_PIXELS:
            raise LenszooError(f"{name}: shape {shape} is too large; cut it first.")
        return
    place = hdu.fileinfo()
    needed = math.prod(shape) * abs(hdu.header["BITPIX"]) // 8
    have = Path(file).stat().st_size - place["datLoc"]
    if have < needed:
        raise LenszooError(
            f"{name}: truncated, {max(have, 0):,} of {needed:,} bytes of its image; copy or make "
            "it again."
        )


def _is_image(hdu: Any) -> bool:
    return bool(hdu.is_image and math.prod(hdu.shape or (0,)))


def _choose(name: str, hdus: Any, wanted: int | str | None) -> int:
    """Return the position of the HDU that is meant."""
    images = [i for i, hdu in enumerate(hdus) if _is_image(hdu)]
    if not images:
        raise LenszooError(f"{name}: no HDU of this FITS file holds an image.")
    found = images if wanted is None else [i for i in range(len(hdus)) if _is(hdus, i, wanted)]
    if len(found) == 1 and found[0] in images:
        return found[0]
    listed = ", ".join(_describe(hdus, i) for i in images)
    if wanted is None:
        raise LenszooError(
            f"{name}: holds {len(images)} images ({listed}); choose one with hdu=, or in brackets "
            f"as in {Path(name).name}[{hdus[images[0]].name or images[0]}]."
        )
    fault = f"HDU {wanted!r} holds no image" if len(found) == 1 else f"no HDU {wanted!r}"
    if len(found) > 1:
        fault = f"{len(found)} HDUs are called {wanted!r}, choose one by its number"
    raise LenszooError(f"{name}: {fault}; images are: {listed}.")


def _is(hdus: Any, at: int, wanted: int | str) -> bool:
    """Whether an HDU is the one that is wanted: by number, NAME, or NAME,VERSION."""
    if isinstance(wanted, int) or wanted.isdecimal():
        return at == int(wanted)
    name, _, version = wanted.partition(",")
    hdu = hdus[at]
    return hdu.name == name.strip().upper() and version.strip() in ("", str(hdu.ver))


def _describe(hdus: Any, at: int) -> str:
    hdu = hdus[at]
    label = f"{at} {hdu.name}".strip() + (f",{hdu.ver}" if hdu.name and hdu.ver > 1 else "")
    return f"{label} {' x '.join(map(str, hdu.shape))}"
