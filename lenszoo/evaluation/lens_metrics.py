"""Exact metrics of a lens finder: how much of a survey's lenses it finds, and at what price.

Every function takes ``labels`` of shape (n,), 1 for a lens and 0 for a non-lens, and ``scores`` of
shape (n,), logits or anything else that is higher for what looks more like a lens. Ranking is done
in float64 on the scores as given: a float32 sigmoid ties the most confident objects, which are the
ones that matter. An object counts as found at a threshold when its score is at or above it.

What the labels leave undefined is NaN; scores that are not finite raise
:class:`lenszoo.errors.LenszooError` with the names of the objects. The ROC-AUC is
:func:`lenszoo.evaluation.metrics.roc_auc`, which takes the same arguments.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.evaluation.metrics import Floats, Ints, as_logits, check_labels

PRIOR = 1e-3  # lenses an object: about what a ground-based survey of luminous galaxies holds
TPR10_FALSE_POSITIVES = 9  # "fewer than ten"


def check_scores(
    labels: ArrayLike, scores: ArrayLike, ids: Sequence[object] | None = None
) -> tuple[NDArray[np.bool_], Floats]:
    """Labels as bool (n,) and scores as float64 (n,), checked.

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
    """What is found at every threshold that tells two objects apart, strictest first.

    The m thresholds are the different scores, falling, after one at infinity that finds nothing.
    """

    thresholds: Floats  # (m + 1,)
    true_positives: Ints  # (m + 1,) lenses with a score at or above it
    false_positives: Ints  # (m + 1,) non-lenses with a score at or above it

    @property
    def lenses(self) -> int:
        """The number of lenses."""
        return int(self.true_positives[-1])

    @property
    def nonlenses(self) -> int:
        """The number of non-lenses."""
        return int(self.false_positives[-1])

    @property
    def completeness(self) -> Floats:
        """Share of the lenses that are found (true-positive rate, recall); NaN without lenses."""
        return share_of(self.true_positives, self.lenses)

    @property
    def false_positive_rate(self) -> Floats:
        """Share of the non-lenses that are taken for lenses; NaN without non-lenses."""
        return share_of(self.false_positives, self.nonlenses)

    def purity(self, prior: float | None = None) -> Floats:
        """Share of lenses among what is found (precision); NaN where nothing is found.

        Args:
            prior: lenses an object in the survey; by default the share in these data.
        """
        if prior is None:
            return share_of(self.true_positives, self.true_positives + self.false_positives)
        return purity_at(self.completeness, self.false_positive_rate, prior)


def share_of(part: ArrayLike, whole: ArrayLike) -> Floats:
    """``part / whole`` in float64, NaN where both are 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part, float) / np.asarray(whole, float)


def check_prior(prior: float) -> float:
    """The prior, checked to lie between 0 and 1.

    Raises:
        LenszooError: it does not.
    """
    if not 0 < prior < 1:
        raise LenszooError(
            f"The prior is {prior}; pass lenses an object, between 0 and 1, such as 1e-3."
        )
    return float(prior)


def purity_at(completeness: ArrayLike, false_positive_rate: ArrayLike, prior: float) -> Floats:
    """Purity of the candidates in a survey whose share of lenses is not that of the data.

    ``prior * TPR / (prior * TPR + (1 - prior) * FPR)``: both rates belong to the classes, so that
    they carry over to any mix of the same lenses and non-lenses. NaN where nothing is found.

    Args:
        completeness: true-positive rate, any shape.
        false_positive_rate: of a shape that broadcasts.
        prior: lenses an object.

    Raises:
        LenszooError: the prior does not lie between 0 and 1.
    """
    check_prior(prior)
    found = prior * np.asarray(completeness, float)
    return share_of(found, found + (1 - prior) * np.asarray(false_positive_rate, float))


def operating_curve(labels: ArrayLike, scores: ArrayLike) -> OperatingCurve:
    """Count lenses and non-lenses at or above every threshold; objects that tie come together."""
    positive, values = check_scores(labels, scores)
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of each group of ties
    found = np.cumsum(positive[order])[last]
    return OperatingCurve(
        np.append(np.inf, ranked[last]),
        np.append(0, found),
        np.append(0, last + 1 - found),
    )


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under purity against completeness, by steps: sum of (R_k - R_k-1) P_k.

    Equal to scikit-learn's ``average_precision_score`` (no interpolation, which is optimistic). It
    depends on the share of lenses in the data; NaN where one class is missing (with lenses alone it
    would be 1 whatever the scores).
    """
    curve = operating_curve(labels, scores)
    if not (curve.lenses and curve.nonlenses):
        return float("nan")
    return float(np.sum(np.diff(curve.completeness) * curve.purity()[1:]))


def weighted_average_precision(positive: ArrayLike, scores: ArrayLike, counts: ArrayLike) -> Floats:
    """Average precision of B resamples at once, as :func:`.metrics.weighted_auc` does it.

    Args:
        positive: shape (n,), bool.
        scores: shape (n,).
        counts: shape (B, n), the weight of each object in each resample.

    Returns:
        Shape (B,); NaN where a class has no weight.
    """
    is_lens, values, weights = np.asarray(positive, bool), np.asarray(scores), np.asarray(counts)
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    ranked = weights[:, order].astype(float)
    everything = np.cumsum(ranked, axis=1)[:, last]
    found = np.cumsum(ranked * is_lens[order], axis=1)[:, last]
    lenses = found[:, -1]
    purity = np.divide(found, everything, out=np.zeros_like(found), where=everything > 0)
    area = np.sum(np.diff(found, axis=1, prepend=0) * purity, axis=1)
    known = (lenses > 0) & (everything[:, -1] > lenses)
    return np.divide(area, lenses, out=np.full(len(area), np.nan), where=known)


def true_positive_rate_at(labels: ArrayLike, scores: ArrayLike, false_positives: int) -> float:
    """Highest true-positive rate with at most so many false positives.

    Ties count against the finder: a lens with the score of a non-lens is not found before it. The
    rate depends on how many non-lenses there are, so state their number beside it. NaN where there
    are no lenses, or no more non-lenses than are allowed: it would be 1 whatever the scores.

    Args:
        labels: shape (n,).
        scores: shape (n,).
        false_positives: 0 for :func:`tpr0`, 9 for :func:`tpr10`.

    Raises:
        LenszooError: a negative number of false positives.
    """
    positive, values = check_scores(labels, scores)
    limit = _score_of_rejected(positive, values, false_positives)
    if limit is None or not positive.any():
        return float("nan")
    return float((values[positive] > limit).mean())


def _score_of_rejected(
    positive: NDArray[np.bool_], values: Floats, false_positives: int
) -> float | None:
    """Score of the first non-lens that is one too many; None where there are not so many."""
    if false_positives < 0:
        raise LenszooError(f"{false_positives} false positives cannot be allowed; pass 0 or more.")
    nonlenses = np.sort(values[~positive])[::-1]
    return float(nonlenses[false_positives]) if len(nonlenses) > false_positives else None


def tpr0(labels: ArrayLike, scores: ArrayLike) -> float:
    """True-positive rate before the first false positive (Metcalf et al. 2019, arXiv 1802.03609).

    It hangs on the single highest non-lens: state the number of non-lenses beside it.
    """
    return true_positive_rate_at(labels, scores, 0)


def tpr10(labels: ArrayLike, scores: ArrayLike) -> float:
    """True-positive rate with fewer than ten false positives (Metcalf et al. 2019).

    NaN with fewer than ten non-lenses; state the number of non-lenses beside it.
    """
    return true_positive_rate_at(labels, scores, TPR10_FALSE_POSITIVES)


def weighted_true_positive_rate_at(
    positive: ArrayLike, scores: ArrayLike, counts: ArrayLike, false_positives: int
) -> Floats:
    """:func:`true_positive_rate_at` of B resamples at once.

    Args:
        positive: shape (n,), bool.
        scores: shape (n,).
        counts: shape (B, n), how often each object is in each resample.
        false_positives: how many are allowed.

    Returns:
        Shape (B,); NaN where there are no lenses or too few non-lenses.
    """
    is_lens, values, weights = np.asarray(positive, bool), np.asarray(scores), np.asarray(counts)
    order = np.argsort(-values, kind="stable")
    ups, downs = order[is_lens[order]], order[~is_lens[order]]
    result = np.full(len(weights), np.nan)
    if not (len(ups) and len(downs)):
        return result
    passed = np.cumsum(weights[:, downs], axis=1)
    known = passed[:, -1] > false_positives
    limits = values[downs][np.argmax(passed > false_positives, axis=1)]
    # ups fall, so their negatives rise: so many lenses lie strictly above the limit
    above = np.searchsorted(-values[ups], -limits, side="left")
    found = np.cumsum(weights[:, ups], axis=1, dtype=float)
    rows = np.arange(len(weights))
    total = found[:, -1]
    hits = np.where(above > 0, found[rows, above - 1], 0.0)
    return np.divide(hits, total, out=result, where=known & (total > 0))


def threshold_at(labels: ArrayLike, scores: ArrayLike, false_positive_rate: float) -> float:
    """Lowest threshold at which no larger share of the non-lenses is taken for lenses.

    Objects with scores at or above it are found. It is the lowest score above the first non-lens
    that would be one too many, hence exact also when compared in float32.

    Args:
        labels: shape (n,).
        scores: shape (n,).
        false_positive_rate: from 0 up to, not including, 1.

    Returns:
        The threshold; NaN where there are no non-lenses.

    Raises:
        LenszooError: a rate outside [0, 1).
    """
    if not 0 <= false_positive_rate < 1:
        raise LenszooError(f"The false-positive rate is {false_positive_rate}; pass 0 to below 1.")
    positive, values = check_scores(labels, scores)
    nonlenses = int((~positive).sum())
    # 0.29 * 100 is 28.999999999999996 in floating point: a hair more than the rate is meant
    allowed = int(np.floor(false_positive_rate * nonlenses * (1 + 1e-12)))
    limit = _score_of_rejected(positive, values, allowed)
    if limit is None:
        return float("nan")
    above = values[values > limit]
    return float(above.min()) if len(above) else float(np.nextafter(np.float32(limit), np.inf))
