"""Render the arcs of painted lenses: trace -> shine -> blur -> photon noise, compiled."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np
from keras import ops

from lenszoo.simulation import shine
from lenszoo.simulation.paint_draw import Painting
from lenszoo.simulation.paint_psf import BandPSF, compressed, stacked_matrices
from lenszoo.simulation.paint_stamps import SIDE, Stamps
from lenszoo.simulation.random import pixel_uniform, poisson_from_uniform
from lenszoo.simulation.render import compiled
from lenszoo.simulation.surveys import ImagingSurvey
from lenszoo.simulation.trace import shear_deflection, sie_deflection, sis_deflection

TILE = 16  # paintings a compiled call renders; always padded to this, as in render.py
_FINEST = 0.09  # largest distance of samples [arcsec]
_REFINED, _INNER = 3, 0.9  # finer samples, by this factor, within this of the middle [arcsec]
_MARGIN = 3  # rim whose light the PSF blurs into the image [pixels]


@dataclass(frozen=True)
class Grid:
    """Pixels and samples of a survey's cutouts.

    Attributes:
        size: pixels a side.
        scale: pixel scale [arcsec/pixel].
        supersampling: samples a side of each pixel.
        gain: electrons a unit of flux in each band.
    """

    size: int
    scale: float
    supersampling: int
    gain: tuple[float, ...]

    @classmethod
    def of(cls, survey: ImagingSurvey) -> "Grid":
        """Grid of a survey, sampled well enough for faint sources and narrow PSFs."""
        scale = survey.pixel_scale_arcsec
        fine = max(2, math.ceil(scale / _FINEST))
        return cls(survey.cutout_size_pixels, scale, fine, tuple(survey.gain.tolist()))

    @property
    def side(self) -> int:
        """Samples a side, those of the rim included."""
        return (self.size + 2 * _MARGIN) * self.supersampling

    @property
    def inner(self) -> int:
        """Samples a side, in the middle, that are means of finer ones; even or odd as ``side``."""
        half = math.ceil(_INNER * self.supersampling / self.scale)
        return min(2 * half + self.side % 2, self.side)

    def inner_samples(self) -> np.ndarray:
        """Centres of the finer samples along an axis, from the middle [arcsec]."""
        step = self.scale / self.supersampling / _REFINED
        n = self.inner * _REFINED
        return (np.arange(n) + 0.5 - n / 2) * step

    def pixels(self) -> np.ndarray:
        """Centres of the pixels along an axis, from the middle [arcsec]."""
        return (np.arange(self.size) + 0.5 - self.size / 2) * self.scale

    def samples(self) -> np.ndarray:
        """Centres of the samples along an axis, from the middle [arcsec]."""
        step = self.scale / self.supersampling
        return (np.arange(self.side) + 0.5 - self.side / 2) * step


def traced(arrays: Mapping[str, Any], x, y):
    """Source-plane positions of rays from the source's centre, (batch, n) each [arcsec]."""
    x, y = x - arrays["x"], y - arrays["y"]
    ax, ay = sie_deflection(x, y, arrays["einstein_radius"], arrays["e1"], arrays["e2"])
    sx, sy = shear_deflection(x, y, arrays["gamma1"], arrays["gamma2"])
    ax, ay = ax + sx, ay + sy
    companions = arrays["companions"]
    for k in range(companions.shape[1]):
        cx, cy, radius = (companions[:, k, i : i + 1] for i in range(3))
        bx, by = sis_deflection(x - cx, y - cy, radius)
        ax, ay = ax + bx, ay + by
    return x - ax - arrays["source_x"], y - ay - arrays["source_y"]


def sersic_with_clumps(arrays: Mapping[str, Any], x, y) -> tuple[Any, ...]:
    """Brightness at unit flux of body and of clumps, (batch, n) each [1/arcsec^2].

    Args:
        arrays: parameters of the sources.
        x, y: source-plane positions from the source's centre, (batch, n) [arcsec].
    """
    body = shine.sersic(
        x, y, arrays["amplitude"], arrays["r_eff"], arrays["index"], arrays["source_e1"],
        arrays["source_e2"], arrays["core"],
    )  # fmt: skip
    clumps = 0.0
    for k in range(arrays["clumps"].shape[1]):
        cx, cy, inverse, peak = (arrays["clumps"][:, k, i : i + 1] for i in range(4))
        dx, dy = x - cx, y - cy
        clumps = clumps + peak * ops.exp(-inverse * (dx * dx + dy * dy))
    return body, clumps


def stamp(arrays: Mapping[str, Any], x, y) -> tuple[Any, ...]:
    """Brightness at unit flux of a stamp, bilinear, (batch, n) [1/arcsec^2]."""
    u = (arrays["cosine"] * x + arrays["sine"] * y) / arrays["step"] + (SIDE - 1) / 2
    v = (arrays["cosine"] * y - arrays["sine"] * x) / arrays["step"] + (SIDE - 1) / 2
    # the rim of a stamp is empty
    u, v = (ops.clip(part, 0.0, SIDE - 1.001) for part in (u, v))
    i, j = ops.floor(v), ops.floor(u)
    a, b = v - i, u - j
    place = ops.cast(i * SIDE + j, "int32")

    def corner(offset: int):
        return ops.take_along_axis(arrays["stamp"], place + offset, axis=1)

    upper = (1 - b) * corner(0) + b * corner(1)
    lower = (1 - b) * corner(SIDE) + b * corner(SIDE + 1)
    return (((1 - a) * upper + a * lower) / (arrays["step"] * arrays["step"]),)


def mesh(axis: np.ndarray) -> tuple[Any, Any]:
    """Positions x and y of a square grid, (1, n) each, from those along its axis."""
    y, x = np.meshgrid(axis.astype(np.float32), axis.astype(np.float32), indexing="ij")
    return ops.convert_to_tensor(x.reshape(1, -1)), ops.convert_to_tensor(y.reshape(1, -1))


def exposed(outer, inner, arrays: Mapping[str, Any], grid: Grid) -> dict[str, Any]:
    """Blur the parts of the source into pixels.

    Args:
        outer: brightness of each part at unit flux at the samples, (batch, side^2).
        inner: the same at the finer samples, which take the place of those in the middle: inner
            images of a source are small.
        arrays: with ``fluxes`` of the parts, (batch, bands, parts), ``rows`` and ``columns`` of the
            PSF, (batch or 1, bands, terms, pixels, k), and ``basis``, (side, k), or with k = side
            no basis.
        grid: pixels and samples.

    Returns:
        ``arcs``, (batch, bands, pixels, pixels), in the cutouts' unit of flux; ``lensed``, mean
        brightness of each part times the samples, (batch, parts).
    """
    side, n, parts = grid.side, grid.inner, len(outer)
    rim = (side - n) // 2
    outside = np.ones((side, side), np.float32)
    outside[rim : side - rim, rim : side - rim] = 0.0
    bright = ops.reshape(ops.stack(outer, axis=1), (-1, parts, side, side))
    middle = ops.reshape(ops.stack(inner, axis=1), (-1, parts, n, _REFINED, n, _REFINED))
    around = ((0, 0), (0, 0), (rim, rim), (rim, rim))
    bright = bright * outside + ops.pad(ops.mean(middle, axis=(3, 5)), around)
    lensed = ops.sum(bright, axis=(2, 3))
    if "basis" in arrays:
        for _ in "xy":
            bright = ops.swapaxes(ops.tensordot(bright, arrays["basis"], axes=1), 2, 3)
    k = bright.shape[-1]
    light = ops.matmul(arrays["fluxes"], ops.reshape(bright, (-1, parts, k * k)))
    light = ops.reshape(light, (-1, light.shape[1], 1, k, k))
    terms = ops.matmul(arrays["rows"], light)
    arcs = ops.sum(ops.matmul(terms, ops.swapaxes(arrays["columns"], -1, -2)), axis=2)
    return {"arcs": arcs, "lensed": lensed}


def photon_luck(keys, grid: Grid):
    """Uniform numbers, one a pixel, (batch, bands, pixels, pixels), from keys (batch, bands, 2)."""
    bands, pixels = keys.shape[1], grid.size
    uniform = [pixel_uniform(keys[:, band], pixels**2) for band in range(bands)]
    return ops.reshape(ops.stack(uniform, axis=1), (-1, bands, pixels, pixels))


def photons(arcs, uniform, grid: Grid):
    """Draw the light of arcs photon by photon, in the cutouts' unit of flux."""
    electrons = ops.convert_to_tensor(np.array(grid.gain, np.float32).reshape(1, -1, 1, 1))
    return poisson_from_uniform(ops.maximum(arcs, 0.0) * electrons, uniform) / electrons


@lru_cache(maxsize=32)
def _programs(grid: Grid, stamps: bool, backend: str) -> tuple[Callable, ...]:
    """Programs of their own: in one, XLA computes again what is used twice, and not vectorised."""
    shine_at = stamp if stamps else sersic_with_clumps
    of_grid = (partial(part, grid=grid) for part in (exposed, photon_luck, photons))
    return compiled(traced), compiled(shine_at), *map(compiled, of_grid)


def render_paintings(
    paintings: Sequence[Painting],
    survey: ImagingSurvey,
    psfs: Sequence[BandPSF],
    widths: np.ndarray,
    stamps: Stamps | None,
    reference: int,
) -> dict[str, np.ndarray]:
    """Render paintings.

    Args:
        paintings: n of them.
        survey: the survey.
        psfs: PSFs of its bands.
        widths: full widths at half maximum of the PSF of each painting, (n, bands) [arcsec].
        stamps: galaxies that serve as sources, or None.
        reference: number of the band of the magnitudes.

    Returns:
        ``arcs`` and ``noisy``, (n, H, W, bands) float32, and ``magnification``, (n,): lensed over
        unlensed flux of the source in the reference band, within the cutout and its rim.
    """
    grid = Grid.of(survey)
    trace, shine_at, expose, luck, count = _programs(
        grid, stamps is not None, keras.backend.backend()
    )
    rays = [mesh(axis) for axis in (grid.samples(), grid.inner_samples())]
    size, bands = grid.size, len(survey.names)
    result: dict[str, np.ndarray] = {
        "arcs": np.empty((len(paintings), size, size, bands), np.float32),
        "noisy": np.empty((len(paintings), size, size, bands), np.float32),
        "magnification": np.empty(len(paintings)),
    }
    area = (grid.scale / grid.supersampling) ** 2
    for start in range(0, len(paintings), TILE):
        tile = list(paintings[start : start + TILE])
        n = len(tile)
        padded = tile + [tile[-1]] * (TILE - n)
        stacked = _arrays(padded, survey, stamps, reference)
        width = np.concatenate(
            [widths[start : start + n], widths[[start + n - 1]].repeat(TILE - n, 0)]
        )
        stacked |= _matrices(survey, psfs, width, grid)
        arrays = {name: ops.convert_to_tensor(value) for name, value in stacked.items()}
        light = [shine_at(arrays, *trace(arrays, *positions)) for positions in rays]
        done = expose(*light, arrays)
        done["noisy"] = count(done["arcs"], luck(arrays["keys"]))
        rows = slice(start, start + n)
        for name in ("arcs", "noisy"):
            values = ops.convert_to_numpy(done[name])[:n]
            result[name][rows] = np.moveaxis(values, 1, -1)
        share = stacked["fluxes"][:n, reference]
        lensed = (ops.convert_to_numpy(done["lensed"])[:n] * share).sum(1)
        result["magnification"][rows] = lensed * area / stacked["total"][:n]
    return result


def _arrays(
    tile: Sequence[Painting], survey: ImagingSurvey, stamps: Stamps | None, reference: int
) -> dict[str, np.ndarray]:
    """Parameters of the paintings, (batch, 1) float32 each, and arrays."""
    single: dict[str, list[float]] = {}
    for p in tile:
        values = {
            "x": p.x, "y": p.y, "einstein_radius": p.lens.einstein_radius, "e1": p.lens.e1,
            "e2": p.lens.e2, "gamma1": p.lens.gamma1, "gamma2": p.lens.gamma2,
            "source_x": p.source_x, "source_y": p.source_y,
        }  # fmt: skip
        s = p.source
        if stamps is None:
            values |= {
                "amplitude": s.amplitude, "r_eff": s.r_eff,
                "index": s.index, "source_e1": s.e1, "source_e2": s.e2, "core": s.core,
            }  # fmt: skip
        else:
            values |= {"cosine": np.cos(s.angle), "sine": np.sin(s.angle), "step": stamps.step(s)}
        for name, value in values.items():
            single.setdefault(name, []).append(value)
    arrays = {name: np.array(values, np.float32)[:, None] for name, values in single.items()}
    fluxes = np.array([source_fluxes(p, survey, stamps is not None) for p in tile])
    arrays["fluxes"] = fluxes.astype(np.float32)
    arrays["total"] = fluxes[:, reference].sum(1)
    arrays["companions"] = _companions([p.lens.companions for p in tile])
    arrays["keys"] = np.stack([p.keys for p in tile])
    if stamps is None:
        arrays["clumps"] = np.stack([_clumps(p.source.clumps) for p in tile])
    else:
        chosen = [p.source.stamp for p in tile]
        arrays["stamp"] = stamps.images[chosen].reshape(len(tile), -1)
    return arrays


def source_fluxes(p: Painting, survey: ImagingSurvey, stamp_source: bool) -> np.ndarray:
    """Unlensed flux of body and clumps, or of a stamp, in the cutouts' unit, (bands, parts)."""
    share = 0.0 if stamp_source else float(p.source.clumps[:, 3].sum())
    parts = ((1 - share, p.source.colour), (share, p.source.clump_colour))
    return np.array(
        [
            [
                part * float(band.flux(p.magnitude + colour[b]))
                for part, colour in parts[: 2 - stamp_source]
            ]
            for b, band in enumerate(survey.bands)
        ]
    )


def _companions(each: Sequence[tuple[tuple[float, float, float], ...]]) -> np.ndarray:
    """Companions of the lenses, (batch, k, 3) float32; k a multiple of 4, to compile few."""
    most = -(-max(map(len, each)) // 4) * 4
    arrays = np.zeros((len(each), most, 3), np.float32)
    for array, companions in zip(arrays, each, strict=True):
        array[: len(companions)] = np.reshape(companions, (-1, 3))
    return arrays


def _clumps(clumps: np.ndarray) -> np.ndarray:
    """Offsets, 1 / (2 sigma^2) and peak of the clumps, whose light is 1 in all, float32."""
    share = clumps[:, 3] / max(clumps[:, 3].sum(), 1e-12)
    inverse = 0.5 / clumps[:, 2] ** 2
    peak = share * inverse / np.pi
    return np.stack([clumps[:, 0], clumps[:, 1], inverse, peak], axis=1).astype(np.float32)


def _matrices(
    survey: ImagingSurvey, psfs: Sequence[BandPSF], widths: np.ndarray, grid: Grid
) -> dict[str, np.ndarray]:
    """Matrices of the PSF: one set for all, or one a galaxy where each has its own width."""
    if any(band.psf_fwhm_column is not None for band in survey.bands):
        each = [stacked_matrices(psfs, grid.pixels(), grid.samples(), width) for width in widths]
        rows, columns = map(np.stack, zip(*each, strict=True))
        return {"rows": rows, "columns": columns}
    return _common_matrices(tuple(psfs), tuple(widths[0].tolist()), grid)


@lru_cache(maxsize=8)
def _common_matrices(
    psfs: tuple[BandPSF, ...], widths: tuple[float, ...], grid: Grid
) -> dict[str, np.ndarray]:
    own = stacked_matrices(psfs, grid.pixels(), grid.samples(), np.array(widths))
    basis, rows, columns = compressed(*own)
    return {"basis": basis, "rows": rows[None], "columns": columns[None]}
