"""Galaxies to paint lenses on: cutouts of a survey and what is known of them, and their checks."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from lenszoo.data.checks import row_numbers
from lenszoo.data.names import HOST, LENS
from lenszoo.data.sky import measure_sky
from lenszoo.data.table import check_ids
from lenszoo.errors import LenszooError
from lenszoo.masked import unmasked
from lenszoo.simulation.paint_checks import (
    check_background,
    check_columns,
    check_light,
    check_maps,
    check_names,
    check_range,
    check_shape,
    check_twins,
)
from lenszoo.simulation.paint_psf import BandPSF, band_psfs
from lenszoo.simulation.paint_shape import light_shapes
from lenszoo.simulation.surveys import ImagingSurvey, get_survey

REDSHIFT, DISPERSION = "redshift", "velocity_dispersion"
_FARTHEST = 4.0  # redshift of a lens: sources end at 4.5
_HEAVIEST = 2000.0  # velocity dispersion [km/s]
_MAGNITUDES = (5.0, 40.0)  # AB


@dataclass(frozen=True, eq=False)
class Galaxies:
    """Cutouts of galaxies, and what their catalogue says of them.

    Attributes:
        survey: the survey.
        ids: n names.
        images: (n, H, W, bands) float32, sky-subtracted flux; NaN where masked.
        redshift: (n,); NaN where the catalogue has none.
        velocity_dispersion: (n,) [km/s]; NaN where it has none.
        magnitude: (n, bands) AB [mag]; NaN where it has none.
        psf_fwhm: (n, bands) full width at half maximum of the PSF [arcsec].
        rms: noise of a pixel, (n, bands), or of each, (n, H, W, bands) [flux].
        centre: (n, 2) centre of the light, x and y from the middle of the cutout [arcsec].
        shape: (n, 2) ellipticity of the light, e1 and e2.
        psfs: PSFs of the bands.
        kinds: (n,) text, ``host`` for galaxies to paint on, ``lens`` for real lenses, or any other
            kind, such as ``ring``.

    Example:
        >>> from lenszoo.simulation import simulate_galaxies
        >>> galaxies = simulate_galaxies("des_grizY", 3, seed=1)
        >>> len(galaxies), galaxies.take([2, 0]).ids
        (3, ('2', '0'))
    """

    survey: ImagingSurvey
    ids: tuple[str, ...]
    images: np.ndarray
    redshift: np.ndarray
    velocity_dispersion: np.ndarray
    magnitude: np.ndarray
    psf_fwhm: np.ndarray
    rms: np.ndarray
    centre: np.ndarray
    shape: np.ndarray
    psfs: tuple[BandPSF, ...]
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Galaxies":
        """Return the galaxies at some positions, in that order, or where a mask (n,) is true.

        Raises:
            LenszooError: neither positions of its galaxies nor a mask of n.
        """
        rows = row_numbers(rows, len(self), "galaxies")
        names = (
            "images", "redshift", "velocity_dispersion", "magnitude", "psf_fwhm", "rms", "centre",
            "shape", "kinds",
        )  # fmt: skip
        parts = {name: getattr(self, name)[rows] for name in names}
        return replace(self, ids=tuple(self.ids[row] for row in rows), **parts)

    def hosts(self) -> "Galaxies":
        """Return those to paint lenses on.

        Raises:
            LenszooError: there is none.
        """
        rows = np.flatnonzero(self.kinds == HOST)
        if not len(rows):
            raise LenszooError(
                f"All {len(self)} galaxies are of a kind ({self.kinds[0]!r} ...), so that there is "
                f"none to paint on: leave the column empty for hosts, or name their kind {HOST!r}."
            )
        return self if len(rows) == len(self) else self.take(rows)

    def non_lenses(self) -> "Galaxies":
        """Return all but real lenses."""
        rows = np.flatnonzero(self.kinds != LENS)
        return self if len(rows) == len(self) else self.take(rows)

    def sha256(self) -> str:
        """Hash of all that paintings on them depend on, but for the survey's fields."""
        digest = hashlib.sha256()
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and value.dtype != object:
                digest.update(f"{field.name} {value.shape} {value.dtype}".encode())
                digest.update(np.ascontiguousarray(value).tobytes())
            elif field.name in ("ids", "kinds"):
                digest.update(json.dumps([field.name, list(value)]).encode())
        for psf in self.psfs:
            digest.update(psf.content())
        return digest.hexdigest()

    def light_and_weight(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Light of a galaxy and inverse variance of its pixels, (bands, H, W) float64 each.

        The variance is that of the noise and of the light's own photons. Light below the sky is 0,
        and so are both at pixels that are masked or without noise.
        """
        rms = self.rms[row].astype(np.float64)
        rms = rms[:, None, None] if rms.ndim == 1 else rms.transpose(2, 0, 1)
        light = np.maximum(self.images[row].transpose(2, 0, 1), 0.0).astype(np.float64, order="C")
        variance = rms**2 + light / self.survey.gain[:, None, None]
        sound = np.isfinite(variance) & (variance > 0)  # a pixel of NaN has a variance of NaN
        weight = np.where(sound, 1.0 / np.where(sound, variance, 1.0), 0.0)
        return np.where(sound, light, 0.0), weight


def arc_signal_to_noise(arcs: np.ndarray, weight: np.ndarray, gain: np.ndarray) -> float:
    """Signal-to-noise of arcs of known shape over all bands and sound pixels.

    Args:
        arcs: flux of the arcs, (bands, H, W).
        weight: inverse variance of the pixels without them, (bands, H, W); 0 where masked.
        gain: electrons a unit of flux, (bands,); the arcs' own photons are noise as well.

    >>> arc_signal_to_noise(np.full((1, 2, 2), 3.0), np.full((1, 2, 2), 1.0), np.array([3.0]))
    4.242640687119285
    """
    own = 1.0 + np.maximum(arcs, 0.0) * weight / gain[:, None, None]
    return math.sqrt(float((arcs * arcs * weight / own).sum()))


def make_galaxies(
    survey: str | ImagingSurvey,
    images: np.ndarray,
    columns: Mapping[str, np.ndarray],
    *,
    ids: Sequence[str] | None = None,
    rms_map: np.ndarray | None = None,
    source: str = "galaxies",
) -> Galaxies:
    """Check and measure galaxies that are in memory.

    Args:
        survey: a survey, its name or its TOML file.
        images: (n, H, W, bands) floats, flux in the survey's unit, the sky subtracted.
        columns: (n,) numbers by name: ``redshift``, ``velocity_dispersion`` [km/s], ``mag_BAND``
            [mag, AB], and those that the survey names for its PSF; each may hold NaN or be masked.
            With ``ra`` and ``dec`` [degrees] the same object under two ids is refused.
        ids: n unique names, by default 0 to n - 1.
        rms_map: (n, H, W, bands) noise of the pixels, for surveys with such maps.
        source: name of the galaxies in messages.

    Raises:
        LenszooError: images of another shape, a galaxy without a redshift and a magnitude, one that
            is all NaN or has a border without noise, one object under two ids, noise that
            contradicts the survey's zero point or its own maps, or a bad image of a PSF.

    Example:
        >>> import numpy as np
        >>> from lenszoo.simulation import make_galaxies
        >>> noise = np.random.default_rng(0).normal(0.0, (2, 3, 6, 12, 38), (1, 64, 64, 5))
        >>> noise[0, 30:34, 30:34] += 200.0
        >>> galaxies = make_galaxies("des_grizY", noise, {"redshift": [0.4], "mag_r": [20.0]})
        >>> len(galaxies), galaxies.survey.name
        (1, 'des_grizY')
    """
    survey = get_survey(survey)
    images = np.asarray(unmasked(images), np.float32)
    ids = tuple(map(str, range(len(images)) if ids is None else ids))
    check_shape(survey, images, source)
    if len(ids) != len(images):
        raise LenszooError(f"{source}: {len(images)} cutouts, but {len(ids)} ids.")
    check_ids(ids, source)
    check_names(ids, source)
    table = check_columns(columns, len(images), source)
    check_twins(images, ids, table, source)
    check_light(survey, images, ids, source)
    nothing = np.full(len(images), np.nan)
    redshift, dispersion = (_positive(table, name, nothing) for name in (REDSHIFT, DISPERSION))
    magnitude = np.stack([table.get(f"mag_{band}", nothing) for band in survey.names], axis=1)
    for row in np.flatnonzero(np.isnan(redshift) & np.isnan(magnitude).all(1)):
        wanted_columns = ", ".join(f"mag_{band}" for band in survey.names)
        raise LenszooError(
            f"{source}: id {ids[row]!r} has no {REDSHIFT} and no magnitude, so no lens can be "
            f"drawn; add a column {REDSHIFT} or one of {wanted_columns}."
        )
    for row in np.flatnonzero(np.isnan(dispersion) & np.isnan(magnitude).all(1)):
        raise LenszooError(
            f"{source}: id {ids[row]!r} has no {DISPERSION} and no magnitude, so the mass is "
            f"unknown; add a column {DISPERSION} or one such as mag_{survey.names[0]}."
        )
    limits = {REDSHIFT: (0.0, _FARTHEST), DISPERSION: (0.0, _HEAVIEST)}
    limits |= {f"mag_{band}": _MAGNITUDES for band in survey.names}
    for name in limits.keys() & table.keys():
        check_range(table[name], name, *limits[name], ids, source)
    psfs = band_psfs(survey)
    fwhm = np.empty((len(images), len(psfs)))
    for b, (band, psf) in enumerate(zip(survey.bands, psfs, strict=True)):
        fwhm[:, b] = psf.fwhm
        if band.psf_fwhm_column is not None:
            fwhm[:, b] = _widths(table, band.psf_fwhm_column, ids, source)
    level_rms = measure_sky(images).rms
    survey.check_noise(np.nanmedian(level_rms, axis=0), source)
    rms = _noise(survey, level_rms, unmasked(rms_map), images.shape, source)
    if survey.noise == "background":
        check_background(survey, rms, ids, source)
    if survey.noise == "rms_map":
        check_maps(survey, rms, level_rms, source)
    flat = rms if rms.ndim == 2 else np.nanmedian(rms, axis=(1, 2))
    centre, shape = light_shapes(
        weighted_light(images, flat), survey.pixel_scale_arcsec, np.median(fwhm, axis=1)
    )
    kinds = np.full(len(images), HOST, object)
    return Galaxies(
        survey, ids, images, redshift, dispersion, magnitude, fwhm, rms, centre, shape, psfs, kinds
    )


def _positive(table: Mapping[str, np.ndarray], name: str, nothing: np.ndarray) -> np.ndarray:
    """A column with NaN for values that are none, such as -1."""
    values = table.get(name, nothing)
    return np.where(values > 0, values, np.nan)


def _widths(
    table: Mapping[str, np.ndarray], column: str, ids: Sequence[str], source: str
) -> np.ndarray:
    if column not in table:
        raise LenszooError(f"{source}: no column {column!r}, which the survey names for its PSF.")
    bad = np.flatnonzero(~(table[column] > 0))
    if len(bad):
        raise LenszooError(
            f"{source}: id {ids[bad[0]]!r} has {table[column][bad[0]]} in column {column!r}; the "
            "width of a PSF is above 0 [arcsec]."
        )
    return table[column]


def _noise(
    survey: ImagingSurvey,
    measured: np.ndarray,
    rms_map: np.ndarray | None,
    shape: tuple[int, ...],
    source: str,
) -> np.ndarray:
    if survey.noise == "sky":
        scale = survey.pixel_scale_arcsec
        expected = [band.sky_rms(scale) or math.nan for band in survey.bands]
        return np.tile(np.array(expected), (shape[0], 1))
    if survey.noise == "background":
        return measured.astype(np.float64)
    if rms_map is None or rms_map.shape != shape:
        given_shape = None if rms_map is None else rms_map.shape
        raise LenszooError(
            f"{source}: survey {survey.name} weighs by maps of the noise; give one of shape "
            f"{shape}, not {given_shape} (rms_map)."
        )
    return np.where(rms_map > 0, rms_map, np.nan).astype(np.float64)


def weighted_light(images: np.ndarray, rms: np.ndarray) -> np.ndarray:
    """Sum of the bands weighted by 1 / noise^2, (n, H, W), NaN taken for 0."""
    weight = np.where(rms > 0, rms, np.inf) ** -2.0
    weight = weight / np.maximum(weight.sum(1, keepdims=True), 1e-300)
    light = np.where(np.isfinite(images), images, 0.0).astype(np.float64)
    return np.einsum("nyxb,nb->nyx", light, weight)
