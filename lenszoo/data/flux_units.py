"""Zero points of images, from the cards of their FITS headers."""

import functools
import math
import os
from collections.abc import Iterator, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from lenszoo.data.fits import SUFFIXES, quiet, read_headers, split_hdu
from lenszoo.errors import LenszooError

# AB magnitude of flux 1. PHOTZPT is not among them: Hubble's is an ST magnitude.
_ZERO_POINTS = ("MAGZERO", "MAGZPT", "MAGZP", "ZEROPT", "ZP", "PHOTZP", "MZP_AB")
_FLUX_OF_MAGNITUDE_0 = "FLUXMAG0"  # of the LSST pipelines
_UNIT, _SR_A_PIXEL = "BUNIT", "PIXAR_SR"
_MAGGIES = {"maggy": 0.0, "maggies": 0.0, "mgy": 0.0}
_MAGGIES |= dict.fromkeys(("nanomaggy", "nanomaggies", "nmgy"), 22.5)
# Cards that change by a power of the scale, where finer pixels keep the values of coarse ones.
_FOLLOWING = {_FLUX_OF_MAGNITUDE_0: 2, "PHOTFLAM": -2, "PHOTFNU": -2}


AGREE = 0.01
"""Zero points [mag] that differ by no more are the same."""


def read_zero_points(path: Any) -> tuple[float | None, ...] | None:
    """Read the zero point of each file of an image; None where no file is FITS.

    Args:
        path: a file, or the files of its bands, as :func:`lenszoo.data.read_image` takes them.

    Returns:
        AB magnitude of flux 1 of each file that is there, None where the header does not tell.

    Raises:
        LenszooError: two cards of one header disagree.
    """
    files = [path] if isinstance(path, str) or hasattr(path, "__fspath__") else list(path)
    names = [None if file is None else os.fspath(file) for file in files]
    if not any(n and split_hdu(n)[0].lower().endswith(SUFFIXES) for n in names):
        return None
    return tuple(None if name is None else _of_file(name) for name in names)


def _of_file(name: str) -> float | None:
    if not split_hdu(name)[0].lower().endswith(SUFFIXES):
        return None
    try:
        status = Path(split_hdu(name)[0]).stat()
        return _of_unchanged(name, status.st_size, status.st_mtime_ns)
    except (OSError, ValueError):  # reading it will tell
        return None


@functools.lru_cache(maxsize=256)  # many cutouts come from one file
def _of_unchanged(name: str, size: int, modified: int) -> float | None:
    try:
        headers = read_headers(name)
    except LenszooError:  # reading it will tell
        return None
    return zero_point_of(headers, name)


def zero_point_of(headers: Sequence[Any], name: str = "The header") -> float | None:
    """Find the AB magnitude of flux 1 in headers, the image's own first.

    Known are MAGZERO, MAGZPT, MAGZP, ZEROPT, ZP, PHOTZP and MZP_AB, FLUXMAG0, and a BUNIT of flux
    density (nJy, Jy, erg/s/cm2/Hz, nanomaggy, MJy/sr with PIXAR_SR).

    Args:
        headers: mappings of cards; later ones are looked at where earlier ones do not tell.
        name: the file, for messages.

    Raises:
        LenszooError: two cards of one header disagree.

    Example:
        >>> from lenszoo.data.flux_units import zero_point_of
        >>> zero_point_of([{"BUNIT": "nJy"}]), zero_point_of([{"BUNIT": "adu"}, {"MAGZERO": 30}])
        (31.4, 30.0)
    """
    for header in headers:
        cards = dict(_cards(header))
        if not cards:
            continue
        (first, value), *others = cards.items()
        for card, other in others:
            if abs(other - value) > AGREE:
                raise LenszooError(
                    f"{name}: {first} says that flux 1 is {value:g} mag, and {card} {other:g}; "
                    "say which with zero_point=."
                )
        return round(value, 6)
    return None


def is_per_area(header: Any) -> bool:
    """Whether a header's BUNIT is a flux per area of the sky, such as MJy/sr or Jy/beam."""
    from astropy import units

    try:
        with quiet():
            unit = units.Unit(str(header.get(_UNIT, "")).strip())
    except (ValueError, TypeError):
        return False
    # magnitudes have no bases
    pairs = zip(getattr(unit, "bases", ()), getattr(unit, "powers", ()), strict=True)
    return any(
        power < 0 and ((base**-power).physical_type == "solid angle" or base == units.beam)
        for base, power in pairs
    )


def finer_pixels(header: Any, scale: int) -> None:
    """Change a header for finer pixels that keep the values of coarse ones, in place.

    A sum over the pixels of a source is ``scale**2`` times as large then. So zero points move by
    2.5 log10(scale**2), FLUXMAG0 and the flux of a count (PHOTFLAM, PHOTFNU) follow, and a BUNIT of
    flux in a pixel, such as nJy, gives way to a zero point; of other units HISTORY tells. A flux
    per area stays true.

    Args:
        header: an astropy Header.
        scale: parts along each side of a pixel.
    """
    shift = 5 * math.log10(scale)
    unit = header.get(_UNIT)
    point = None if is_per_area(header) or not isinstance(unit, str) else _of_unit(unit, None)
    moved = False
    for card in _ZERO_POINTS:
        if _is_number(header.get(card)):
            header[card], moved = float(header[card]) + shift, True
    for card, factor in _FOLLOWING.items():
        if _is_number(header.get(card)):
            header[card], moved = header[card] * float(scale) ** factor, True
    if point is not None:
        del header[_UNIT]
        if not any(_is_number(header.get(card)) for card in _ZERO_POINTS):
            header[_ZERO_POINTS[0]] = point + shift
        moved = True
    if moved:
        header.add_history(f"lenszoo: sums are {scale**2} times as large, zero points {shift:+.4f}")
    elif isinstance(unit, str) and unit.strip() and not is_per_area(header):
        header.add_history(f"lenszoo: sums over pixels are {scale**2} times as large")


def _cards(header: Any) -> Iterator[tuple[str, float]]:
    for card in _ZERO_POINTS:
        if _is_number(header.get(card)):
            yield card, float(header[card])
    flux = header.get(_FLUX_OF_MAGNITUDE_0)
    if _is_number(flux) and flux > 0:
        yield _FLUX_OF_MAGNITUDE_0, 2.5 * math.log10(flux)
    unit = header.get(_UNIT)
    if isinstance(unit, str) and (value := _of_unit(unit, header.get(_SR_A_PIXEL))) is not None:
        yield _UNIT, value


def _of_unit(text: str, steradians: Any) -> float | None:
    """Return the zero point of a unit of flux density; None for counts and what is not known."""
    if (maggies := _MAGGIES.get(text.strip().lower())) is not None:
        return maggies
    from astropy import units

    try:
        with quiet():  # of slashes that the standard discourages
            unit = units.Unit(text.strip())
        if isinstance(unit, units.FunctionUnitBase):  # magnitudes are no fluxes
            return None
        if units.pix in getattr(unit, "bases", ()):
            unit = unit * units.pix  # a value is that of its pixel anyway
        if _is_number(steradians) and steradians > 0 and unit.is_equivalent("Jy / sr"):
            unit = unit * units.Unit(steradians * units.sr)
        jansky = float((1 * unit).to(units.Jy).value)
    except (ValueError, TypeError, units.UnitsError):
        return None
    # the AB system: 3631 Jy (Oke & Gunn 1983), to whose usual rounding 8.90 all is kept
    return round(8.90 - 2.5 * math.log10(jansky), 4) if jansky > 0 else None


def check_zero_point(zero_point: Any) -> None:
    """Raise LenszooError unless a zero point is None or a magnitude, not its text or NaN."""
    if zero_point is not None and not _is_number(zero_point):
        raise LenszooError(f"zero_point must be a magnitude such as 25.0, not {zero_point!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
