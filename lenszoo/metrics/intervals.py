"""Confidence intervals that stay honest at 0 and 1: of shares, of AUCs, and of their sums.

A bootstrap of a perfect score is perfect in every resample, and so is its interval, however few
the images. The intervals here come from a variance at the trial value rather than at the estimate,
so that 12 of 12 right is 0.76 to 1, and an AUC of 1 from 12 images of each class 0.83 to 1.
"""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from lenszoo.metrics.classification import Floats

_BISECTIONS = 60  # of an interval of length 1: to float64
# A block of bootstrap resamples holds about this many counts (32 MB), whatever the sample size.
_BLOCK = 4_000_000


def _quantile(level: float) -> float:
    """Standard normal quantile of a two-sided level."""
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson_interval(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> Floats:
    """Binomial interval of a share (Wilson 1927, JASA 22, 209).

    ``astropy.stats.binom_conf_interval`` gives the same for whole counts; it cuts other counts down
    to whole ones, refuses 0 trials and takes about a second to import.

    Args:
        successes: any shape; need not be whole.
        trials: of a shape that broadcasts.
        level: probability that the interval covers.

    Returns:
        The shape of the input and (2,): low and high; NaN without trials.

    Example:
        >>> wilson_interval(12, 12).round(3).tolist()
        [0.758, 1.0]
    """
    z = _quantile(level)
    hits, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # at the ends the formula gives 0 and 1 but for rounding
    low = np.where(hits == 0, 0 * centre, centre - half)
    high = np.where(hits == n, 0 * centre + 1, centre + half)
    return np.stack([low, high], axis=-1)


def ratio_interval(
    hits: int, trials: int, other_hits: int, other_trials: int, level: float = 0.95
) -> tuple[float, float]:
    """Interval of the ratio of two independent shares, ``(hits / trials) / (the other)``.

    Wilson's limits of the logarithms of both shares, joined in quadrature (Zou & Donner 2008, Stat.
    Med. 27, 1693). Where a share is 0 its logarithm is that of half an event, and the limit on that
    side is 0 or inf.

    Args:
        hits, trials: of the share above the line.
        other_hits, other_trials: of the share below it.
        level: probability that the interval covers.

    Returns:
        low and high; NaN without trials.

    Example:
        >>> [round(limit, 2) for limit in ratio_interval(20, 1000, 50, 100)]
        [0.03, 0.06]
        >>> ratio_interval(0, 1000, 50, 100)[0], ratio_interval(20, 1000, 0, 100)[1]
        (0.0, inf)
    """
    if not trials or not other_trials:
        return np.nan, np.nan
    shares = [max(k, 0.5) / n for k, n in ((hits, trials), (other_hits, other_trials))]
    limits = (
        wilson_interval(hits, trials, level),
        wilson_interval(other_hits, other_trials, level),
    )
    with np.errstate(divide="ignore"):
        (above, down, up), (below, other_down, other_up) = (
            np.log([share, *pair]) for share, pair in zip(shares, limits, strict=True)
        )
    middle = above - below
    low = middle - np.hypot(above - down, other_up - below) if hits else -np.inf
    high = middle + np.hypot(up - above, below - other_down) if other_hits else np.inf
    return float(np.exp(low)), float(np.exp(high))


def grouped_interval(hits: ArrayLike, groups: ArrayLike, level: float = 0.95) -> Floats:
    """Interval of a share where trials come in groups, such as lenses painted on one galaxy.

    That of Wilson for fewer trials: their number over the variance of the share between groups in
    units of the binomial one, at least 1 (Rao & Scott 1992, Biometrics 48, 577), and for the few
    groups that this variance is known from, times the square of the ratio of Student's quantile of
    the trials to that of the groups (Korn & Graubard 1998, Survey Methodology 24, 193). The
    variance is that with two groups more, a quarter of the mean one in size, one all found and one
    all lost: near 0 and 1 it would be too small. So an interval of 95 % covers the mean of beta
    distributions as often as that (``tests/metrics/test_intervals.py``). Trials of a single group
    count as one.

    Args:
        hits: (n,) whether each trial succeeds.
        groups: (n,) names of the groups.
        level: probability that the interval covers.

    Returns:
        (2,): low and high; NaN without trials.

    Example:
        >>> hits = np.repeat([True, True, False, True], 25)  # of four galaxies
        >>> grouped_interval(hits, np.repeat(range(4), 25)).round(2).tolist()
        [0.16, 0.98]
        >>> wilson_interval(75, 100).round(2).tolist()
        [0.66, 0.82]
    """
    successes = np.asarray(hits, float)
    n = len(successes)
    if not n:
        return np.array([np.nan, np.nan])
    of = np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(of.max()) + 1
    share = successes.mean()
    if count in (1, n):
        trials = float(count)
    else:
        from scipy.stats import t

        few = t.ppf((1 + level) / 2, n - 1) / t.ppf((1 + level) / 2, count - 1)
        trials = n / _design_effect(np.bincount(of), np.bincount(of, successes)) * few**2
    return wilson_interval(share * trials, trials, level)


_ADDED = 0.25  # size of a group that is all found or all lost, of the mean one


def _design_effect(sizes: ArrayLike, successes: ArrayLike) -> float:
    """Variance of a share between groups over the binomial one, at least 1."""
    added = _ADDED * float(np.asarray(sizes, float).mean())
    n, hits = np.append(sizes, [added, added]), np.append(successes, [added, 0.0])
    total, share = n.sum(), hits.sum() / n.sum()
    between = len(n) / (len(n) - 1) * ((hits - share * n) ** 2).sum() / total**2
    return max(float(between / (share * (1 - share) / total)), 1.0)


def auc_interval(
    auc: ArrayLike, positives: ArrayLike, negatives: ArrayLike, level: float = 0.95
) -> Floats:
    """Interval of a ROC-AUC by inverting a score test (Newcombe 2006, Stat. Med. 25, 559).

    Newcombe's method 5: the AUCs t with ``(auc - t)^2 <= z^2 V(t)`` and the variance of Hanley &
    McNeil (1982, Radiology 143, 29) made alike in both classes, ``V(t) = t (1 - t) (1 + s ((1 - t)
    / (2 - t) + t / (1 + t))) / (m n)`` with ``s = (m + n) / 2 - 1``. Measured by
    ``benchmarks/auc_intervals.py``: from 12 + 12 to 300 + 300 samples and AUCs of 0.6 to 0.998 the
    95 % interval covers the AUC in 96 % of the draws (at worst in 85 %, with 10 + 400); that of a
    percentile bootstrap in 62 to 80 % (at worst in 5 %), the logit of DeLong's in 64 to 92 %.

    Args:
        auc: of any shape.
        positives: m, of a shape that broadcasts.
        negatives: n, likewise.
        level: probability that the interval covers.

    Returns:
        The shape of the input and (2,): low and high; NaN where a class is empty or the AUC is NaN.

    Example:
        >>> auc_interval(1.0, 12, 12).round(3).tolist()
        [0.832, 1.0]
    """
    theta, m, n = np.broadcast_arrays(
        np.asarray(auc, float), np.asarray(positives, float), np.asarray(negatives, float)
    )
    z, spread = _quantile(level), (m + n) / 2 - 1
    ends = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for limit in (0.0, 1.0):
            outside, inside = np.full(theta.shape, limit), theta.astype(float)
            for _ in range(_BISECTIONS):
                t = (outside + inside) / 2
                mixed = 1 + spread * ((1 - t) / (2 - t) + t / (1 + t))
                beyond = (theta - t) ** 2 > z**2 * t * (1 - t) * mixed / (m * n)
                outside, inside = np.where(beyond, t, outside), np.where(beyond, inside, t)
            ends.append(np.where(np.isfinite(theta) & (m > 0) & (n > 0), inside, np.nan))
    return np.stack(ends, axis=-1)


def sum_interval(
    weights: ArrayLike, values: ArrayLike, intervals: ArrayLike, resamples: ArrayLike
) -> Floats:
    """Interval of a weighted sum of estimates from the interval of each (Zou & Donner 2008).

    The method of variance estimates recovery (Stat. Med. 27, 1693): each estimate's distance to
    its own limit stands for its standard error. Correlations are those of the resamples; where an
    estimate never varies, as at its edge, the correlation that makes the interval widest.

    Args:
        weights: (k,); 1/k each for a mean, 1 and -1 for a difference.
        values: (k,) estimates.
        intervals: (k, 2), low and high of each.
        resamples: (B, k) bootstrap resamples of the estimates.

    Returns:
        (2,): low and high; NaN where an estimate is.

    Example:
        >>> bounds = auc_interval([1.0, 1.0], 12, 12)
        >>> sum_interval((0.5, 0.5), (1.0, 1.0), bounds, np.ones((9, 2))).round(3).tolist()
        [0.832, 1.0]
    """
    factors, estimates = np.asarray(weights, float), np.asarray(values, float)
    below = estimates - np.asarray(intervals, float)[:, 0]
    above = np.asarray(intervals, float)[:, 1] - estimates
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.atleast_2d(np.corrcoef(np.asarray(resamples, float), rowvar=False))
    total, ends = float(factors @ estimates), []
    for sign, rising, falling in ((-1, below, above), (1, above, below)):
        distance = factors * np.where(factors > 0, rising, falling)
        product = np.outer(distance, distance)
        squares = np.where(np.isfinite(correlation), correlation * product, np.abs(product))
        np.fill_diagonal(squares, distance**2)
        ends.append(total + sign * np.sqrt(np.maximum(squares.sum(), 0)))
    return np.round(ends, 12)  # a mean of ones is 1, not a rounding error below


def bootstrap(
    statistic: Callable[[Floats], Floats],
    strata: ArrayLike,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Floats:
    """Bootstrap resamples of a statistic, drawn within each stratum.

    Stratified, so that every resample keeps the class counts: no class can vanish, and the scatter
    is that of the images, not of the class mix. A resample is a row of counts rather than a list of
    rows, so that the statistic can work on many resamples at once.

    Args:
        statistic: from counts (B, N), float64, to (B,) or (B, M).
        strata: shape (N,), the class of each sample (all equal: the plain bootstrap).
        n_resamples: number of resamples.
        seed: of the resampling.

    Returns:
        Shape (n_resamples,) or (n_resamples, M).
    """
    groups = np.asarray(strata)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(groups))
    values = []
    for start in range(0, n_resamples, block):
        rows = min(block, n_resamples - start)
        counts = np.zeros((rows, len(groups)))
        for where in members:
            drawn = rng.integers(len(where), size=(rows, len(where)))
            drawn += np.arange(rows)[:, None] * len(where)
            flat = np.bincount(drawn.ravel(), minlength=rows * len(where))
            counts[:, where] = flat.reshape(rows, len(where))
        values.append(statistic(counts))
    return np.concatenate(values)


def bootstrap_interval(
    statistic: Callable[[Floats], Floats],
    strata: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Floats:
    """Percentile bootstrap interval of a statistic, resampled within each stratum.

    It is for the given model on other such images; the scatter from training again is not in it.
    At the edge of its range, as an AUC of 1, it collapses: the other intervals here do not.

    Args:
        statistic, strata, n_resamples, seed: as :func:`bootstrap`.
        level: probability that the interval covers.

    Returns:
        Shape (2,) or (M, 2): low and high.

    Example:
        >>> from lenszoo.evaluation import bootstrap_interval
        >>> values = np.random.default_rng(0).normal(size=500)
        >>> def mean(counts):
        ...     return counts @ values / counts.sum(axis=1)
        >>> low, high = bootstrap_interval(mean, np.zeros(500))
        >>> bool(low < values.mean() < high)
        True
    """
    return _percentiles(bootstrap(statistic, strata, n_resamples=n_resamples, seed=seed), level)


def _percentiles(resamples: ArrayLike, level: float) -> Floats:
    """Middle ``level`` of resamples (B,) or (B, M): low and high, (2,) or (M, 2)."""
    tail = 50 * (1 - level)
    return np.percentile(np.asarray(resamples, float), [tail, 100 - tail], axis=0).T


def widened_interval(
    value: float, resamples: ArrayLike, trials: int, level: float = 0.95
) -> Floats:
    """Percentile bootstrap interval of a share, no narrower than Wilson's of as many trials.

    For true-positive rates, whose thresholds are drawn as well as the lenses, and for the average
    precision, a mean over the lenses (Boyd, Eng & Page 2013, ECML PKDD, 451).

    Args:
        value: the share.
        resamples: (B,) of it; NaN counts as undefined.
        trials: lenses that it is the share of.
        level: probability that the interval covers.

    Returns:
        (2,): low and high; NaN where the share or a resample is.

    Example:
        >>> widened_interval(1.0, np.ones(100), 20).round(3).tolist()
        [0.839, 1.0]
    """
    low, high = _percentiles(resamples, level)
    wilson = wilson_interval(value * trials, trials, level)
    return np.array([np.minimum(low, wilson[0]), np.maximum(high, wilson[1])])


def pair_or_none(bounds: ArrayLike) -> list[float] | None:
    """An interval as two numbers; None where either is not finite."""
    limits = np.asarray(bounds, float)
    return limits.tolist() if np.isfinite(limits).all() else None
