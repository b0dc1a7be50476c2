"""Completeness at low false-positive rates, with intervals, and how many non-lenses it takes."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from lenszoo.errors import LenszooError
from lenszoo.metrics.intervals import wilson_interval
from lenszoo.metrics.lens_finding import check_scores

RATES = (1e-2, 1e-3, 1e-4)
"""False-positive rates of every report."""


class CompletenessAt(NamedTuple):
    """Completeness at a false-positive rate.

    Attributes:
        rate: false positives a non-lens.
        completeness: share of the lenses above the threshold; NaN where it cannot be measured.
        interval: its 95 % interval.
        needed: non-lenses that it takes.
    """

    rate: float
    completeness: float
    interval: tuple[float, float]
    needed: int


def nonlenses_needed(rate: float, level: float = 0.95) -> int:
    """Non-lenses that measure a false-positive rate: the highest is then above the threshold.

    Of n non-lenses none lies above the threshold of the rate with a chance of ``(1 - rate)^n``,
    which has to be below ``(1 - level) / 2``: else no threshold bounds the rate from above.

    >>> [nonlenses_needed(rate) for rate in (1e-2, 1e-3, 1e-4)]
    [368, 3688, 36887]
    """
    if not 0 < rate < 1:
        raise LenszooError(f"The false-positive rate is {rate}; give one above 0 and below 1.")
    return math.ceil(math.log((1 - level) / 2) / math.log1p(-rate))


def completeness_at(
    labels: ArrayLike, scores: ArrayLike, rate: float, level: float = 0.95
) -> CompletenessAt:
    """Measure the true-positive rate at a false-positive rate, with an interval.

    The threshold is a quantile of the non-lenses, so that the number of them above the true one is
    binomial (David & Nagaraja 2003, Order Statistics, section 7.1); the limits of the completeness
    at the two thresholds that this allows, and those of Wilson for the number of lenses, are joined
    in quadrature (Zou & Donner 2008, Stat. Med. 27, 1693). Ties count against the finder.

    Args:
        labels: shape (n,), 1 for a lens and 0 for a non-lens.
        scores: shape (n,).
        rate: false positives a non-lens.
        level: probability that the interval covers.

    Raises:
        LenszooError: a rate outside (0, 1); scores as for the other metrics of lens finding.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import completeness_at
        >>> rng = np.random.default_rng(0)
        >>> scores = np.concatenate([rng.normal(3, 1, 500), rng.normal(0, 1, 5000)])
        >>> found = completeness_at(np.repeat([1, 0], [500, 5000]), scores, 1e-2)
        >>> round(found.completeness, 2), [round(limit, 2) for limit in found.interval]
        (0.75, [0.69, 0.79])
    """
    positive, values = check_scores(labels, scores)
    needed = nonlenses_needed(rate, level)
    nonlenses = np.sort(values[~positive])[::-1]
    lenses = np.sort(values[positive])
    n, m = len(nonlenses), len(lenses)
    if n < needed or not m:
        return CompletenessAt(rate, math.nan, (math.nan, math.nan), needed)

    def above(passed: int) -> float:
        """Share of the lenses above the non-lens that is the first not to pass."""
        return float(m - np.searchsorted(lenses, nonlenses[min(passed, n - 1)], side="right")) / m

    share = above(math.floor(rate * n * (1 + 1e-12)))
    tail = (1 - level) / 2
    few, many = (int(binom.ppf(at, n, rate)) for at in (tail, 1 - tail))
    low, high = wilson_interval(share * m, m, level)
    below = math.hypot(share - low, share - above(max(few - 1, 0)))
    beyond = math.hypot(high - share, above(many) - share)
    return CompletenessAt(rate, share, (max(share - below, 0.0), min(share + beyond, 1.0)), needed)
