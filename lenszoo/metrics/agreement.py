"""Agreement of two graders on an ordinal scale: Cohen's weighted kappa."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lenszoo.errors import LenszooError

_DRAWS = 2000


class Kappa(NamedTuple):
    """Weighted kappa.

    Attributes:
        value: 1 where two graders agree, 0 where they agree as often as by chance; NaN where both
            give one and the same grade to all.
        low, high: 95 % interval by the bootstrap over the objects and one more, which is graded
            as by chance: a few grades that all agree prove no kappa of 1. NaN where it cannot be
            drawn.
        n: objects that both graded.
    """

    value: float
    low: float
    high: float
    n: int


def weighted_kappa(first: ArrayLike, second: ArrayLike, grades: int, seed: int = 0) -> Kappa:
    """Cohen's kappa with quadratic weights.

    ``1 - sum(w o) / sum(w e)`` with ``w = (i - j)^2``, the shares ``o`` of objects with grades i
    and j, and those ``e`` that independent graders of the same habits would have (Cohen 1968,
    Psychological Bulletin 70, 213).

    Args:
        first: grades (n,) of one grader, 0 to ``grades - 1``.
        second: those of another for the same objects.
        grades: how many grades there are.
        seed: of the bootstrap over objects.

    Raises:
        LenszooError: different lengths, or a number that is no grade.

    Example:
        >>> weighted_kappa([0, 1, 2, 3], [0, 1, 2, 3], 4).value
        1.0
    """
    whole = [np.asarray(grades_of) for grades_of in (first, second)]
    if any(len(part) and not np.array_equal(part, np.rint(part)) for part in whole):
        raise LenszooError(f"Grades are whole numbers from 0 to {grades - 1}.")
    one, two = (part.astype(int) for part in whole)
    if one.shape != two.shape or one.ndim != 1:
        raise LenszooError(
            f"Grades of shape {one.shape} and {two.shape} are not of the same objects."
        )
    if len(one) and not 0 <= min(one.min(), two.min()) <= max(one.max(), two.max()) < grades:
        raise LenszooError(f"Grades are whole numbers from 0 to {grades - 1}.")
    if not len(one):
        return Kappa(np.nan, np.nan, np.nan, 0)
    counts = np.bincount(one * grades + two, minlength=grades**2)
    table = counts.reshape(grades, grades) / len(one)
    by_chance = np.outer(table.sum(1), table.sum(0))
    shares = (len(one) * table + by_chance) / (len(one) + 1)
    draws = np.random.default_rng(seed).multinomial(len(one), shares.ravel(), _DRAWS)
    value = float(_kappa(counts[None])[0])
    spread = _kappa(draws)
    spread = spread[np.isfinite(spread)]
    low, high = np.percentile(spread, [2.5, 97.5]) if len(spread) else (np.nan, np.nan)
    return Kappa(value, float(low), float(high), len(one))


def _kappa(counts: np.ndarray) -> np.ndarray:
    """Return kappa of tables of counts (k, grades^2)."""
    size = int(np.sqrt(counts.shape[1]))
    shares = counts.reshape(-1, size, size) / counts.sum(1)[:, None, None]
    weights = np.subtract.outer(np.arange(size), np.arange(size)) ** 2
    by_chance = shares.sum(2)[:, :, None] * shares.sum(1)[:, None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (weights * shares).sum((1, 2)) / (weights * by_chance).sum((1, 2))
