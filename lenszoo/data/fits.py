"""FITS files: one image HDU with its header, chosen and checked by the same rules everywhere.

An image that its file cannot hold is refused before memory is asked for.
"""

import contextlib
import io
import math
import os
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lenszoo.data.fits_headers import unpacked, walk
from lenszoo.data.npy import MAX_BANDS
from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line

SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fits.fz")
"""File name endings of FITS files, in lower case."""

MAX_PIXELS = 2**31
"""The most pixels an image may have."""

# Of a compressed image, whose header costs nothing to forge: pixels that may always be claimed, and
# pixels for each byte of the file.
_CLAIMED, _CLAIMED_A_BYTE = 2**26, 50
_SCIENCE = "SCI"  # as the archives of HST and JWST call the image among its errors and masks
_SHOWN = 8
_ARCSEC = 3600.0

# warnings.catch_warnings changes the state of the whole process, and files are read in threads.
_LOCK = threading.RLock()


@dataclass(frozen=True)
class FitsImage:
    """One image of a FITS file.

    Attributes:
        pixels: float32 (H, W, bands), BSCALE and BZERO applied; NaN where BLANK says so.
        shape: the array's shape in the file, such as (H, W) or (bands, H, W).
        header: the image's astropy header.
        primary: the header of an empty primary HDU where the image is in an extension, else None.
        extension: whether the image is in an extension.
    """

    pixels: np.ndarray
    shape: tuple[int, ...]
    header: Any
    primary: Any
    extension: bool


def missing_cells(hdu: Any, column: str, rows: slice = slice(None)) -> np.ndarray | None:
    """Mask of the cells of a table's column that hold its TNULL; None without one, and of lists.

    TNULL is a value as stored, before TSCAL and TZERO (FITS standard 4.0, 7.3.2), which astropy
    compares with values after them.

    Args:
        hdu: a table HDU of astropy.
        column: name of the column.
        rows: those to look at.
    """
    null = hdu.columns[column].null
    if null in (None, ""):
        return None
    stored = hdu.data.view(np.ndarray)[column][rows]
    if stored.ndim > 1:  # lists, of which these may be lengths and places
        return None
    if stored.dtype.kind in "SU":  # a table of text
        return np.char.strip(stored.astype("S")) == str(null).strip().encode()
    return stored == null


def split_hdu(name: str) -> tuple[str, int | str | None]:
    """Split ``"a.fits[SCI,2]"`` into the file and the HDU's number or name (None without one)."""
    match = re.fullmatch(r"(.+)\[([^\[\]]+)\]", name)
    if match is None or not match[1].lower().endswith(SUFFIXES):
        return name, None
    return match[1], int(match[2]) if re.fullmatch(r"[0-9]{1,9}", match[2]) else match[2]


def read_fits(name: str, hdu: int | str | None = None) -> FitsImage:
    """Read one image of a FITS file, gzipped and tile-compressed ones too.

    ``file.fits[2]`` names an HDU by its number, ``file.fits[SCI]`` by its name and
    ``file.fits[SCI,2]`` by name and version. Without a choice it is the only image or, of several,
    the only one that is called SCI.

    Args:
        name: the file.
        hdu: the HDU, where the brackets name none: 2, "2", "SCI" or "SCI,2".

    Raises:
        LenszooError: the file is missing, damaged, cut short or not regular; it has no image, or
            several and no choice among them; the image is neither (H, W) nor (bands, H, W).
    """
    with _opened(name, hdu) as chosen:
        shape = tuple(chosen.hdu.shape)
        inner = shape
        while len(inner) > 2 and inner[0] == 1:
            inner = inner[1:]
        if len(inner) not in (2, 3) or (len(inner) == 3 and inner[0] > MAX_BANDS):
            raise LenszooError(
                f"{name}: shape {shape} is not one image: (H, W), or (bands, H, W) with at most "
                f"{MAX_BANDS} bands."
            )
        header = chosen.hdu.header.copy()
        with np.errstate(over="ignore"):
            pixels = np.asarray(chosen.hdu.data).astype(np.float32)  # also to native byte order
        pixels = np.ascontiguousarray(pixels.reshape(-1, *inner[-2:]).transpose(1, 2, 0))
        return FitsImage(pixels, shape, header, chosen.primary, chosen.at > 0)


def read_headers(name: str) -> list[Any]:
    """Return the header of the image that a name means, and of an empty primary HDU before it.

    Raises:
        LenszooError: as :func:`read_fits`.
    """
    with _opened(name) as chosen:
        primary = [] if chosen.primary is None else [chosen.primary]
        return [chosen.hdu.header.copy(), *primary]


def read_pixels(name: str) -> np.ndarray:
    """Return the float32 (H, W, bands) of :func:`read_fits`."""
    return read_fits(name).pixels


def write_fits(image: FitsImage, pixels: np.ndarray, history: Sequence[str], out: BinaryIO) -> None:
    """Write pixels with the header of the image they were made from.

    An image from an extension is written to one, behind its file's primary header; other HDUs of
    the file are not copied.

    Args:
        image: shape and headers.
        pixels: float32 (H, W, bands), of any size.
        history: lines for the header.
        out: the stream.
    """
    from astropy.io import fits

    with quiet():  # of cards that were odd before
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


def read_pixel_scale(path: Any) -> float | None:
    """Return the arcsec a pixel of an image from the celestial coordinates in its header.

    Args:
        path: as for :func:`lenszoo.data.read_image`; of a list of bands the first that is there.

    Returns:
        The geometric mean over both axes; None where the file gives no celestial coordinates or
        cannot be read, which reading its pixels will tell.
    """
    parts = [path] if isinstance(path, str | os.PathLike) else [p for p in path if p is not None]
    scales = axis_scales(parts[0]) if parts else None
    return None if scales is None else math.sqrt(scales[0] * scales[1])


def axis_scales(file: str | os.PathLike[str]) -> tuple[float, float] | None:
    """Return the arcsec a pixel of one file along its columns and rows; None as above."""
    if not split_hdu(os.fspath(file))[0].lower().endswith(SUFFIXES):
        return None
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    try:
        with _opened(os.fspath(file)) as chosen:
            coordinates = WCS(chosen.hdu.header, naxis=2)
            if not coordinates.has_celestial:
                return None
            along = [float(scale) * _ARCSEC for scale in proj_plane_pixel_scales(coordinates)]
    except Exception:  # astropy raises nearly anything for odd coordinates
        return None
    return (along[0], along[1]) if all(0 < scale < math.inf for scale in along) else None


class ImagePlace(NamedTuple):
    """Place of an image in a FITS file, for whoever reads only sections of it.

    Attributes:
        hdu: its number.
        shape: the array's, such as (H, W).
        header: its astropy header, with BITPIX, BSCALE and BZERO of the stored numbers.
        offset: byte of its first number in the file, once unpacked; None where tile-compressed.
        primary: the header of an empty primary HDU before it, else None.
    """

    hdu: int
    shape: tuple[int, ...]
    header: Any
    offset: int | None
    primary: Any


def locate_image(name: str) -> ImagePlace:
    """Check a file as :func:`read_fits` does, and say where its image lies, without its pixels.

    Raises:
        LenszooError: as :func:`read_fits`.
    """
    with _opened(name) as chosen:
        compressed = type(chosen.hdu).__name__.startswith("Comp")
        offset = None if compressed else int(chosen.hdu.fileinfo()["datLoc"])
        header, shape = chosen.hdu.header.copy(), tuple(chosen.hdu.shape)
        return ImagePlace(chosen.at, shape, header, offset, chosen.primary)


class _Chosen(NamedTuple):
    """An image HDU of an open file, its position, and the header of an empty primary HDU."""

    hdu: Any
    at: int
    primary: Any


@contextlib.contextmanager
def _opened(name: str, hdu: int | str | None = None) -> Iterator[_Chosen]:
    """Open the image HDU that a name means, once the file has passed all checks."""
    bracketed = split_hdu(name)[1]
    with opened_hdus(name) as file:
        hdus = file.hdus
        at = _choose(name, hdus, hdu if bracketed is None else bracketed)
        file.check_whole(at, "image")
        shape = tuple(hdus[at].shape)
        if hdus[at].header.get("BITPIX") == 64 and hdus[at].header.get("BZERO", 0):
            raise LenszooError(
                f"{name}: its pixels are 64-bit integers with an offset (BZERO), which floats "
                "cannot hold; store them as float32."
            )
        compressed = file.packed or type(hdus[at]).__name__.startswith("Comp")
        if math.prod(shape) > (file.limit if compressed else MAX_PIXELS):
            raise LenszooError(f"{name}: shape {shape} is too large; cut it first.")
        empty = at > 0 and not is_image(hdus[0])
        yield _Chosen(hdus[at], at, hdus[0].header.copy() if empty else None)


class OpenedFits(NamedTuple):
    """An open FITS file whose headers passed all checks.

    Attributes:
        name: as messages call it.
        hdus: astropy's list of HDUs.
        spans: of each HDU where its data start, and how many bytes they claim.
        size: bytes of the file, unpacked.
        limit: the most pixels that a compressed image of it may have.
        packed: whether the file is gzipped.
    """

    name: str
    hdus: Any
    spans: list[tuple[int, int]]
    size: int
    limit: int
    packed: bool

    def check_whole(self, at: int, noun: str) -> None:
        """Raise LenszooError unless all data of an HDU are there."""
        start, needed = self.spans[at] if at < len(self.spans) else (0, 0)
        if self.size - start < needed:
            raise LenszooError(
                f"{self.name}: truncated, {max(self.size - start, 0):,} of {needed:,} bytes of its "
                f"{noun}; copy or make it again."
            )


@contextlib.contextmanager
def opened_hdus(name: str, *, unsigned: bool = False) -> Iterator[OpenedFits]:
    """Open a FITS file, gzipped ones too, once its headers have passed all checks.

    Args:
        name: the file.
        unsigned: read unsigned integers as such, with every digit, which loses BLANK of images;
            else they become floats.

    Raises:
        LenszooError: it is missing, damaged, no regular file, or would unpack to too much; also in
            place of whatever astropy raises in the block.
    """
    from astropy.io import fits

    file = split_hdu(name)[0]
    try:
        with open_regular(file) as raw:
            stored = os.fstat(raw.fileno()).st_size
            limit = min(MAX_PIXELS, max(_CLAIMED, _CLAIMED_A_BYTE * stored))
            packed = file.lower().endswith(".gz")
            stream: Any = unpacked(raw, name, limit) if packed else io.BufferedReader(raw)
            spans = walk(stream, name)
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            with quiet(), fits.open(stream, memmap=False, uint=unsigned) as hdus:
                yield OpenedFits(name, hdus, spans, size, limit, packed)
    except (LenszooError, MemoryError):
        raise
    except Exception as error:  # astropy raises nearly anything for damaged files
        raise LenszooError(
            f"{name}: not a FITS file, or a damaged one ({one_line(error)}); copy or make it again."
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence astropy's warnings of truncation and odd cards: the data decide."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_image(hdu: Any) -> bool:
    """Whether an HDU holds pixels."""
    return bool(hdu.is_image and math.prod(hdu.shape or (0,)))


def _choose(name: str, hdus: Any, hdu: int | str | None) -> int:
    """Return the position of the HDU that is meant."""
    images = [i for i, one in enumerate(hdus) if is_image(one)]
    if not images:
        raise LenszooError(f"{name}: no HDU of this FITS file holds an image.")
    if hdu is None:
        science = [i for i in images if hdus[i].name == _SCIENCE]
        matches = images if len(images) == 1 or len(science) != 1 else science
    else:
        matches = [i for i in range(len(hdus)) if is_called(hdus, i, hdu)]
    if len(matches) == 1 and matches[0] in images:
        return matches[0]
    listed = ", ".join(_describe(hdus, i) for i in images[:_SHOWN])
    listed += ", ..." if len(images) > _SHOWN else ""
    if hdu is None:
        raise LenszooError(
            f"{name}: holds {len(images)} images ({listed}); choose one in brackets, "
            f"as in '{Path(name).name}[{hdus[images[0]].name or images[0]}]'."
        )
    fault = f"HDU {hdu!r} holds no image" if len(matches) == 1 else f"no HDU {hdu!r}"
    if len(matches) > 1:
        fault = f"{len(matches)} HDUs are called {hdu!r}, choose one by its version or number"
    raise LenszooError(f"{name}: {fault}; images are: {listed}.")


def is_called(hdus: Any, at: int, hdu: int | str) -> bool:
    """Whether an HDU has a number, a NAME, or a NAME,VERSION."""
    if str(hdu) == str(at):
        return True
    if isinstance(hdu, int):
        return False
    name, _, version = hdu.partition(",")
    return hdus[at].name == name.strip().upper() and version.strip() in ("", str(hdus[at].ver))


def _describe(hdus: Any, at: int) -> str:
    hdu = hdus[at]
    label = f"{at} {hdu.name}".strip() + (f",{hdu.ver}" if hdu.name and hdu.ver > 1 else "")
    return f"{label} {' x '.join(map(str, hdu.shape))}"
