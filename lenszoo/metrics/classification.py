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

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError, unknown
from lenszoo.masked import unmasked

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def as_logits(logits: ArrayLike, ids: Sequence[object] | None = None) -> Floats:
    """Convert logits to float64 of shape (N, K), K >= 2; one logit becomes ``[0, logit]``.

    Args:
        logits: shape (N, K), or (N,) or (N, 1) from a binary model.
        ids: N names for the error message; the row numbers when absent.

    Raises:
        LenszooError: no samples, another number of axes, or values that are not finite.
    """
    try:
        array = np.asarray(unmasked(logits), dtype=np.float64)
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
    array = np.asarray(unmasked(labels))
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


def checked(labels: ArrayLike, logits: ArrayLike) -> tuple[Ints, Floats]:
    """Check labels and logits together: int64 (N,) and float64 (N, K)."""
    scores = as_logits(logits)
    return check_labels(labels, *scores.shape), scores


def _logsumexp(values: Floats) -> Floats:
    top = values.max(axis=1, keepdims=True)
    return (top + np.log(np.exp(values - top).sum(axis=1, keepdims=True)))[:, 0]


def log_softmax(logits: ArrayLike) -> Floats:
    """Log-probabilities (N, K) in float64, stable for any logits.

    Example:
        >>> from lenszoo.evaluation import log_softmax
        >>> log_softmax([[2.0, 0.0]]).round(3).tolist()
        [[-0.127, -2.127]]
    """
    scores = as_logits(logits)
    return scores - _logsumexp(scores)[:, None]


def log_odds(logits: ArrayLike) -> Floats:
    """One-vs-rest log-odds ``log p_k - log(1 - p_k)``, shape (N, K), float64.

    Computed as ``z_k - logsumexp(z_j, j != k)``, it orders samples as p_k does and never saturates.

    Example:
        >>> from lenszoo.evaluation import log_odds
        >>> log_odds([[2.0, 0.0]]).tolist()
        [[2.0, -2.0]]
    """
    scores = as_logits(logits)
    columns = range(scores.shape[1])
    rest = [_logsumexp(np.delete(scores, k, axis=1)) for k in columns]
    return scores - np.stack(rest, axis=1)


def _auc(positive: NDArray[np.bool_], scores: Floats) -> float:
    if positive.all() or not positive.any():
        return float("nan")
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def per_class_auc(labels: ArrayLike, logits: ArrayLike) -> Floats:
    """One-vs-rest ROC-AUC of each class, shape (K,); NaN for a class without both sides.

    For two classes both values are the same number.

    Example:
        >>> from lenszoo.evaluation import per_class_auc
        >>> per_class_auc([0, 0, 1, 1], [-2.0, 0.1, 1.0, 4.0]).tolist()
        [1.0, 1.0]
    """
    y, scores = checked(labels, logits)
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
        >>> from lenszoo.evaluation import roc_auc
        >>> roc_auc([0, 0, 1, 1], [-2.0, 0.1, 1.0, 4.0])
        1.0
    """
    if average not in ("ovr", "ovo"):
        raise unknown("average of roc_auc", average, ("ovr", "ovo"))
    y, scores = checked(labels, logits)
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
        >>> from lenszoo.evaluation import accuracy
        >>> accuracy([0, 0, 1, 1], [-2.0, 0.1, 1.0, 4.0])
        0.75
    """
    y, scores = checked(labels, logits)
    return float((scores.argmax(axis=1) == y).mean())


def log_loss(labels: ArrayLike, logits: ArrayLike) -> float:
    """Mean negative log-likelihood [nats], computed from the logits, hence finite.

    Example:
        >>> from lenszoo.evaluation import log_loss
        >>> round(log_loss([0, 0, 1, 1], [-2.0, 0.1, 1.0, 4.0]), 3)
        0.301
    """
    y, scores = checked(labels, logits)
    return float(-log_softmax(scores)[np.arange(len(y)), y].mean())


def confusion_matrix(labels: ArrayLike, logits: ArrayLike) -> Ints:
    """Counts of shape (K, K): rows are the true classes, columns the predicted ones.

    Example:
        >>> from lenszoo.evaluation import confusion_matrix
        >>> confusion_matrix([0, 0, 1, 1], [-2.0, 0.1, 1.0, 4.0]).tolist()
        [[1, 1], [0, 2]]
    """
    y, scores = checked(labels, logits)
    n_classes = scores.shape[1]
    cells = y * n_classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def weighted_auc(positive: ArrayLike, scores: ArrayLike, counts: ArrayLike) -> Floats:
    """ROC-AUC of B weighted resamples from one sort.

    Args:
        positive: shape (N,), bool.
        scores: shape (N,), higher means positive; ties count one half.
        counts: shape (B, N), the weight of each sample in each resample.

    Returns:
        Shape (B,); NaN where a side has no weight.
    """
    is_positive, values = np.asarray(positive, bool), np.asarray(scores)
    weights = np.asarray(counts)
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
