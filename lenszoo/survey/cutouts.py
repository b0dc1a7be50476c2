"""Cutouts of objects from the bands of a tile, native or resampled to another pixel scale."""

import contextlib
import math
from collections.abc import Sequence

import numpy as np

from lenszoo.data.photometry import ZERO_POINT
from lenszoo.errors import LenszooError
from lenszoo.survey.footprints import Grid, Tile
from lenszoo.survey.pixels import Pixels

SAME_SCALE = 0.05
"""Pixel scales that differ by less, relatively, are taken for the same."""

_SAME_GRID = 0.02  # of the directions and scales of two bands
_BORDER = 6  # pixels around a cutout that a spline needs
_ARCSEC = 3600.0


class TileCutter:
    """The open images of a tile, from which cutouts are made.

    Args:
        tile: one without a fault.
        shape: (H, W) of the cutouts in pixels.
        scale: arcsec a pixel to resample to, north up and east to the left; None cuts the pixels as
            they are.
        zero_point: AB magnitude of flux 1 in cutouts from bands whose zero point is known.

    Raises:
        LenszooError: an image cannot be read.
    """

    def __init__(
        self,
        tile: Tile,
        shape: tuple[int, int],
        scale: float | None = None,
        zero_point: float = ZERO_POINT,
    ) -> None:
        self.tile, self.shape, self.scale = tile, shape, scale
        self._bands: list[Pixels] = []
        try:
            for grid in tile.grids:
                if grid is None:
                    raise LenszooError(f"Tile {tile.name}: {tile.fault or 'lacks a band'}.")
                self._bands.append(Pixels(grid))
        except BaseException:
            self.close()
            raise
        self._factors = [
            np.float32(1 if point is None else 10 ** (0.4 * (zero_point - point)))
            for point in tile.zero_points
        ]

    def __enter__(self) -> "TileCutter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the images."""
        with contextlib.ExitStack() as stack:
            for band in self._bands:
                stack.callback(band.close)

    def order(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return objects in the order of the rows of the first band, the fastest to cut."""
        _, y = self._bands[0].grid.pixels(ra, dec)
        return np.argsort(np.nan_to_num(y), kind="stable")

    def cut(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return cutouts (n, H, W, bands) float32 about positions [deg]; NaN beyond the edges.

        Native cutouts hold the pixels whose middle is nearest to the object, as astropy's
        ``Cutout2D`` does. Resampled ones are flux a pixel of the new size, on a tangential plane
        about the object, by cubic splines; where pixels grow, they are averaged.

        Raises:
            LenszooError: an image is damaged.
        """
        images = np.empty((len(ra), *self.shape, len(self._bands)), np.float32)
        for k, (pixels, factor) in enumerate(zip(self._bands, self._factors, strict=True)):
            if self.scale is None:
                planes = self._native(pixels, ra, dec)
            else:
                planes = resample(pixels, ra, dec, self.shape, self.scale)
            images[..., k] = planes if factor == 1 else planes * factor
        return images

    def _native(self, pixels: Pixels, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        height, width = self.shape
        x, y = pixels.grid.pixels(ra, dec)
        return pixels.cutouts(_first(x, width), _first(y, height), self.shape)


def suits(grids: Sequence[Grid], trained: float | None, resampled: bool, label: str) -> str | None:
    """Say why the grids of a tile cannot be cut as they are; None where they can.

    Args:
        grids: one a band.
        trained: arcsec a pixel of the model's training, None where unknown.
        resampled: whether cutouts are resampled, for which any grid will do.
        label: what messages call the model.
    """
    if resampled or not grids:
        return None
    first = grids[0]
    matrix = first.wcs.pixel_scale_matrix * _ARCSEC / first.scale
    for grid in grids:
        if trained is not None and abs(grid.scale / trained - 1) > SAME_SCALE:
            return (
                f"{grid.path}: {grid.scale:.3g} arcsec a pixel, but {label} learned at "
                f"{trained:.3g}; pass resample=True"
            )
        other = grid.wcs.pixel_scale_matrix * _ARCSEC / first.scale
        if np.abs(other - matrix).max() > _SAME_GRID:
            return (
                f"{grid.path}: its pixels are turned against those of {first.path}, or of another "
                "size; pass resample=True"
            )
    return None


def resample(
    pixels: Pixels, ra: np.ndarray, dec: np.ndarray, shape: tuple[int, int], scale: float
) -> np.ndarray:
    """Return planes (n, H, W) float32 of an image at ``scale`` [arcsec a pixel] about positions.

    The place of a pixel in the image is a biquadratic of its place in the cutout, exact at nine
    points of each cutout.
    """
    from scipy.ndimage import map_coordinates

    x_of, y_of = _nine_points(pixels.grid, ra, dec, shape, scale)
    fine = max(1, math.ceil(scale / pixels.grid.scale - SAME_SCALE))
    basis = _basis(shape, fine)
    x, y = x_of @ basis, y_of @ basis  # (n, H fine * W fine)
    usable = np.isfinite(x).all(1) & np.isfinite(y).all(1)
    out = np.full((len(ra), *shape), np.nan, np.float32)
    if not usable.any():
        return out
    left, low = (np.floor(v.min(1)) - _BORDER for v in (x, y))
    width, height = (
        int(np.ceil((v.max(1) - start)[usable].max())) + _BORDER + 1
        for v, start in ((x, left), (y, low))
    )
    left, low = (np.where(usable, v, -(2**31)).astype(np.int64) for v in (left, low))
    sources = pixels.cutouts(left, low, (height, width))
    area = np.abs(x_of[:, 1] * y_of[:, 3] - x_of[:, 3] * y_of[:, 1])
    area = area * 4 / (max(shape[0] - 1, 1) * max(shape[1] - 1, 1))
    for k in np.flatnonzero(usable):
        source = sources[k]
        places = np.stack([y[k] - low[k], x[k] - left[k]])
        bad = ~np.isfinite(source)
        if bad.all():
            continue
        if bad.any():
            source = np.where(bad, np.median(source[~bad]), source)
        values = map_coordinates(source, places, order=3, mode="nearest", prefilter=True)
        if bad.any():
            values[map_coordinates(bad.astype(np.float32), places, order=1) > 1e-6] = np.nan
        grid = values.reshape(shape[0], fine, shape[1], fine)
        out[k] = grid.mean((1, 3)) * area[k]
    return out


def _first(centre: np.ndarray, size: int) -> np.ndarray:
    """Return the first pixel of cutouts about a place, far outside where there is none."""
    finite = np.isfinite(centre)
    start = np.ceil(np.where(finite, centre, 0.0) - size / 2)
    return np.where(finite, np.clip(start, -(2**40), 2**40), -(2**40)).astype(np.int64)


def _nine_points(
    grid: Grid, ra: np.ndarray, dec: np.ndarray, shape: tuple[int, int], scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (n, 9) of x and y in the image, as :func:`_basis` takes them."""
    u, v = (p.ravel() for p in np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]))
    step = np.radians(scale / _ARCSEC) / 2
    xi, eta = -u * (shape[1] - 1) * step, v * (shape[0] - 1) * step  # east is to the left
    a0, d0 = np.radians(ra)[:, None], np.radians(dec)[:, None]
    depth = np.cos(d0) - eta * np.sin(d0)
    a = a0 + np.arctan2(xi, depth)
    d = np.arctan2(np.sin(d0) + eta * np.cos(d0), np.hypot(xi, depth))
    x, y = grid.pixels(np.degrees(a).ravel() % 360.0, np.degrees(d).ravel())
    inverse = np.linalg.inv(_powers(u, v))  # (9 points, 9 coefficients)
    return tuple(np.reshape(p, (-1, 9)) @ inverse.T for p in (x, y))  # type: ignore[return-value]


def _powers(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return (points, 9): 1, u, u^2, v, uv, u^2 v, v^2, uv^2, u^2 v^2."""
    return np.stack([u**i * v**j for j in range(3) for i in range(3)], axis=1)


def _basis(shape: tuple[int, int], fine: int) -> np.ndarray:
    """Return (9, points) for the sub-pixels of a cutout, ``fine`` x ``fine`` in each pixel."""

    def places(size: int) -> np.ndarray:
        middle = (np.arange(size * fine) + 0.5) / fine - size / 2
        return middle * 2 / max(size - 1, 1)

    v, u = (p.ravel() for p in np.meshgrid(places(shape[0]), places(shape[1]), indexing="ij"))
    return _powers(u, v).T
