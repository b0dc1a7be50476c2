"""Yield of a lens finder: expected counts in a survey, completeness by property, calibration.

``labels`` and ``scores`` are those of :mod:`lenszoo.metrics.lens_finding`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from lenszoo.errors import LenszooError
from lenszoo.masked import unmasked
from lenszoo.metrics.calibration import CalibrationBins, binned
from lenszoo.metrics.classification import Floats, Ints
from lenszoo.metrics.intervals import ratio_interval, wilson_interval
from lenszoo.metrics.lens_finding import check_scores
from lenszoo.metrics.prevalence import (
    PREVALENCE,
    TRAINED_PREVALENCE,
    at_prevalence,
    check_prevalence,
    inspections_per_lens,
    purity_at,
    share_of,
)

_LEAST = 10  # objects of a bin of a survey's calibration


class ExpectedCounts(NamedTuple):
    """Yield of a survey at one threshold; intervals are 95 %, [low, high]."""

    threshold: float
    completeness: float
    completeness_interval: tuple[float, float]
    false_positive_rate: float
    false_positive_rate_interval: tuple[float, float]
    lenses_in_survey: float
    lenses_found: float
    false_positives: float
    false_positives_interval: tuple[float, float]
    purity: float
    purity_interval: tuple[float, float]
    inspections_per_lens: float
    inspections_interval: tuple[float, float]


def expected_counts(
    labels: ArrayLike,
    scores: ArrayLike,
    threshold: float,
    *,
    prevalence: float = PREVALENCE,
    objects: int = 1_000_000,
) -> ExpectedCounts:
    """Lenses and false positives to expect in a survey of other size and share of lenses.

    The rates are those of the data; none of a few thousand non-lenses passing does not mean that
    none of a million will, so that the false-positive rate has its Wilson interval, and false
    positives theirs from it. Intervals of purity and inspections are those of the ratio of the two
    rates (:func:`~lenszoo.metrics.intervals.ratio_interval`).

    Args:
        labels: shape (n,).
        scores: shape (n,).
        threshold: objects at or above it become candidates.
        prevalence: lenses an object of the survey.
        objects: in the survey.

    Raises:
        LenszooError: a prevalence outside (0, 1), a survey without objects, or a threshold that is
            not a number.

    Example:
        >>> labels, scores = [1, 1, 0, 0], [3.0, -1.0, -2.0, -3.0]
        >>> counts = expected_counts(labels, scores, 0.0, prevalence=0.01, objects=10_000)
        >>> counts.completeness, counts.lenses_found
        (0.5, 50.0)
    """
    if objects < 1:
        raise LenszooError(f"A survey of {objects} objects expects nothing; pass 1 or more.")
    if np.isnan(threshold):
        raise LenszooError("The threshold is not a number, so nothing is at or above it.")
    positive, values = check_scores(labels, scores)
    lenses, others = check_prevalence(prevalence) * objects, (1 - prevalence) * objects
    passed = values >= threshold
    right, wrong = int((passed & positive).sum()), int((passed & ~positive).sum())
    m, n = int(positive.sum()), int((~positive).sum())
    share, rate = float(share_of(right, m)), float(share_of(wrong, n))
    low, high = wilson_interval(wrong, n).tolist()
    # of false positives for each lens that is found
    ratio = others / lenses * np.array(ratio_interval(wrong, n, right, m))
    return ExpectedCounts(
        threshold=float(threshold),
        completeness=share,
        completeness_interval=_pair(wilson_interval(right, m)),
        false_positive_rate=rate,
        false_positive_rate_interval=(low, high),
        lenses_in_survey=lenses,
        lenses_found=share * lenses,
        false_positives=rate * others,
        false_positives_interval=(low * others, high * others),
        purity=float(purity_at(share, rate, prevalence)),
        purity_interval=_pair(1 / (1 + ratio[::-1])),
        inspections_per_lens=float(inspections_per_lens(share, rate, prevalence)),
        inspections_interval=_pair(1 + ratio),
    )


def _pair(bounds: Floats) -> tuple[float, float]:
    return float(bounds[0]), float(bounds[1])


class Completeness(NamedTuple):
    """Completeness in bins of a property of the lenses, each with about as many lenses."""

    edges: Floats  # (bins + 1,)
    centres: Floats  # (bins,) median of the property
    lenses: Ints  # (bins,)
    found: Ints  # (bins,)
    unknown: int  # lenses whose property is not known

    @property
    def completeness(self) -> Floats:
        """Share found in each bin, shape (bins,)."""
        return share_of(self.found, self.lenses)

    @property
    def intervals(self) -> Floats:
        """95 % Wilson intervals, shape (bins, 2)."""
        return wilson_interval(self.found, self.lenses)


def completeness_by(values: ArrayLike, found: ArrayLike, bins: int = 8) -> Completeness | None:
    """Completeness against a property of the lenses such as their Einstein radius.

    Args:
        values: shape (n,), of lenses only; NaN where it is not known.
        found: shape (n,), bool.
        bins: at most; fewer where a bin would hold fewer than about 20 lenses.

    Returns:
        The bins; None where no lens has a value.

    Example:
        >>> radius, found = np.linspace(0.5, 2.5, 40), np.arange(40) >= 10
        >>> completeness_by(radius, found).completeness.tolist()
        [0.5, 1.0]
    """
    numbers = np.asarray(unmasked(values), float)
    finite = np.isfinite(numbers)
    x, hit = numbers[finite], np.asarray(found, bool)[finite]
    if not len(x):
        return None
    bins = int(np.clip(len(x) // 20, 1, bins))
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)))
    edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    index = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    full = np.unique(index)
    return Completeness(
        edges=np.append(edges[full], edges[-1]),
        centres=np.array([np.median(x[index == k]) for k in full]),
        lenses=np.array([np.sum(index == k) for k in full]),
        found=np.array([np.sum(hit[index == k]) for k in full]),
        unknown=int((~finite).sum()),
    )


def lens_calibration(labels: ArrayLike, logits: ArrayLike, bins: int = 15) -> CalibrationBins:
    """Probability of a lens against the share of lenses, in bins of equal width.

    Unlike :func:`lenszoo.metrics.calibration.calibration_bins`, which asks about the predicted
    class: ``confidence`` is the mean probability of a lens, ``accuracy`` the share of lenses.

    Example:
        >>> round(lens_calibration([0, 1, 1, 1], [-3.0, 3.0, 3.0, 3.0]).error, 3)
        0.047
    """
    positive, values = check_scores(labels, logits)
    return binned(expit(values), positive, bins)


class SurveyCalibration(NamedTuple):
    """Probability of a lens in a survey against the share of lenses, in bins of its log-odds."""

    lenses: Ints  # (bins,) of these data
    nonlenses: Ints  # (bins,)
    weight: Floats  # (bins,) share of the survey's objects
    probability: Floats  # (bins,) mean in the survey
    share: Floats  # (bins,) of lenses in the survey
    intervals: Floats  # (bins, 2) of the share, 95 %

    @property
    def error(self) -> float:
        """Calibration error: mean |share - probability|, weighted by the survey's objects."""
        return float(self.weight @ np.abs(self.share - self.probability))


def survey_calibration(
    labels: ArrayLike,
    logits: ArrayLike,
    prevalence: float = PREVALENCE,
    trained: float = TRAINED_PREVALENCE,
    bins: int = 12,
) -> SurveyCalibration:
    """Compare probabilities moved to a prevalence with the shares of lenses there.

    Lenses count ``p / lenses`` and non-lenses ``(1 - p) / nonlenses`` each, so that the data stand
    for a survey with a share p of lenses. Bins have equal widths in log-odds, where the few
    probable candidates are as well resolved as the many others; a bin with fewer than ten objects
    joins the next. Intervals are Wilson's of the counts, moved likewise.

    Args:
        labels: shape (n,), both classes.
        logits: shape (n,), calibrated for the share ``trained`` of lenses.
        prevalence: lenses an object of the survey.
        trained: lenses an object where the logits are calibrated.
        bins: at most.

    Raises:
        LenszooError: a share outside (0, 1), or a single class.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import survey_calibration
        >>> logits = np.random.default_rng(0).normal(0, 2, 20000)
        >>> labels = np.random.default_rng(1).random(20000) < 1 / (1 + np.exp(-logits))
        >>> survey_calibration(labels, logits, prevalence=1e-3).error < 1e-3
        True
    """
    positive, values = check_scores(labels, logits)
    total = np.array([(~positive).sum(), positive.sum()], float)
    if not total.all():
        raise LenszooError("A calibration needs lenses and non-lenses; the data hold one class.")
    moved = at_prevalence(values, prevalence, trained)
    worth = np.array([1 - prevalence, prevalence]) / total
    index = _full_bins(moved, bins)
    lenses = np.bincount(index, positive).astype(np.int64)
    nonlenses = np.bincount(index).astype(np.int64) - lenses
    each = worth[positive.astype(int)]
    weight = np.asarray(np.bincount(index, each), np.float64)
    odds = np.clip(wilson_interval(lenses, lenses + nonlenses), 0, 1)
    survey = odds * worth[1] / (odds * worth[1] + (1 - odds) * worth[0])
    return SurveyCalibration(
        lenses,
        nonlenses,
        weight,
        np.bincount(index, each * expit(moved)) / weight,
        lenses * worth[1] / weight,
        survey,
    )


def _full_bins(values: Floats, bins: int) -> Ints:
    """Bin of each value, of equal widths; one of fewer than ten joins a neighbour."""
    edges = np.linspace(values.min(), values.max(), bins + 1)[1:-1]
    index = np.searchsorted(edges, values, side="right")
    counts, places, current, inside = np.bincount(index, minlength=bins), [], 0, 0
    for count in counts:
        places.append(current)
        inside += count
        if inside >= _LEAST:
            current, inside = current + 1, 0
    joined = np.array(places)[index]
    last = current - 1 if inside < _LEAST and current else current
    return np.unique(np.minimum(joined, last), return_inverse=True)[1]
