"""Photometry of cutouts: magnitudes, colours, size and shape, from pixels only.

Light is measured above the sky along the border, in one aperture for all bands. Shapes are measured
on the sum of the bands weighted by 1 / (sky noise)^2. Nothing is corrected for the PSF.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from lenszoo.data.profiles import asymmetry, centroids, ellipticities, growth_curves
from lenszoo.data.sky import measure_sky
from lenszoo.errors import LenszooError, counted
from lenszoo.flux_range import power_of_two

ZERO_POINT = 25.0
"""AB magnitude of flux 1."""

APERTURE = 1.5
"""Radius of the aperture of magnitudes, in arcsec."""

_LEAST_GOOD = 0.75  # part of a band's pixels that must be finite
_CHUNK = 32  # cutouts measured at once: what they need fits in a processor's cache


def measured_columns(bands: Sequence[str]) -> tuple[str, ...]:
    """Return the names of what :func:`measure` measures, in its order.

    Example:
        >>> from lenszoo.data import measured_columns
        >>> measured_columns(["g", "r"])[:3]
        ('mag_g', 'mag_r', 'color_g_r')
    """
    return (
        *(f"mag_{band}" for band in bands),
        *(f"color_{a}_{b}" for a, b in itertools.pairwise(bands)),
        "half_light_radius",
        "ellipticity",
        "concentration",
        "asymmetry",
        "signal_to_noise",
        *(f"sky_rms_{band}" for band in bands),
    )


def measure(
    images: np.ndarray,
    *,
    pixel_scale: float,
    bands: Sequence[str],
    zero_point: float = ZERO_POINT,
    aperture: float = APERTURE,
) -> dict[str, np.ndarray]:
    """Measure the object in the middle of each cutout.

    - ``mag_BAND``: asinh magnitude (Lupton, Gunn & Szalay 1999, astro-ph/9903081) of the flux f in
      a circular aperture about the centroid; the softening b is the noise that the pixels give that
      flux (the error of the sky level, a tenth more at 1.5 arcsec, is left out), so it is a common
      magnitude for a bright object, and at f = 0 the magnitude of b. Without noise (b = 0) it is
      -2.5 log10 f, NaN unless f > 0.
    - ``color_A_B``: mag_A - mag_B of neighbouring bands.
    - ``half_light_radius`` in arcsec: of the circle with half of the light within 1.5 Petrosian
      radii (eta = 0.2; Petrosian 1976, Conselice 2003, astro-ph/0303065).
    - ``ellipticity``: 1 - b/a of second moments under a Gaussian window as wide as the half-light
      radius, whose effect is divided out (exact for a Gaussian).
    - ``concentration``: 5 log10(r80 / r20) (Conselice 2003).
    - ``asymmetry``: ``sum |I - I_180| / sum |I|`` within 1.5 Petrosian radii about the centroid,
      less what the sky's noise adds (Conselice, Bershady & Jangren 2000, astro-ph/9907399,
      normalised as in Lotz et al. 2004, astro-ph/0311352); slightly negative where there is only
      noise.
    - ``signal_to_noise``: of the weighted sum of the bands in the aperture, against the sky only.
    - ``sky_rms_BAND``: the noise of a pixel along the border, in the unit of the images.

    Args:
        images: (n, H, W, bands) floats, flux in a linear unit. Pixels that are not finite count as
            sky; a band in which they are more than a quarter, or one lies in the aperture, is NaN.
        pixel_scale: arcsec a pixel.
        bands: the names of the bands, which name the columns.
        zero_point: AB magnitude of flux 1.
        aperture: radius in arcsec.

    Returns:
        (n,) float32 arrays, as :func:`measured_columns` names them; NaN where nothing could be
        measured.

    Raises:
        LenszooError: images of another shape, other names, or an aperture that does not fit.

    Example:
        >>> from lenszoo.data import measure
        >>> from lenszoo.simulation import sample
        >>> sky = sample("lens_finding_easy", 3, seed=1)
        >>> table = measure(sky.images, pixel_scale=0.2, bands=["u", "g", "r", "i"])
        >>> sorted(table)[:3], table["mag_g"].shape
        (['asymmetry', 'color_g_r', 'color_r_i'], (3,))
    """
    names = measured_columns(bands)
    _check(images, bands, names, pixel_scale, aperture)
    out = np.empty((len(images), len(names)), np.float32)
    with np.errstate(all="ignore"):
        for start in range(0, len(images), _CHUNK):
            rows = slice(start, start + _CHUNK)
            out[rows] = _measure(images[rows], pixel_scale, zero_point, aperture / pixel_scale)
    out[~np.isfinite(out)] = np.nan
    return {name: np.ascontiguousarray(out[:, i]) for i, name in enumerate(names)}


def _check(
    images: np.ndarray,
    bands: Sequence[str],
    names: Sequence[str],
    pixel_scale: float,
    aperture: float,
) -> None:
    if images.ndim != 4 or images.shape[-1] != len(bands) or images.dtype.kind not in "fiu":
        raise LenszooError(
            f"Photometry of {counted(len(bands), 'band')} ({', '.join(bands)}) needs images of "
            f"shape (n, H, W, {len(bands)}), not {images.shape} of {images.dtype}."
        )
    if isinstance(bands, str) or not all(bands) or len(set(names)) < len(names):
        raise LenszooError(f"The bands need names that differ, not {list(bands)}.")
    if not pixel_scale > 0:
        raise LenszooError(f"The pixel scale is arcsec a pixel, above 0, not {pixel_scale}.")
    most = (min(images.shape[1:3]) // 2 - 1) * pixel_scale
    if not 0 < aperture <= most:
        raise LenszooError(
            f'An aperture of {aperture:g}" in radius does not fit into {images.shape[1]} x '
            f'{images.shape[2]} pixels of {pixel_scale:g}"; at most {most:g}" does (aperture=).'
        )


def _measure(images: np.ndarray, scale: float, zero_point: float, radius: float) -> np.ndarray:
    """Return (m, columns) for a few cutouts; ``radius`` is that of the aperture in pixels."""
    m, height, width, n_bands = images.shape
    unit = _unit_of(images)[:, None]  # squares of fluxes in W / m^2 / Hz would be 0 in float32
    light, rms, bad = _above_sky((images / unit[..., None, None]).astype(np.float32))
    weights = _band_weights(rms)
    total = np.zeros((m, height, width), np.float32)
    for band in range(n_bands):
        total += weights[:, band, None, None] * light[:, band]
    noise = np.sqrt(np.nansum((weights * rms) ** 2, axis=1))

    y, x = centroids(total, sigma=radius / 2)
    r = np.sqrt(
        np.square(np.arange(height, dtype=np.float32) - y[:, None])[:, :, None]
        + np.square(np.arange(width, dtype=np.float32) - x[:, None])[:, None, :]
    )
    inside = np.clip(radius + 0.5 - r, 0, 1)  # the part of each pixel that lies in the aperture
    area = inside.sum((1, 2))
    # einsum, for a matrix product this small costs more in threads than it saves
    flux = np.einsum("mbyx,myx->mb", light, inside)
    flux[np.isnan(rms)] = np.nan
    if bad is not None:
        flux[(bad & (inside > 0)[:, None]).any((2, 3))] = np.nan
    points = zero_point - 2.5 * np.log10(unit)
    magnitudes = _asinh_magnitude(flux, rms * np.sqrt(area)[:, None], points)

    curve = growth_curves(total, y, x, r)
    r20, r50, r80 = (curve.radius_of(part) for part in (0.2, 0.5, 0.8))
    signal = np.einsum("myx,myx->m", total, inside)
    shape = (
        r50 * scale,
        ellipticities(total, y, x, r50),
        5 * np.log10(r80 / r20),
        asymmetry(total, y, x, r, curve.extent, noise),
        signal / (noise * np.sqrt(area)),
    )
    colours = magnitudes[:, :-1] - magnitudes[:, 1:]
    return np.concatenate([magnitudes, colours, np.stack(shape, axis=1), rms * unit], axis=1)


def _unit_of(images: np.ndarray) -> np.ndarray:
    """Return a power of two (m,) near the brightest pixel of the middle of each cutout."""
    height, width = images.shape[1:3]
    middle = images[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    peak = _brightest(middle)  # not that of a fill value at an edge
    empty = peak == 0
    peak[empty] = _brightest(images[empty])
    return power_of_two(peak)


def _brightest(images: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(images), np.abs(images), 0).max((1, 2, 3))


def _above_sky(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return light above the sky (m, bands, H, W) with 0 for bad pixels, noise, and bad pixels."""
    level, rms = measure_sky(images)
    light = np.moveaxis(images, 3, 1).astype(np.float32, order="C")
    light -= level[:, :, None, None]
    if np.isfinite(light.sum()):
        return light, rms, None
    bad = ~np.isfinite(light)
    light[bad] = 0.0
    spoilt = bad.mean((2, 3)) > 1 - _LEAST_GOOD
    light[spoilt] = 0.0
    return light, np.where(spoilt, np.nan, rms), bad


def _band_weights(rms: np.ndarray) -> np.ndarray:
    """Return (m, bands) weights that sum to 1: by the noise, or equal where some band has none."""
    sound = np.isfinite(rms)
    least = np.nanmin(np.where(sound, rms, np.inf), axis=1, keepdims=True)
    weights = np.where(least > 0, np.square(least / rms), 1.0)
    weights = np.where(sound, weights, 0.0).astype(np.float32)
    return weights / np.maximum(weights.sum(1, keepdims=True), np.float32(1e-30))


def _asinh_magnitude(flux: np.ndarray, softening: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
    flux, softening = flux.astype(np.float64), softening.astype(np.float64)
    soft = np.arcsinh(flux / (2 * softening)) + np.log(softening)
    plain = np.log(np.where(flux > 0, flux, np.nan))
    return zero_point - 2.5 / np.log(10) * np.where(softening > 0, soft, plain)
