"""Grids: images of FITS files by their places in the file, and their pixels' places on the sky."""

import functools
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.fits import ImagePlace, locate_image, quiet, split_hdu
from lenszoo.data.flux_units import zero_point_of
from lenszoo.errors import LenszooError, one_line

_ARCSEC = 3600.0


@dataclass(frozen=True)
class Grid:
    """One image of a tile: its place in a file, and its pixels' place on the sky.

    Attributes:
        path: the file, without brackets.
        size, modified: its bytes and time of change in ns, which tell that it was replaced.
        hdu: number of the image's HDU.
        shape: (H, W).
        offset: byte of the first number in the unpacked file; None where tile-compressed.
        bitpix, bscale, bzero, blank: of the stored numbers.
        coordinates: the cards of its WCS; empty where it was read without.
        scale: arcsec a pixel, the geometric mean of both axes; NaN without a WCS.
        zero_point: AB magnitude of flux 1 that the header names; None where it does not.
        zero_point_fault: why the header's zero point cannot be used.
        planes: of the array (planes, H, W); 1 of a plain image.
        plane: the one that is the image.
    """

    path: str
    size: int
    modified: int
    hdu: int
    shape: tuple[int, int]
    offset: int | None
    bitpix: int
    bscale: float
    bzero: float
    blank: int | None
    coordinates: str
    scale: float
    zero_point: float | None = None
    zero_point_fault: str | None = None
    planes: int = 1
    plane: int = 0

    def at(self, plane: int) -> "Grid":
        """Return one plane of a cube."""
        return replace(self, plane=plane)

    @property
    def wcs(self) -> Any:
        """The astropy WCS."""
        return _wcs(self.coordinates)

    def pixels(self, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y [pixels, the first at 0] of positions [deg]; NaN where there are none."""
        return sky_to_pixels(self.coordinates, ra, dec)

    def sky(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions [deg] of pixels."""
        return tuple(self.wcs.all_pix2world(x, y, 0))

    def edge(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return how far [arcsec] positions lie from the nearest edge; negative outside."""
        x, y = self.pixels(ra, dec)
        height, width = self.shape
        inside = np.minimum(
            np.minimum(x + 0.5, width - 0.5 - x), np.minimum(y + 0.5, height - 0.5 - y)
        )
        return np.nan_to_num(inside * self.scale, nan=-np.inf)


def read_grid(
    path: str,
    status: os.stat_result | None = None,
    *,
    coordinates: bool = True,
    cube: bool = False,
) -> Grid:
    """Read the header of an image and find its place on the sky.

    Args:
        path: the file; brackets name an HDU.
        status: of the file, where it is known.
        coordinates: False finds the pixels alone, also in a file without a WCS.
        cube: allow several planes (planes, H, W), of which the first is the grid's.

    Raises:
        LenszooError: the file is missing or damaged, its image is not (H, W), or its header has no
            equatorial coordinates.
    """
    file, _ = split_hdu(path)
    status = status or Path(file).stat()
    place = locate_image(path)
    shape = place.shape
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2 and not (cube and len(shape) == 3):
        raise LenszooError(f"{path}: shape {place.shape} is not one image (H, W) of one band.")
    text, scale = read_coordinates(path, place.header) if coordinates else ("", math.nan)
    header = place.header
    blank = header.get("BLANK")
    return Grid(
        file, status.st_size, status.st_mtime_ns, place.hdu, (shape[-2], shape[-1]), place.offset,
        int(header["BITPIX"]), float(header.get("BSCALE", 1.0)), float(header.get("BZERO", 0.0)),
        None if blank is None else int(blank), text, scale, *_zero_point(place, path),
        planes=shape[0] if len(shape) == 3 else 1,
    )  # fmt: skip


def _zero_point(place: ImagePlace, path: str) -> tuple[float | None, str | None]:
    """Return the zero point that the headers name, or why it cannot be used."""
    headers = [place.header, *([] if place.primary is None else [place.primary])]
    try:
        return zero_point_of(headers, path), None
    except LenszooError as error:
        return None, str(error)


def sky_to_pixels(
    coordinates: str, ra: np.ndarray, dec: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y [pixels, the first at 0] of positions [deg] by the cards of a WCS."""
    wcs = _wcs(coordinates)
    if wcs.sip is None:
        return tuple(wcs.wcs_world2pix(ra, dec, 0))
    return tuple(wcs.all_world2pix(ra, dec, 0, quiet=True))


def read_coordinates(path: str, header: Any) -> tuple[str, float]:
    """Return the cards of an image's WCS, and its pixel scale [arcsec].

    Raises:
        LenszooError: the header has no equatorial coordinates, or not those of ICRS or J2000.
    """
    from astropy.coordinates import FK5, ICRS
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales, wcs_to_celestial_frame

    with quiet():
        try:
            wcs = WCS(header, naxis=2)
            equatorial = [kind[:4] for kind in wcs.wcs.ctype] == ["RA--", "DEC-"]
            scale = float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs)))) * _ARCSEC
            text = wcs.to_header(relax=True).tostring(sep="\n")
            frame = wcs_to_celestial_frame(wcs) if wcs.has_celestial and equatorial else ICRS()
        except Exception as error:  # astropy raises nearly anything for odd coordinates
            raise LenszooError(
                f"{path}: its header has no usable celestial coordinates ({one_line(error)})."
            ) from error
    if not wcs.has_celestial or not equatorial or not (math.isfinite(scale) and scale > 0):
        kinds = " and ".join(str(kind) or "none" for kind in wcs.wcs.ctype)
        raise LenszooError(
            f"{path}: its header has no WCS in RA and Dec (CTYPE: {kinds}); solve its astrometry, "
            "or leave the tile out."
        )
    if not (isinstance(frame, ICRS) or (isinstance(frame, FK5) and frame.equinox == "J2000")):
        raise LenszooError(
            f"{path}: its WCS is in {type(frame).__name__} of another equinox than J2000, but "
            "positions are ICRS; solve its astrometry anew."
        )
    return text, scale


@functools.lru_cache(maxsize=256)
def _wcs(cards: str) -> Any:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    with quiet():
        return WCS(Header.fromstring(cards, sep="\n"))
