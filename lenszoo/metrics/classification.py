"""Exact classification metrics on logits, for any number of classes.

Every function takes ``labels`` of shape (N,), integers in 0..K-1, and ``logits`` of shape (N, K).
A binary model may have one logit a sample, (N,) or (N, 1), which stands for ``[0, logit]``.
For probabilities pass their logarithm: softmax(log p) = p.

Samples are ranked by log-odds, not by probabilities. The one-vs-rest score of class k is
``log p_k - log(1 - p_k)``, computed from the logits in float64: it orders the samples as p_k does,
but does not saturate, where a softmax (float32: logits above 17) rounds two samples to 1.

An undefined metric is NaN (an AUC without positives, say); bad input raises
:class:`lenszoo.errors.LenszooError`.

>>> labels, logits = [0, 1, 1, 2], [[3, 1, 0], [0, 2, 1], [2, 0, 1], [0, 0, 4]]
>>> accuracy(labels, logits), roc_auc(labels, logits)
(0.75, 0.9166666666666666)
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from lenszoo.errors import LenszooError, unknown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A block of bootstrap resamples holds about this many counts (32 MB), whatever the sample size.
_BLOCK = 4_000_000


def as_logits(logits: ArrayLike, ids: Sequence[object] | None = None) -> Floats:
    """Convert logits to float64 of shape (N, K), K >= 2; one logit becomes ``[0, logit]``.

    Args:
        logits: shape (N, K), or (N,) or (N, 1) from a binary model.
        ids: N names for the error message; the row numbers when absent.

    Raises:
        LenszooError: no samples, another number of axes, or values that are not finite.
    """
    try:
        array = np.asarray(logits, dtype=np.float64)
    except (TypeError, ValueError):
        raise LenszooError("The logits are no numeric array; pass shape (N, classes).") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise LenszooError(f"The logits have shape {np.shape(logits)}; pass (N, classes).")
    if len(array) == 0:
        raise LenszooError("There are no samples to evaluate: the logits are empty.")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        names = [str(ids[i]) if ids is not None else f"row {i}" for i in bad[:3]]
        more = ", ..." if len(bad) > 3 else ""
        raise LenszooError(
            f"{len(bad)} of {len(array)} samples have logits that are not finite "
            f"({', '.join(names)}{more}): their images hold NaN or inf pixels (read them with "
            "on_bad='skip' or 'zero') or, if all do, the training has diverged."
        )
    if array.shape[1] == 1:
        array = np.concatenate([np.zeros_like(array), array], axis=1)
    return array


def check_labels(labels: ArrayLike, n_samples: int, n_classes: int) -> Ints:
    """Convert labels to int64 of shape (N,), checked to lie in 0..n_classes-1.

    Raises:
        LenszooError: another length or shape than the logits, not integers, or out of range.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise LenszooError(
            f"The labels have shape {array.shape}; pass one class number a sample, shape (N,)."
        )
    if len(array) != n_samples:
        raise LenszooError(f"There are {len(array)} labels but {n_samples} rows of logits.")
    try:
        numbers = array.astype(np.float64)
    except (TypeError, ValueError):
        raise LenszooError("The labels are no numbers; pass class numbers from 0.") from None
    if not (np.isfinite(numbers).all() and (numbers == np.round(numbers)).all()):
        raise LenszooError("The labels are no whole numbers; pass class numbers from 0.")
    result = numbers.astype(np.int64)
    if result.min() < 0 or result.max() >= n_classes:
        wrong = result.min() if result.min() < 0 else result.max()
        raise LenszooError(
            f"The labels hold {wrong}, but the logits have {n_classes} classes "
            f"(0 to {n_classes - 1}); check that model and data have the same classes."
        )
    return result


def _checked(labels: ArrayLike, logits: ArrayLike) -> tuple[Ints, Floats]:
    scores = as_logits(logits)
    return check_labels(labels, *scores.shape), scores


def _logsumexp(values: Floats) -> Floats:
    top = values.max(axis=1, keepdims=True)
    return (top + np.log(np.exp(values - top).sum(axis=1, keepdims=True)))[:, 0]


def log_softmax(logits: ArrayLike) -> Floats:
    """Log-probabilities (N, K) in float64, stable for any logits.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import log_softmax
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> np.exp(log_softmax(logits)).sum(axis=1).round(6).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    scores = as_logits(logits)
    return scores - _logsumexp(scores)[:, None]


def log_odds(logits: ArrayLike) -> Floats:
    """One-vs-rest log-odds ``log p_k - log(1 - p_k)``, shape (N, K), float64.

    Computed as ``z_k - logsumexp(z_j, j != k)``, it orders samples as p_k does and never saturates.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import log_odds
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> log_odds(logits)[0].round(2).tolist()
        [2.0, -2.0]
    """
    scores = as_logits(logits)
    columns = range(scores.shape[1])
    rest = [_logsumexp(np.delete(scores, k, axis=1)) for k in columns]
    return scores - np.stack(rest, axis=1)


def _auc(positive: NDArray[np.bool_], scores: Floats) -> float:
    if positive.all() or not positive.any():
        return float("nan")
    return float(roc_auc_score(positive, scores))


def per_class_auc(labels: ArrayLike, logits: ArrayLike) -> Floats:
    """One-vs-rest ROC-AUC of each class, shape (K,); NaN for a class without both sides.

    For two classes both values are the same number.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import per_class_auc
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> per_class_auc(labels, logits).tolist()
        [1.0, 1.0]
    """
    y, scores = _checked(labels, logits)
    odds = log_odds(scores)
    return np.array([_auc(y == k, odds[:, k]) for k in range(odds.shape[1])])


def roc_auc(labels: ArrayLike, logits: ArrayLike, average: str = "ovr") -> float:
    """Macro ROC-AUC, equal to ``sklearn.metrics.roc_auc_score`` of softmax(logits).

    Args:
        labels: shape (N,).
        logits: shape (N, K).
        average: ``"ovr"``, the mean over the classes of one against the rest, or ``"ovo"``, the
            mean over the pairs of classes (Hand & Till 2001), which does not depend on the class
            mix. With two classes both are the AUC of class 1.

    Returns:
        The AUC, or NaN when a class has no sample.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import roc_auc
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> float(roc_auc(labels, logits))
        1.0
    """
    if average not in ("ovr", "ovo"):
        raise unknown("average of roc_auc", average, ("ovr", "ovo"))
    y, scores = _checked(labels, logits)
    if scores.shape[1] == 2:
        return float(per_class_auc(y, scores)[1])
    if average == "ovr":
        return float(per_class_auc(y, scores).mean())
    odds = log_odds(scores)
    return float(
        np.mean([_auc(y[rows] == a, odds[rows, a]) for a, rows in class_pairs(y, odds.shape[1])])
    )


def class_pairs(labels: Ints, n_classes: int) -> Iterator[tuple[int, Ints]]:
    """Iterate over ordered pairs of classes (a, b): a, and the rows of both classes."""
    rows = [np.flatnonzero(labels == k) for k in range(n_classes)]
    for a, b in permutations(range(n_classes), 2):
        yield a, np.concatenate([rows[a], rows[b]])


def accuracy(labels: ArrayLike, logits: ArrayLike) -> float:
    """Fraction of samples whose largest logit is the label's; a tie goes to the first class.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import accuracy
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> float(accuracy(labels, logits))
        0.75
    """
    y, scores = _checked(labels, logits)
    return float((scores.argmax(axis=1) == y).mean())


def log_loss(labels: ArrayLike, logits: ArrayLike) -> float:
    """Mean negative log-likelihood [nats], computed from the logits, hence finite.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import log_loss
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> round(float(log_loss(labels, logits)), 3)
        0.301
    """
    y, scores = _checked(labels, logits)
    return float(-log_softmax(scores)[np.arange(len(y)), y].mean())


def confusion_matrix(labels: ArrayLike, logits: ArrayLike) -> Ints:
    """Counts of shape (K, K): rows are the true classes, columns the predicted ones.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import confusion_matrix
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> confusion_matrix(labels, logits).tolist()
        [[1, 1], [0, 2]]
    """
    y, scores = _checked(labels, logits)
    n_classes = scores.shape[1]
    cells = y * n_classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


class CalibrationBins(NamedTuple):
    """Top-label calibration by bins of equal width; empty bins are NaN in the two means."""

    edges: Floats  # (bins + 1,), 0 to 1
    counts: Ints  # (bins,)
    confidence: Floats  # (bins,) mean probability of the predicted class
    accuracy: Floats  # (bins,) fraction predicted right

    @property
    def error(self) -> float:
        """Expected calibration error: mean |accuracy - confidence|, weighted by the counts."""
        full = self.counts > 0
        gaps = np.abs(self.accuracy - self.confidence)[full]
        return float((gaps * self.counts[full]).sum() / self.counts.sum())


def calibration_bins(labels: ArrayLike, logits: ArrayLike, bins: int = 15) -> CalibrationBins:
    """Confidence and accuracy of the predicted class in ``bins`` intervals (low, high].

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import calibration_bins
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> bins = calibration_bins(labels, logits, bins=2)
        >>> int(bins.counts.sum())
        4
    """
    y, scores = _checked(labels, logits)
    confidence = np.exp(log_softmax(scores)).max(axis=1)
    right = scores.argmax(axis=1) == y
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(index, confidence, bins) / counts
        mean_accuracy = np.bincount(index, right, bins) / counts
    return CalibrationBins(np.linspace(0, 1, bins + 1), counts, mean_confidence, mean_accuracy)


def expected_calibration_error(labels: ArrayLike, logits: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error of the predicted class (Guo et al. 2017, arXiv 1706.04599).

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import expected_calibration_error
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[2.0, 0.0], [0.5, 0.6], [0.0, 1.0], [-1.0, 3.0]])
        >>> 0 <= expected_calibration_error(labels, logits) <= 1
        True
    """
    return calibration_bins(labels, logits, bins).error


def weighted_auc(positive: ArrayLike, scores: ArrayLike, counts: ArrayLike) -> Floats:
    """ROC-AUC of B weighted resamples from one sort.

    Args:
        positive: shape (N,), bool.
        scores: shape (N,), higher means positive; ties count one half.
        counts: shape (B, N), the weight of each sample in each resample.

    Returns:
        Shape (B,); NaN where a side has no weight.
    """
    is_positive, values, weights = (
        np.asarray(positive, bool),
        np.asarray(scores),
        np.asarray(counts),
    )
    order = np.argsort(values, kind="stable")
    ups, downs = order[is_positive[order]], order[~is_positive[order]]
    below = np.zeros((len(weights), len(downs) + 1))
    np.cumsum(weights[:, downs], axis=1, out=below[:, 1:])
    first = np.searchsorted(values[downs], values[ups], side="left")
    last = np.searchsorted(values[downs], values[ups], side="right")
    up_weights = weights[:, ups]
    wins = np.einsum("bn,bn->b", up_weights, below[:, first])
    wins += np.einsum("bn,bn->b", up_weights, below[:, last])
    with np.errstate(invalid="ignore"):
        return wins / (2 * up_weights.sum(axis=1) * below[:, -1])


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
    At the edge of its range, as an AUC of 1, it collapses: :mod:`lenszoo.metrics.intervals`.

    Args:
        statistic, strata, n_resamples, seed: as :func:`bootstrap`.
        level: probability that the interval covers.

    Returns:
        Shape (2,) or (M, 2): low and high.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import bootstrap_interval
        >>> values = np.random.default_rng(0).normal(size=500)
        >>> def mean(counts):
        ...     return counts @ values / counts.sum(axis=1)
        >>> low, high = bootstrap_interval(mean, np.zeros(500))
        >>> bool(low < values.mean() < high)
        True
    """
    values = bootstrap(statistic, strata, n_resamples=n_resamples, seed=seed)
    tail = 50 * (1 - level)
    return np.percentile(values, [tail, 100 - tail], axis=0).T
