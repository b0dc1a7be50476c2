"""Refit smooth lenses to images with lenszoo's own tracer: the ruler of the calibration.

A Levenberg-Marquardt fit of many images at once: each image has parameters of its own, and one
rendered batch holds every image at every finite-difference step. Amplitude and sky are linear and
solved for. The model is the macro model of the ``common_test_sim`` sky: a singular isothermal
sphere at the centre, external shear, and a Sersic source of fixed radius and index.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from keras import ops

from lenszoo.simulation import get_preset
from lenszoo.simulation.render import compiled, lensed_brightness

# variance of a pixel of value v in the real set, whose images span about 820 counts
NOISE_FLOOR, NOISE_SLOPE = 1.7e-6, 1.22e-3
RING_LEVEL = 0.05  # pixels whose fitted value is above this make up the ring
NAMES = ("einstein_radius", "gamma1", "gamma2", "source_x", "source_y", "source_e1", "source_e2")
STEP = np.array([1e-3, 2e-3, 2e-3, 2e-3, 2e-3, 4e-3, 4e-3])
LOW = np.array([0.5, -0.45, -0.45, -0.8, -0.8, -0.6, -0.6])
HIGH = np.array([2.2, 0.45, 0.45, 0.8, 0.8, 0.6, 0.6])
TILE = 64  # images a compiled call renders
CHUNK = 48  # images fitted together, which bounds the memory


def quantise(images: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1] in 256 steps, each at the middle of its step.

    The 45 exact real images were read back from pictures: 256 equal steps of [0, 1], floored, so
    that their pixels are (k + 1/2) / 256. A comparison with them puts simulated pixels through the
    same.
    """
    return ((np.clip(np.floor(images * 256.0), 0, 255) + 0.5) / 256.0).astype(np.float32)


def smooth_truth(truth: Mapping[str, np.ndarray]) -> np.ndarray:
    """True macro parameters (n, 7) of a simulated sample, in the order of NAMES."""
    return np.stack([truth[name] for name in NAMES], axis=1)


@lru_cache(maxsize=1)
def _programs() -> tuple[Callable, Callable]:
    preset = get_preset("common_test_sim")
    return compiled(lambda arrays: lensed_brightness(arrays, preset)), compiled(
        preset.instrument.observe
    )


def render(parameters: np.ndarray) -> np.ndarray:
    """Smooth, noise-free images (n, pixels^2) of unit amplitude for parameters (n, 7)."""
    shine, observe = _programs()
    constants = {"source_r_eff": 0.5, "source_index": 1.5, "source_amplitude": 1.0}
    fixed = {name: ops.full((TILE, 1), value) for name, value in constants.items()}
    fixed |= {name: ops.zeros((TILE, 0)) for name in ("point_x", "point_y", "point_theta_e2")}
    out = []
    for start in range(0, len(parameters), TILE):
        tile = parameters[start : start + TILE].astype(np.float32)
        n = len(tile)
        tile = np.concatenate([tile, np.repeat(tile[-1:], TILE - n, axis=0)])
        drawn = {name: ops.convert_to_tensor(tile[:, k : k + 1]) for k, name in enumerate(NAMES)}
        out.append(ops.convert_to_numpy(observe(shine(drawn | fixed)))[:n])
    return np.concatenate(out).astype(np.float64)


def linear(
    data: np.ndarray, model: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Best ``a * model + b`` of each row; returns the fitted rows and their chi-square.

    Args:
        data: (n or 1, pixels), as ``variance``; model: (n, pixels).
    """
    w = 1.0 / variance
    sw, sm, sd = w.sum(1), (w * model).sum(1), (w * data).sum(1)
    smm, smd = (w * model * model).sum(1), (w * model * data).sum(1)
    a = (sw * smd - sm * sd) / (sw * smm - sm * sm)
    b = (sd - a * sm) / sw
    fitted = a[:, None] * model + b[:, None]
    return fitted, (w * (data - fitted) ** 2).sum(1)


def fit(
    images: np.ndarray, guess: np.ndarray | None = None, iterations: int = 14, tries: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a smooth lens to each image.

    Args:
        images: (n, 150, 150) or (n, 150, 150, 1) in [0, 1].
        guess: starting points (n, 7); without them the best of a coarse grid are followed.
        iterations: Levenberg-Marquardt steps; 7 are enough from the truth.
        tries: starting points an image follows.

    Returns:
        Parameters (n, 7) in the order of NAMES and fitted images (n, pixels^2).
    """
    data = np.reshape(images, (len(images), -1))
    grid = None if guess is not None else starts()
    models = None if grid is None else render(grid)
    parts = []
    for first in range(0, len(data), CHUNK):
        rows = slice(first, first + CHUNK)
        part = data[rows].astype(np.float64)
        variance = _variance(part)
        if models is None or grid is None:
            begin, follow = guess[rows], 1
        else:
            begin, follow = grid[_best(part, models, variance, tries).ravel()], tries
        repeated = np.repeat(np.arange(len(part)), follow)
        p, fitted, chi2 = _levenberg_marquardt(
            part[repeated], variance[repeated], begin, iterations
        )
        best = chi2.reshape(-1, follow).argmin(1) + np.arange(len(part)) * follow
        parts.append((p[best], fitted[best]))
    return np.concatenate([p for p, _ in parts]), np.concatenate([f for _, f in parts])


def ring_chi_square(images: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Reduced chi-square (n,) of the ring: pixels whose fitted value is above 0.05."""
    data = np.reshape(images, (len(images), -1))
    ring = fitted > RING_LEVEL
    variance = NOISE_FLOOR + NOISE_SLOPE * np.maximum(fitted, 0.0)
    squares = np.where(ring, (data - fitted) ** 2 / variance, 0.0)
    return squares.sum(1) / (ring.sum(1) - len(NAMES) - 2)


def starts() -> np.ndarray:
    """Coarse grid of starting points (k, 7)."""
    grid = [
        (t, g, 0.0, r * np.cos(a), r * np.sin(a), 0.15, 0.0)
        for t in (0.9, 1.05, 1.2, 1.35, 1.5, 1.62)
        for g in (0.05, 0.17, 0.27)
        for r in (0.1, 0.35)
        for a in np.arange(8) * np.pi / 4
    ]
    return np.array(grid)


def _best(data: np.ndarray, models: np.ndarray, variance: np.ndarray, tries: int) -> np.ndarray:
    """Rows (n, tries) of ``models`` that lie closest to each image."""
    score = [linear(d[None], models, v[None])[1] for d, v in zip(data, variance, strict=True)]
    return np.argsort(np.stack(score), axis=1)[:, :tries]


def _variance(data: np.ndarray) -> np.ndarray:
    """Expected pixel variance, from a smoothed image so that noise does not weigh itself."""
    n = int(data.shape[1] ** 0.5)
    square = np.pad(data.reshape(-1, n, n), ((0, 0), (2, 2), (2, 2)), mode="edge")
    smooth = np.zeros((len(data), n, n))
    for i in range(5):
        for j in range(5):
            smooth += square[:, i : i + n, j : j + n] / 25
    return NOISE_FLOOR + NOISE_SLOPE * np.maximum(smooth.reshape(len(data), -1), 0.008)


def _levenberg_marquardt(
    data: np.ndarray, variance: np.ndarray, begin: np.ndarray, iterations: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters (n, 7), fitted images and chi-square after ``iterations`` damped steps."""
    p, damping = begin.astype(np.float64), np.full(len(begin), 1e-2)
    fitted, chi2 = linear(data, render(p), variance)
    for _ in range(iterations):
        shifted = np.concatenate([p + step for step in np.diag(STEP)])
        moved = render(shifted).reshape(len(STEP), len(p), -1)
        step = np.empty_like(p)
        for i in range(len(p)):
            fits, _ = linear(data[i : i + 1], moved[:, i], variance[i : i + 1])
            weight = 1.0 / np.sqrt(variance[i])
            design = ((fits - fitted[i]) / STEP[:, None] * weight).T
            normal = design.T @ design
            damped = normal + damping[i] * np.diag(np.diag(normal) + 1e-12)
            step[i] = np.linalg.solve(damped, design.T @ ((data[i] - fitted[i]) * weight))
        trial = np.clip(p + step, LOW, HIGH)
        trial_fitted, trial_chi2 = linear(data, render(trial), variance)
        better = trial_chi2 < chi2
        p[better], fitted[better] = trial[better], trial_fitted[better]
        chi2[better] = trial_chi2[better]
        damping = np.where(better, damping * 0.2, damping * 8.0)
    return p, fitted, chi2
