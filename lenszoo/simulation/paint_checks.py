"""Checks of galaxies to paint on: each refuses, in one line, what would paint wrong lenses."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lenszoo.errors import LenszooError, counted
from lenszoo.masked import unmasked
from lenszoo.simulation.surveys import ImagingSurvey
from lenszoo.simulation.surveys.imaging import UNLIKE

_SCALE = 0.01  # largest relative difference of pixel scales
_ZERO_POINT = 0.01  # largest difference of zero points [mag]
_SEPARATION = 1.0  # distance below which two positions are one object [arcsec]


def check_pixel_scales(
    survey: ImagingSurvey,
    scales: Iterable[Sequence[float | None]],
    ids: Sequence[str],
    source: str,
) -> None:
    """Refuse cutouts whose headers give another pixel scale [arcsec/pixel] than the survey.

    Args:
        survey: the survey.
        scales: of each galaxy those of its files, None where a header does not tell.
        ids: of the galaxies.
        source: name of the galaxies.
    """
    own = survey.pixel_scale_arcsec
    for name, each in zip(ids, scales, strict=True):
        for scale in each:
            if scale is not None and abs(scale / own - 1) > _SCALE:
                raise LenszooError(
                    f'{source}: the cutout of id {name!r} has pixels of {scale:.4g}", survey '
                    f'{survey.name} of {own:.4g}"; resample it, or set pixel_scale_arcsec in a '
                    "survey file of your own."
                )


def check_zero_points(
    survey: ImagingSurvey,
    points: Iterable[Sequence[float | None] | None],
    ids: Sequence[str],
    source: str,
) -> None:
    """Refuse cutouts whose headers give another zero point [mag] than the survey.

    Args:
        survey: the survey.
        points: of each galaxy those of its files, None where a header does not tell.
        ids: of the galaxies.
        source: name of the galaxies.
    """
    for name, each in zip(ids, points, strict=True):
        if each is None or len(each) not in (1, len(survey.bands)):
            continue
        of_bands = list(each) * (len(survey.bands) if len(each) == 1 else 1)
        for band, point in zip(survey.bands, of_bands, strict=True):
            if point is not None and abs(point - band.zero_point_mag) > _ZERO_POINT:
                raise LenszooError(
                    f"{source}: the header of the cutout of id {name!r} gives zero point "
                    f"{point:g} in band {band.name}, survey {survey.name} "
                    f"{band.zero_point_mag:g}; set zero_point_mag in a survey file of your own, "
                    "or mend the header."
                )


def check_columns(columns: Mapping[str, Any], count: int, source: str) -> dict[str, np.ndarray]:
    """Return columns as numbers, (count,) float64 each; refuse text and other lengths."""
    table = {}
    for name, values in columns.items():
        try:
            table[name] = np.asarray(unmasked(values), np.float64)
        except (TypeError, ValueError) as error:
            raise LenszooError(f"{source}: column {name!r} holds no numbers.") from error
        if table[name].shape != (count,):
            raise LenszooError(
                f"{source}: column {name!r} has shape {table[name].shape}, but there are "
                f"{counted(count, 'cutout')}; give one number a cutout."
            )
    return table


def check_names(ids: Sequence[str], source: str) -> None:
    """Refuse an id that is the name of a lens painted on another galaxy."""
    every = set(ids)
    for name in ids:
        host, _, number = name.rpartition("_lens")
        if number.isdecimal() and host in every:
            raise LenszooError(
                f"{source}: id {name!r} is what a lens painted on {host!r} is called; rename it."
            )


def check_shape(survey: ImagingSurvey, images: np.ndarray, source: str) -> None:
    """Refuse images, (n, H, W, bands), of another size or number of bands than the survey's."""
    size, bands = survey.cutout_size_pixels, survey.names
    if images.ndim != 4 or not len(images) or images.shape[3] != len(bands):
        raise LenszooError(
            f"{source}: survey {survey.name} has {counted(len(bands), 'band')} "
            f"({', '.join(bands)}) and its cutouts must be (n, {size}, {size}, {len(bands)}), not "
            f"{images.shape}."
        )
    if images.shape[1:3] != (size, size):
        raise LenszooError(
            f"{source}: cutouts of {images.shape[1]} x {images.shape[2]} pixels, survey "
            f"{survey.name} has {size} x {size}; cut them to that size, or say theirs, "
            "--cutout-size or cutout_size_pixels of a survey file."
        )


def check_light(survey: ImagingSurvey, images: np.ndarray, ids: Sequence[str], source: str) -> None:
    """Refuse cutouts without a finite pixel in some band."""
    empty = ~np.isfinite(images).any((1, 2))
    if empty.any():
        row, band = np.argwhere(empty)[0]
        raise LenszooError(
            f"{source}: the cutout of id {ids[row]!r} is all NaN in band {survey.names[band]}; "
            "leave it out."
        )


def check_twins(
    images: np.ndarray, ids: Sequence[str], table: Mapping[str, np.ndarray], source: str
) -> None:
    """Refuse one object under two ids: equal pixels, or positions within an arcsec."""
    seen: dict[bytes, str] = {}
    for name, image in zip(ids, images, strict=True):
        digest = hashlib.sha256(image.tobytes()).digest()
        if digest in seen:
            raise LenszooError(
                f"{source}: ids {seen[digest]!r} and {name!r} have the same cutout; leave one out."
            )
        seen[digest] = name
    if "ra" not in table or "dec" not in table:
        return
    from scipy.spatial import cKDTree

    ra, dec = np.radians(table["ra"]), np.radians(table["dec"])
    sound = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    cosine = np.cos(dec[sound])
    points = np.stack([cosine * np.cos(ra[sound]), cosine * np.sin(ra[sound]), np.sin(dec[sound])])
    pairs = cKDTree(points.T).query_pairs(math.radians(_SEPARATION / 3600))
    if pairs:
        a, b = sorted(pairs)[0]
        raise LenszooError(
            f"{source}: ids {ids[sound[a]]!r} and {ids[sound[b]]!r} lie within "
            f'{_SEPARATION:g}" of each other, one object under two ids; leave one out.'
        )


def check_range(
    values: np.ndarray, name: str, low: float, high: float, ids: Sequence[str], source: str
) -> None:
    """Refuse numbers that stand for a missing value, but for those that are known to."""
    # -1, -99 or 0 in a column that is positive are missing
    bad = np.flatnonzero((values > high) | ((values < low) if low > 0 else np.isinf(values)))
    if len(bad):
        raise LenszooError(
            f"{source}: id {ids[bad[0]]!r} has {values[bad[0]]:g} in column {name!r}, beyond "
            f"{low:g} to {high:g}; if that stands for a missing value, leave the cell empty."
        )


def check_background(
    survey: ImagingSurvey, rms: np.ndarray, ids: Sequence[str], source: str
) -> None:
    """Refuse cutouts whose border has no noise, (n, bands), that arcs could be weighed against."""
    remedy = (
        'leave the galaxy out, or set noise = "sky" or a map of the noise in a survey file of your '
        "own."
    )
    for row, band in np.argwhere(rms == 0):
        raise LenszooError(
            f"{source}: the border of the cutout of id {ids[row]!r} has no noise in band "
            f"{survey.names[band]}, as where pixels are missing; {remedy}"
        )
    for host in np.flatnonzero(~(rms > 0).any(axis=1)):
        raise LenszooError(
            f"{source}: the border of the cutout of id {ids[int(host)]!r} has no finite pixel, so "
            f"that its noise is unknown; {remedy}"
        )


def check_maps(survey: ImagingSurvey, maps: np.ndarray, measured: np.ndarray, source: str) -> None:
    """Refuse maps of the noise, (n, H, W, bands), that the sky's noise, (n, bands), contradicts."""
    for b, band in enumerate(survey.names):
        mapped, sky = (float(np.nanmedian(values[..., b])) for values in (maps, measured))
        if mapped > 0 and sky > 0 and not 1 / UNLIKE <= mapped / sky <= UNLIKE:
            raise LenszooError(
                f"{source}: the maps of the noise give {mapped:.3g} a pixel in band {band}, the "
                f"borders of the cutouts {sky:.3g}: maps of the variance or of weights? They must "
                "hold standard deviations in the cutouts' unit (rms_map)."
            )
