"""FITS headers of upscaled images: the same sky under finer pixels."""

import re
from typing import Any

import numpy as np

from lenszoo.data.fits import quiet
from lenszoo.errors import LenszooError, one_line

# Cards of a pixel's area or side; (card, power of the scale to divide by).
_PIXEL_SIZES = {
    "PIXAR_SR": 2,
    "PIXAR_A2": 2,
    "PIXSCALE": 1,
    "PIXSCAL1": 1,
    "PIXSCAL2": 1,
    "SECPIX": 1,
    "SECPIX1": 1,
    "SECPIX2": 1,
}
_ALTERNATIVE = "[A-Z]?"
# Distortions by tables in other HDUs or by polynomials of plate pixels.
_TABLES = re.compile(rf"(CPDIS|CQDIS|D2IMDIS)[12]{_ALTERNATIVE}|AMD[XY]1")
_TOLERANCE = 1e-3  # pixels
_STALE = ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "DATAMIN", "DATAMAX")
_WCS = re.compile(rf"(?:CTYPE|CRVAL|CRPIX|CDELT|CD|PC)\d(?:_\d)?({_ALTERNATIVE})")


def scaled_header(header: Any, scale: int, name: str) -> Any:
    """Return the header of an image whose pixels were each divided into scale x scale.

    Pixel x of the image (FITS counts from 1, at the centre) lies at (x - 0.5) * scale + 0.5. So
    that every point of the image keeps its place in the sky, in all of a header's coordinate
    systems: CRPIX moves like x; CD and CDELT are divided (CROTA and PC stay); SIP polynomials
    (Shupe et al. 2005), which work in pixels, are scaled term by term; LTM and LTV, the way back
    to the detector's pixels, follow, as do pixel scales and areas under their usual names. PV and
    other terms that work in degrees stay. BSCALE, BZERO, BLANK, checksums and extremes, true of
    the old pixels only, go. See Greisen & Calabretta 2002 (astro-ph/0207407).

    Args:
        header: an astropy Header; it is not changed.
        scale: how many times finer the pixels become.
        name: the file, for messages.

    Raises:
        LenszooError: a distortion that is a table of the old pixels, which cannot follow, or a
            card of the coordinates that is no number.
    """
    header = header.copy()
    _refuse_tables(header, name)
    try:
        _scale(header, scale)
    except (TypeError, ValueError) as error:
        raise LenszooError(
            f"{name}: a card of its coordinates is not a number ({one_line(error)}); mend the "
            "header, or remove that card."
        ) from error
    return header


def check_places(header: Any, fine: Any, scale: int, shape: tuple[int, ...], name: str) -> None:
    """Check that the corners of an image keep their places in the sky under finer pixels.

    Args:
        header, fine: before and after :func:`scaled_header`.
        scale: how many times finer the pixels became.
        shape: that of the image before, (..., H, W).
        name: the file, for messages.

    Raises:
        LenszooError: a corner moved by more than a thousandth of a pixel. Nothing is checked where
            the header gives no celestial coordinates that astropy reads.
    """
    from astropy.wcs import WCS

    try:
        with quiet():
            before, after = WCS(header, naxis=2), WCS(fine, naxis=2)
        if not before.has_celestial:
            return
        y, x = np.array([(j, i) for j in (0, shape[-2] - 1) for i in (0, shape[-1] - 1)], float).T
        sky = _directions(before, x, y)
        moved = _directions(after, (x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5)
        pixel = np.deg2rad(np.sqrt(abs(np.linalg.det(before.pixel_scale_matrix))))
    except Exception:  # astropy raises nearly anything for odd coordinates: they stay as odd
        return
    shift = float(np.linalg.norm(moved - sky, axis=0).max() / pixel)
    if shift > _TOLERANCE:
        raise LenszooError(
            f"{name}: its coordinates cannot be upscaled, a corner would move by {shift:.3g} "
            "pixels in the sky; bring the header to a standard form first (reproject, astropy's "
            "WCS.to_header), or remove its coordinates."
        )


def _directions(coordinates: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the unit vectors (3, n) of zero-based pixels in the sky."""
    lon, lat = np.deg2rad(
        [coordinates.all_pix2world(x, y, 0)[i] for i in (coordinates.wcs.lng, coordinates.wcs.lat)]
    )
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _scale(header: Any, scale: int) -> None:
    for card in _STALE:
        header.remove(card, ignore_missing=True, remove_all=True)
    systems = {match[1] for key in header if (match := _WCS.fullmatch(key))}
    for system in sorted(systems):
        _scale_linear(header, scale, system)
    _scale_sip(header, scale)
    for axis in (1, 2):
        if f"LTM{axis}_{axis}" in header or f"LTV{axis}" in header:
            header[f"LTV{axis}"] = _moved(float(header.get(f"LTV{axis}", 0.0)), scale)
            header[f"LTM{axis}_{axis}"] = float(header.get(f"LTM{axis}_{axis}", 1.0)) * scale
    for card, power in _PIXEL_SIZES.items():
        if isinstance(header.get(card), int | float):
            header[card] = header[card] / scale**power


def _moved(position: float, scale: int) -> float:
    """Return where a position along an axis, in FITS pixels, lies among the finer pixels."""
    return (position - 0.5) * scale + 0.5


def _refuse_tables(header: Any, name: str) -> None:
    for key in header:
        tabular = re.fullmatch(rf"CTYPE[12]{_ALTERNATIVE}", key) and "-TAB" in str(header[key])
        if tabular or _TABLES.fullmatch(key):
            raise LenszooError(
                f"{name}: its coordinates are distorted by a table of its own pixels ({key} = "
                f"{header[key]!r}), which cannot be upscaled; resample the image to a plain "
                "projection first (drizzle, reproject), or remove these cards."
            )


def _scale_linear(header: Any, scale: int, system: str) -> None:
    """Scale one coordinate system: its reference pixel and what a pixel's step is."""
    axes = (1, 2)
    for axis in axes:
        key = f"CRPIX{axis}{system}"
        header[key] = _moved(float(header.get(key, 0.0)), scale)
    matrix = [key for key in header if re.fullmatch(rf"CD\d_[12]{system}", key)]
    if not system:  # CD001001, of before the standard
        matrix += [key for key in header if re.fullmatch(r"CD00\d00[12]", key)]
    for key in matrix:
        header[key] = header[key] / scale
    for axis in axes:
        key = f"CDELT{axis}{system}"
        if key in header or not matrix:  # 1 where there is no card
            header[key] = float(header.get(key, 1.0)) / scale
    # CDELTi * PCi_j is the step along pixel axis j: terms between the sky and a third axis, which
    # keeps its pixels, must undo what CDELTi got or make up for what it did not get.
    for key in list(header):
        match = re.fullmatch(rf"PC(\d)_(\d){system}", key)
        if match and (int(match[1]) in axes) != (int(match[2]) in axes):
            header[key] = header[key] * (scale if int(match[1]) in axes else 1 / scale)


def _scale_sip(header: Any, scale: int) -> None:
    """Scale SIP polynomials: offsets in pixels, of powers of offsets in pixels."""
    for key in list(header):
        match = re.fullmatch(r"(?:A|B|AP|BP)_(\d)_(\d)", key)
        if match:
            header[key] = header[key] * float(scale) ** (1 - int(match[1]) - int(match[2]))
        elif key in ("A_DMAX", "B_DMAX"):
            header[key] = header[key] * scale
