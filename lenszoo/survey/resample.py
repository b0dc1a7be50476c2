"""Resample cutouts of a tile to another pixel scale, true to its coordinates."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lenszoo.data.grids import Grid
from lenszoo.data.pixels import Pixels

Kernel = Callable[[np.ndarray], list[tuple[int, np.ndarray]]]

_ARCSEC = 3600.0
_BORDER = 8  # pixels around a cutout that a spline needs
_STRAIGHT = 0.02  # pixels off straight rows and columns that are passed over
_FINE = 0.05  # pixels that grow by less are not averaged


def resample(
    pixels: Pixels,
    ra: np.ndarray,
    dec: np.ndarray,
    shape: tuple[int, int],
    scale: float,
    axes: np.ndarray,
) -> np.ndarray:
    """Return planes (n, H, W) float32 of an image at ``scale`` [arcsec a pixel] about positions.

    Flux a pixel of the new size, on a plane that touches the sky at the object, by cubic
    splines; where pixels grow, they are averaged. The place of a pixel in the image is a
    biquadratic of its place in the cutout, exact at nine points of each cutout.

    Args:
        pixels: the image.
        ra, dec: (n,) positions [deg].
        shape: (H, W).
        scale: arcsec a pixel.
        axes: (n, 2, 2) directions of the cutouts' axes, of :func:`pixel_axes`.

    Raises:
        LenszooError: the image is damaged.
    """
    x_of, y_of = _nine_points(pixels.grid, ra, dec, shape, scale, axes)
    out = np.full((len(ra), *shape), np.nan, np.float32)
    rows = np.flatnonzero(np.isfinite(x_of).all(1) & np.isfinite(y_of).all(1))
    if not len(rows):
        return out
    x_of, y_of = x_of[rows], y_of[rows]
    fine = max(1, math.ceil(scale / pixels.grid.scale - _FINE))
    left, width = _window(x_of)
    low, height = _window(y_of)
    sources = pixels.cutouts(left, low, (height, width))
    x_of[:, 0] -= left
    y_of[:, 0] -= low
    straight = (np.abs(x_of[:, 3:]).sum(1) < _STRAIGHT) & (
        np.abs(y_of[:, [1, 2, 4, 5, 7, 8]]).sum(1) < _STRAIGHT
    )
    planes = np.empty((len(rows), *shape), np.float32)
    # products of small matrices: several threads of BLAS would mostly wait for one another
    with _threads().limit(limits=1, user_api="blas"):
        for chosen, method in ((straight, _by_rows_and_columns), (~straight, _by_points)):
            if chosen.any():
                planes[chosen] = method(sources[chosen], x_of[chosen], y_of[chosen], shape, fine)
    area = np.abs(x_of[:, 1] * y_of[:, 3] - x_of[:, 3] * y_of[:, 1])
    area = area * 4 / (max(shape[0] - 1, 1) * max(shape[1] - 1, 1))
    out[rows] = planes * area[:, None, None].astype(np.float32)
    return out


@functools.cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def pixel_axes(grid: Grid, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the directions (n, 2, 2) of an image's axes at positions: rows x and y, in (W, N)."""
    west_north = np.broadcast_to(np.eye(2), (len(ra), 2, 2))
    x, y = _nine_points(grid, ra, dec, (3, 3), grid.scale, west_north)
    jacobian = np.stack([x[:, [1, 3]], y[:, [1, 3]]], axis=1)  # of (x, y) by (west, north)
    usable = np.isfinite(jacobian).all((1, 2))
    usable[usable] = np.abs(np.linalg.det(jacobian[usable])) > 1e-12
    axes = west_north.copy()
    inverse = np.linalg.inv(jacobian[usable])
    first = inverse[:, :, 0] / np.linalg.norm(inverse[:, :, 0], axis=1, keepdims=True)
    second = np.stack([-first[:, 1], first[:, 0]], axis=1)
    second *= np.sign(np.einsum("ni,ni->n", second, inverse[:, :, 1]))[:, None]
    axes[usable] = np.stack([first, second], axis=1)
    return axes


def _nine_points(
    grid: Grid,
    ra: np.ndarray,
    dec: np.ndarray,
    shape: tuple[int, int],
    scale: float,
    axes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (n, 9) of x and y in the image, as :func:`_powers` orders them."""
    u, v = (p.ravel() for p in np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]))
    step = np.radians(scale / _ARCSEC) / 2
    offsets = np.stack([u * (shape[1] - 1), v * (shape[0] - 1)]) * step
    west, north = np.einsum("nab,ap->bnp", axes, offsets)
    a0, d0 = np.radians(ra)[:, None], np.radians(dec)[:, None]
    a = a0 + np.arctan2(-west, np.cos(d0) - north * np.sin(d0))
    depth = np.hypot(west, np.cos(d0) - north * np.sin(d0))
    d = np.arctan2(np.sin(d0) + north * np.cos(d0), depth)
    x, y = grid.pixels(np.degrees(a).ravel() % 360.0, np.degrees(d).ravel())
    inverse = np.linalg.inv(_powers(u, v))  # (9 points, 9 coefficients)
    x_of, y_of = (np.reshape(p, (-1, 9)) @ inverse.T for p in (x, y))
    return x_of, y_of


def _powers(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return (points, 9): 1, u, u^2, v, uv, u^2 v, v^2, uv^2, u^2 v^2."""
    return np.stack([u**i * v**j for j in range(3) for i in range(3)], axis=1)


def _places(size: int, fine: int) -> np.ndarray:
    """Return where sub-pixels lie along an axis on which the outer pixels are at -1 and 1."""
    return ((np.arange(size * fine) + 0.5) / fine - size / 2) * 2 / max(size - 1, 1)


def _window(coefficients: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the first pixels (n,) and the common length of the stretches that cutouts need."""
    reach = np.abs(coefficients[:, 1:]).sum(1) * 1.1
    first = np.floor(coefficients[:, 0] - reach).astype(np.int64) - _BORDER
    return first, int(np.ceil(2 * reach.max())) + 2 * _BORDER + 2


def _filled(sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return cutouts whose bad pixels have the median of the others, and the mask of bad ones."""
    bad = ~np.isfinite(sources)
    filled = sources
    for k in np.flatnonzero(bad.any((1, 2))):
        filled = sources.copy() if filled is sources else filled
        sound = sources[k][~bad[k]]
        filled[k][bad[k]] = np.median(sound) if len(sound) else 0.0
    return filled, bad


def _by_rows_and_columns(
    sources: np.ndarray, x_of: np.ndarray, y_of: np.ndarray, shape: tuple[int, int], fine: int
) -> np.ndarray:
    """Interpolate cutouts (n, h, w) whose rows and columns run along those of the image."""
    from scipy.ndimage import spline_filter1d

    filled, bad = _filled(sources)
    x = x_of[:, :3] @ _powers(_places(shape[1], fine), np.zeros(shape[1] * fine))[:, :3].T
    y = y_of[:, [0, 3, 6]] @ _powers(_places(shape[0], fine), np.zeros(shape[0] * fine))[:, :3].T
    splines = filled.astype(np.float32)
    for axis in (1, 2):
        splines = spline_filter1d(splines, 3, axis, output=np.float32, mode="mirror")
    height, width = sources.shape[1:]
    across, along = _weights(x, width, fine, _cubic), _weights(y, height, fine, _cubic)
    planes = along @ splines @ across.transpose(0, 2, 1)
    for k in np.flatnonzero(bad.any((1, 2))):
        one = slice(k, k + 1)
        across, along = (
            _weights(x[one], width, fine, _linear),
            _weights(y[one], height, fine, _linear),
        )
        planes[k][(along @ bad[one].astype(np.float32) @ across.transpose(0, 2, 1))[0] > 1e-6] = (
            np.nan
        )
    return planes


def _by_points(
    sources: np.ndarray, x_of: np.ndarray, y_of: np.ndarray, shape: tuple[int, int], fine: int
) -> np.ndarray:
    """Interpolate cutouts (n, h, w) that are turned against the image, point by point."""
    from scipy.ndimage import map_coordinates

    filled, bad = _filled(sources)
    v, u = np.meshgrid(_places(shape[0], fine), _places(shape[1], fine), indexing="ij")
    basis = _powers(u.ravel(), v.ravel()).T
    x, y = x_of @ basis, y_of @ basis
    planes = np.empty((len(sources), *shape), np.float32)
    for k, source in enumerate(filled):
        places = np.stack([y[k], x[k]])
        values = map_coordinates(source, places, order=3, mode="mirror")
        if bad[k].any():
            mask = map_coordinates(bad[k].astype(np.float32), places, order=1, mode="mirror")
            values[mask > 1e-6] = np.nan
        planes[k] = values.reshape(shape[0], fine, shape[1], fine).mean((1, 3))
    return planes


def _cubic(t: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Weights of the cubic B-spline at a fraction t behind a pixel, by offset."""
    return [
        (-1, (1 - t) ** 3 / 6),
        (0, (4 - 6 * t**2 + 3 * t**3) / 6),
        (1, (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6),
        (2, t**3 / 6),
    ]


def _linear(t: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Weights of linear interpolation."""
    return [(0, 1 - t), (1, t)]


def _weights(places: np.ndarray, size: int, fine: int, kernel: Kernel) -> np.ndarray:
    """Return (n, points / fine, size) weights of an axis's pixels, averaged over sub-pixels."""
    start = np.floor(places).astype(np.int64)
    dense = np.zeros((*places.shape, size), np.float32)
    for offset, weight in kernel(places - start):
        at = np.clip(start + offset, 0, size - 1)[..., None]
        np.put_along_axis(dense, at, weight[..., None].astype(np.float32), axis=2)
    return dense.reshape(len(places), -1, fine, size).mean(2)
