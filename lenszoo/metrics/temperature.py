"""Temperature scaling: calibrate the probabilities of a network."""

import numpy as np
from numpy.typing import ArrayLike

from lenszoo.metrics.classification import (
    Floats,
    Ints,
    as_logits,
    check_labels,
    log_loss,
    log_softmax,
)

# a fitted value at one of these bounds is not determined by the data
LOWEST, HIGHEST = 0.05, 20.0


def fit_temperature(labels: ArrayLike, logits: ArrayLike, *, offset: float = 0.0) -> float:
    """Fit a temperature to logits: the T at which ``logits / T`` has the lowest log loss.

    Temperature scaling (Guo et al. 2017, arXiv:1706.04599) changes neither ranks nor predicted
    classes; T above 1 corrects an overconfident network. The log loss is convex in 1/T, so the root
    of its derivative is the minimum. Fit on validation data, never on training or test data.

    Args:
        labels: shape (n,), integers 0..classes-1.
        logits: shape (n, classes), or (n,) or (n, 1) from a binary model.
        offset: added to ``logits / T`` of the last class: of a binary model, the log-odds of its
            class among these objects less those in training, for which the logits are meant.

    Returns:
        T, within 0.05 to 20. The lowest log loss is at T = 0 for perfectly separated labels, and at
        infinity for logits no better than chance: then T is the bound. 1 where every T is as good
        (all logits of each object equal).

    Raises:
        LenszooError: labels and logits that do not fit together or are not finite.

    >>> labels, logits = [0, 1, 1, 0], [[4, 0], [0, 4], [0, 4], [0, 4]]
    >>> round(fit_temperature(labels, logits), 3)  # 3 of 4 are right: p = 0.75 at logit log 3
    3.641
    """
    from scipy.optimize import brentq

    scores = as_logits(logits)
    y = check_labels(labels, *scores.shape)
    # only differences matter; relative to the largest logit, rounding errors are smallest
    scores = scores - scores.max(axis=1, keepdims=True)
    if not scores.any():
        return 1.0
    shift = np.zeros(scores.shape[1])
    shift[-1] = offset
    low, high = 1 / HIGHEST, 1 / LOWEST
    if _slope(high, y, scores, shift) <= 0:
        best = high
    elif _slope(low, y, scores, shift) >= 0:
        best = low
    else:
        best = float(brentq(_slope, low, high, args=(y, scores, shift), xtol=1e-12, rtol=1e-12))
    # when the minimum is at 1, rounding can make it slightly worse than 1
    fitted, plain = (log_loss(y, scores * inverse + shift) for inverse in (best, 1.0))
    return 1 / best if fitted <= plain else 1.0


def settled_temperature(labels: ArrayLike, logits: ArrayLike, *, offset: float = 0.0) -> float:
    """Fit a temperature as :func:`fit_temperature`; 1 where the data do not settle one.

    Examples that the logits tell apart without an error set no temperature but 0, and logits no
    better than chance none but infinity.
    """
    fitted = fit_temperature(labels, logits, offset=offset)
    return fitted if LOWEST < fitted < HIGHEST else 1.0


def _slope(inverse: float, labels: Ints, scores: Floats, shift: Floats) -> float:
    """Derivative of the log loss of ``inverse * scores + shift``, mean E_p[z] - z_y; monotonic."""
    p = np.exp(log_softmax(inverse * scores + shift))
    return float(((p * scores).sum(axis=1) - scores[np.arange(len(labels)), labels]).mean())
