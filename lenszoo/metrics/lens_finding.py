"""Exact metrics of lens finding: completeness, purity, average precision, TPR0 and TPR10.

Every function takes ``labels`` of shape (n,), 1 for a lens and 0 for a non-lens, and ``scores`` of
shape (n,), logits or any number that is higher for better candidates. Pass logits, not float32
probabilities, which tie the most confident objects. An object is a candidate at a threshold when
its score is at or above it.

An undefined metric is NaN; scores that are not finite raise
:class:`lenszoo.errors.LenszooError` with the names of the objects. The ROC-AUC is
:func:`lenszoo.metrics.classification.roc_auc`, which takes the same arguments.

>>> labels, scores = [1, 1, 0, 1, 0, 0], [3.0, 2.5, 2.0, 1.0, 0.5, -1.0]
>>> tpr0(labels, scores), average_precision(labels, scores)
(0.6666666666666666, 0.9166666666666666)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.metrics.classification import Floats, Ints, as_logits, check_labels
from lenszoo.metrics.prevalence import purity_at, share_of

TPR10_FALSE_POSITIVES = 9  # "fewer than ten"


def check_scores(
    labels: ArrayLike, scores: ArrayLike, ids: Sequence[object] | None = None
) -> tuple[NDArray[np.bool_], Floats]:
    """Check labels and scores; return them as bool (n,) and float64 (n,).

    Args:
        labels: shape (n,), 0 or 1.
        scores: shape (n,) or (n, 1).
        ids: n names for the error message; the row numbers when absent.

    Raises:
        LenszooError: lengths that differ, labels other than 0 and 1, scores that are not finite.
    """
    if np.ndim(scores) == 2 and np.shape(scores)[1] > 1:
        raise LenszooError(
            f"The scores have shape {np.shape(scores)}; a lens finder gives one logit an object, "
            "shape (n,): pass logits[:, 1] - logits[:, 0] of a network with two."
        )
    values = as_logits(scores, ids)[:, 1]
    return check_labels(labels, len(values), 2) == 1, values


class OperatingCurve(NamedTuple):
    """Candidates at every distinct threshold, highest first.

    The m thresholds are the distinct scores in falling order, after one at infinity without
    candidates.
    """

    thresholds: Floats  # (m + 1,)
    true_positives: Ints  # (m + 1,) lenses with a score at or above it
    false_positives: Ints  # (m + 1,) non-lenses with a score at or above it

    @property
    def lenses(self) -> int:
        """Number of lenses."""
        return int(self.true_positives[-1])

    @property
    def nonlenses(self) -> int:
        """Number of non-lenses."""
        return int(self.false_positives[-1])

    @property
    def completeness(self) -> Floats:
        """Share of the lenses among the candidates (true-positive rate, recall); NaN without."""
        return share_of(self.true_positives, self.lenses)

    @property
    def false_positive_rate(self) -> Floats:
        """Share of the non-lenses among the candidates; NaN without non-lenses."""
        return share_of(self.false_positives, self.nonlenses)

    def purity(self, prevalence: float | None = None) -> Floats:
        """Share of lenses among the candidates (precision); NaN without candidates.

        Args:
            prevalence: lenses an object in the survey; by default the share in these data.
        """
        if prevalence is None:
            return share_of(self.true_positives, self.true_positives + self.false_positives)
        return purity_at(self.completeness, self.false_positive_rate, prevalence)


def operating_curve(labels: ArrayLike, scores: ArrayLike) -> OperatingCurve:
    """Count lenses and non-lenses at or above every threshold; tied objects count together.

    Example:
        >>> from lenszoo.evaluation import operating_curve
        >>> labels, scores = [0, 0, 0, 1, 1, 1], [-2.0, -1.0, 0.5, 0.0, 1.0, 2.0]
        >>> curve = operating_curve(labels, scores)
        >>> curve.true_positives.tolist(), curve.false_positives.tolist()
        ([0, 1, 2, 2, 3, 3, 3], [0, 0, 0, 1, 1, 2, 3])
    """
    positive, values = check_scores(labels, scores)
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of each group of ties
    lenses = np.cumsum(positive[order])[last]
    return OperatingCurve(
        np.append(np.inf, ranked[last]),
        np.append(0, lenses),
        np.append(0, last + 1 - lenses),
    )


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under purity against completeness, by steps: sum of (R_k - R_k-1) P_k.

    Equal to scikit-learn's ``average_precision_score`` (no interpolation, which is optimistic). It
    depends on the share of lenses in the data; NaN where one class is missing (with lenses alone it
    would be 1 whatever the scores).

    Example:
        >>> from lenszoo.evaluation import average_precision
        >>> labels, scores = [0, 0, 0, 1, 1, 1], [-2.0, -1.0, 0.5, 0.0, 1.0, 2.0]
        >>> round(average_precision(labels, scores), 4)
        0.9167
    """
    curve = operating_curve(labels, scores)
    if not (curve.lenses and curve.nonlenses):
        return float("nan")
    return float(np.sum(np.diff(curve.completeness) * curve.purity()[1:]))


def true_positive_rate_at(labels: ArrayLike, scores: ArrayLike, false_positives: int) -> float:
    """Highest true-positive rate with at most this number of false positives.

    Ties count against the finder: a lens with the score of a non-lens ranks behind it. The rate
    depends on the number of non-lenses: quote both. NaN without lenses, and where no more
    non-lenses exist than are allowed: it would be 1 for any scores.

    Args:
        labels: shape (n,).
        scores: shape (n,).
        false_positives: 0 for :func:`tpr0`, 9 for :func:`tpr10`.

    Raises:
        LenszooError: a negative number of false positives.

    Example:
        >>> from lenszoo.evaluation import true_positive_rate_at
        >>> labels, scores = [0, 0, 0, 1, 1, 1], [-2.0, -1.0, 0.5, 0.0, 1.0, 2.0]
        >>> round(true_positive_rate_at(labels, scores, 0), 3)
        0.667
    """
    positive, values = check_scores(labels, scores)
    limit = _score_of_rejected(positive, values, false_positives)
    if limit is None or not positive.any():
        return float("nan")
    return float((values[positive] > limit).mean())


def _score_of_rejected(
    positive: NDArray[np.bool_], values: Floats, false_positives: int
) -> float | None:
    """Score of the highest non-lens beyond the allowed number; None if there is none."""
    if false_positives < 0:
        raise LenszooError(f"{false_positives} false positives cannot be allowed; pass 0 or more.")
    nonlenses = np.sort(values[~positive])[::-1]
    return float(nonlenses[false_positives]) if len(nonlenses) > false_positives else None


def tpr0(labels: ArrayLike, scores: ArrayLike) -> float:
    """True-positive rate before the first false positive (Metcalf et al. 2019, arXiv:1802.03609).

    It depends on the single highest non-lens: quote the number of non-lenses with it.

    Example:
        >>> from lenszoo.evaluation import tpr0
        >>> labels, scores = [0, 0, 0, 1, 1, 1], [-2.0, -1.0, 0.5, 0.0, 1.0, 2.0]
        >>> round(tpr0(labels, scores), 3)
        0.667
    """
    return true_positive_rate_at(labels, scores, 0)


def tpr10(labels: ArrayLike, scores: ArrayLike) -> float:
    """True-positive rate with fewer than ten false positives (Metcalf et al. 2019).

    NaN with fewer than ten non-lenses; quote the number of non-lenses with it.

    Example:
        >>> from lenszoo.evaluation import tpr10
        >>> labels, scores = [0, 0, 0, 1, 1, 1], [-2.0, -1.0, 0.5, 0.0, 1.0, 2.0]
        >>> tpr10(labels, scores)  # not defined with fewer than ten non-lenses
        nan
    """
    return true_positive_rate_at(labels, scores, TPR10_FALSE_POSITIVES)


def weighted_ranking(positive: ArrayLike, scores: ArrayLike, counts: ArrayLike) -> Floats:
    """ROC-AUC, average precision, TPR0 and TPR10 of B weighted resamples from one sort.

    Args:
        positive: shape (n,), bool.
        scores: shape (n,).
        counts: shape (B, n), how often each object is in each resample.

    Returns:
        Shape (B, 4); NaN where the metric is undefined.
    """
    is_lens, values, weights = np.asarray(positive, bool), np.asarray(scores), np.asarray(counts)
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)  # of groups of ties

    def passed(side: NDArray[np.bool_]) -> Floats:
        """Weight of one class down to the end of each group, after a 0, shape (B, groups + 1)."""
        members = side[order]
        sums = np.zeros((len(weights), int(members.sum()) + 1))
        np.cumsum(weights[:, order[members]], axis=1, out=sums[:, 1:])
        return sums[:, np.append(0, np.cumsum(members)[last])]

    lenses, others = passed(is_lens), passed(~is_lens)
    total, rest = lenses[:, -1], others[:, -1]
    gained = np.diff(lenses, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # a lens beats every non-lens below its group and half of those in it
        beaten = rest[:, None] - (others[:, 1:] + others[:, :-1]) / 2
        auc = np.einsum("bg,bg->b", gained, beaten) / (total * rest)
        purity = np.nan_to_num(lenses[:, 1:] / (lenses + others)[:, 1:])
        precision = np.where(rest > 0, np.einsum("bg,bg->b", gained, purity) / total, np.nan)
        rates = []
        for allowed in (0, TPR10_FALSE_POSITIVES):
            end = np.argmax(others > allowed, axis=1) - 1  # the last group within the limit
            rate = lenses[np.arange(len(lenses)), end] / total
            rates.append(np.where(rest > allowed, rate, np.nan))
    return np.stack([auc, precision, *rates], axis=1)


def threshold_at(labels: ArrayLike, scores: ArrayLike, false_positive_rate: float) -> float:
    """Lowest threshold at which the false-positive rate does not exceed a limit.

    Objects with scores at or above it are candidates. It is the lowest score above the highest
    non-lens beyond the limit, hence exact also when compared in float32.

    Args:
        labels: shape (n,).
        scores: shape (n,).
        false_positive_rate: from 0 up to, not including, 1.

    Returns:
        The threshold; NaN where there are no non-lenses.

    Raises:
        LenszooError: a rate outside [0, 1).

    Example:
        >>> from lenszoo.evaluation import threshold_at
        >>> labels, scores = [0, 0, 0, 1, 1, 1], [-2.0, -1.0, 0.5, 0.0, 1.0, 2.0]
        >>> threshold_at(labels, scores, 0.0)
        1.0
    """
    if not 0 <= false_positive_rate < 1:
        raise LenszooError(f"The false-positive rate is {false_positive_rate}; pass 0 to below 1.")
    positive, values = check_scores(labels, scores)
    nonlenses = int((~positive).sum())
    # 0.29 * 100 is 28.999999999999996 in floating point
    allowed = int(np.floor(false_positive_rate * nonlenses * (1 + 1e-12)))
    limit = _score_of_rejected(positive, values, allowed)
    if limit is None:
        return float("nan")
    above = values[values > limit]
    return float(above.min()) if len(above) else float(np.nextafter(np.float32(limit), np.inf))
