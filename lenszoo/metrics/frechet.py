"""Frechet distance between two sets of embeddings, beside that within one of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lenszoo.errors import LenszooError
from lenszoo.metrics.classification import Floats

SPLITS = 100
_DIMENSIONS = 64


class FrechetResult(NamedTuple):
    """Frechet distances of equal numbers of vectors; see :func:`frechet`.

    Example:
        >>> import numpy as np
        >>> from lenszoo.metrics.frechet import frechet
        >>> rng = np.random.default_rng(0)
        >>> frechet(rng.normal(size=(80, 3)), rng.normal(1.0, 1, (90, 3))).size
        40
    """

    distance: float  # between the sets, median over the splits
    interval: tuple[float, float]  # 95 % of the splits
    floor: float  # between two halves of the first set, likewise
    floor_interval: tuple[float, float]
    size: int  # vectors of each set in a split
    dimensions: int  # principal components that were compared


def frechet_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Frechet distance of two sets of vectors, taken for normal distributions.

    ``|m - n|^2 + tr(S + T - 2 (S T)^(1/2))`` with means m, n and covariances S, T (Dowson & Landau
    1982, J. Multivar. Anal. 12, 450; on embeddings Heusel et al. 2017, arXiv:1706.08500). It is
    biased upward, by the more the fewer vectors there are: compare equal numbers.

    Args:
        first: shape (n, d), n at least 2.
        second: shape (m, d).

    Raises:
        LenszooError: other shapes, or values that are not finite.

    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(500, 2))
    >>> round(frechet_distance(points, points + np.array([3, 0])), 6)
    9.0
    """
    a, b = (_check(x) for x in (first, second))
    if a.shape[1] != b.shape[1]:
        raise LenszooError(f"Vectors of {a.shape[1]} and of {b.shape[1]} dimensions: no distance.")
    s, t = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    # the eigenvalues of S T are those of R T R with R = S^(1/2), which is symmetric
    values, vectors = np.linalg.eigh(s)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ t @ root), 0)).sum()
    step = a.mean(0) - b.mean(0)
    return max(float(step @ step + np.trace(s) + np.trace(t) - 2 * cross), 0.0)


def frechet(
    first: ArrayLike, second: ArrayLike, *, splits: int = SPLITS, seed: int = 0
) -> FrechetResult:
    """Compare two sets of embeddings by Frechet distance, beside the distance within the first.

    The vectors are put on principal components of both sets, each scaled to unit variance: as many
    as a quarter of the vectors of a split, so that the covariances are determined, and at most 64.
    In each split a random half of the first set is compared with as many of the second, and with
    its own other half: the latter is the distance of sets that do not differ.

    Args:
        first: shape (n, d), n at least 8.
        second: shape (m, d), m at least 4.
        splits: random ones.
        seed: of the splits.

    Raises:
        LenszooError: fewer vectors, other shapes, or values that are not finite.
    """
    a, b = (_check(x) for x in (first, second))
    size = min(len(a) // 2, len(b))
    if size < 4:
        raise LenszooError(
            f"{len(a)} and {len(b)} vectors are too few for a distance; give 8 and 4 or more."
        )
    both = np.concatenate([a, b])
    centred = both - both.mean(0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    kept = int(min(max(size // 4, 1), _DIMENSIONS, (values > 1e-9 * values[0]).sum()))
    points = centred @ axes[:kept].T
    points /= np.maximum(points.std(0), 1e-300)
    a, b = points[: len(a)], points[len(a) :]
    rng, between, within = np.random.default_rng(seed), [], []
    for _ in range(splits):
        order = rng.permutation(len(a))
        half, rest = a[order[:size]], a[order[size : 2 * size]]
        between.append(frechet_distance(half, b[rng.permutation(len(b))[:size]]))
        within.append(frechet_distance(half, rest))
    bounds = [np.percentile(x, [2.5, 97.5]).tolist() for x in (between, within)]
    return FrechetResult(
        float(np.median(between)), tuple(bounds[0]), float(np.median(within)), tuple(bounds[1]),
        size, kept,
    )  # fmt: skip


def _check(vectors: ArrayLike) -> Floats:
    x = np.asarray(vectors, np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise LenszooError(f"The vectors have shape {x.shape}; give two or more, (n, d).")
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x).all(axis=1)).sum())
        raise LenszooError(f"{bad} of {len(x)} vectors hold NaN or inf.")
    return x
