"""Pictures of candidates as JPEG or PNG, in several stretches, and of missing ones as SVG."""

import html
import io
import re
import textwrap
from collections.abc import Sequence

import numpy as np

from lenszoo.errors import LenszooError, counted, printable
from lenszoo.reporting.colour import colour_bands, colour_image

_FAINT = {"softening": 0.7, "brightest": 98.0}
_BAND = re.compile(r"(asinh|linear)-([0-9]{1,2})")
_REACH = 3.0  # pixels from the middle in which a lens galaxy's colour is measured
_CLIP = (0.5, 99.5)  # percentiles that a difference of two bands is shown between


def view_names(bands: Sequence[str], n_bands: int) -> list[tuple[str, str]]:
    """Return the views of an image, as (name, label).

    ``colour`` and ``faint`` are the stretch of Lupton et al. (2004) for bright and for faint light;
    ``difference`` is the bluest minus the reddest band, scaled so that the galaxy in the middle
    vanishes (Gavazzi et al. 2014, arXiv:1403.1041); ``asinh-K`` and ``linear-K`` are one band.
    """
    views = [("colour", "Colour" if n_bands > 2 else "Grey"), ("faint", "Faint")]
    if n_bands > 1:
        red, blue = _ends(bands, n_bands)
        views.append(("difference", f"{_label(bands, blue)} \N{MINUS SIGN} {_label(bands, red)}"))
    views += [(f"asinh-{k}", _label(bands, k)) for k in range(n_bands)]
    return views


def render(image: np.ndarray, bands: Sequence[str], view: str) -> np.ndarray:
    """Return an image as colours, uint8 (H, W, 3), the first row at the top.

    Args:
        image: (H, W, bands), linear flux, the first row at the bottom.
        bands: names of the bands; empty where unknown.
        view: a name of :func:`view_names`.

    Raises:
        LenszooError: no such view.
    """
    names = list(bands) if len(bands) == image.shape[2] else None
    match = _BAND.fullmatch(view)
    if view == "colour":
        shown = colour_image(image, names)
    elif view == "faint":
        shown = colour_image(image, names, **_FAINT)
    elif view == "difference" and image.shape[2] > 1:
        shown = _difference(image, *_ends(bands, image.shape[2]))
    elif match and int(match[2]) < image.shape[2]:
        band = image[..., int(match[2])]
        shown = colour_image(band) if match[1] == "asinh" else _linear(band)
    else:
        raise LenszooError(f"{view!r} is no view of an image of {counted(image.shape[2], 'band')}.")
    return (np.clip(shown, 0, 1)[::-1] * 255 + 0.5).astype(np.uint8)


def encode(pixels: np.ndarray, kind: str = "jpeg", enlarge: int = 1) -> bytes:
    """Return colours uint8 (H, W, 3) as a JPEG or PNG file, enlarged by cubic interpolation."""
    from PIL import Image

    stream = io.BytesIO()
    options = {"quality": 92, "subsampling": 0} if kind == "jpeg" else {"compress_level": 4}
    image = Image.fromarray(pixels)
    if enlarge > 1:
        size = (enlarge * image.width, enlarge * image.height)
        image = image.resize(size, Image.Resampling.BICUBIC)
    image.save(stream, kind, **options)
    return stream.getvalue()


def placeholder(reason: str) -> bytes:
    """Return an SVG picture that says why there is no image."""
    lines = textwrap.wrap(printable(reason), 30)[:7]
    rows = "".join(
        f'<text x="100" y="{92 + 14 * k}">{html.escape(line)}</text>'
        for k, line in enumerate(lines)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200" font-family="sans-serif" '
        'font-size="11" text-anchor="middle" fill="#9aa4b5"><rect width="200" height="200" '
        'fill="#161a22"/><text x="100" y="64" font-size="13" fill="#e0a64c">No image</text>'
        f"{rows}</svg>"
    ).encode()


def _label(bands: Sequence[str], k: int) -> str:
    return bands[k] if k < len(bands) else f"band {k + 1}"


def _ends(bands: Sequence[str], n_bands: int) -> tuple[int, int]:
    """Return the reddest and the bluest band that a picture in colour shows."""
    chosen = colour_bands(list(bands) or None, n_bands)
    return (chosen[0], chosen[2]) if chosen else (n_bands - 1, 0)


def _difference(image: np.ndarray, red: int, blue: int) -> np.ndarray:
    planes = image[..., [red, blue]].astype(float)
    planes -= np.nanpercentile(planes, 30, axis=(0, 1))
    height, width = planes.shape[:2]
    y, x = np.indices((height, width))
    middle = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2) <= _REACH
    flux = np.nansum(planes[middle], axis=0)
    ratio = flux[1] / flux[0] if flux[0] > 0 else 1.0
    return _linear(planes[..., 1] - ratio * planes[..., 0])


def _linear(plane: np.ndarray) -> np.ndarray:
    """Return a band as greys between two percentiles; pixels that are not finite are mid-grey."""
    finite = np.isfinite(plane)
    low, high = np.percentile(plane[finite], _CLIP) if finite.any() else (0.0, 1.0)
    grey = (np.where(finite, plane, low) - low) / max(high - low, np.finfo(float).tiny)
    grey = np.where(finite, grey, 0.4)
    return np.repeat(grey[..., None], 3, axis=2)
