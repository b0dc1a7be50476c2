"""Temperature scaling: make a network's probabilities mean what they say, ranking untouched."""

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

# A fitted value at one of these bounds tells that the data set none.
LOWEST, HIGHEST = 0.05, 20.0


def fit_temperature(labels: ArrayLike, logits: ArrayLike) -> float:
    """The temperature T at which ``logits / T`` has the lowest log loss on held-out data.

    Dividing by one number keeps the order of the objects, hence every AUC, and the answers; above 1
    it makes a network modest that was too sure (Guo et al. 2017, arXiv 1706.04599). The log loss
    is convex in 1/T, so that the minimum is found exactly, by the root of its derivative. Fit on
    validation data, never on what the network was trained on or is reported on.

    Args:
        labels: shape (n,), integers 0..classes-1.
        logits: shape (n, classes), or (n,) or (n, 1) from a binary model.

    Returns:
        T, within 0.05 to 20. Labels that the logits separate perfectly have their lowest log loss
        at T = 0, logits that rank no better than chance at infinity: then it is the bound. 1 where
        every T is as good (all logits of an object equal).

    Raises:
        LenszooError: labels and logits that do not fit together or are not finite.
    """
    from scipy.optimize import brentq

    scores = as_logits(logits)
    y = check_labels(labels, *scores.shape)
    # of an object only the differences count; the largest sets the scale of what rounding leaves
    scores = scores - scores.max(axis=1, keepdims=True)
    if not scores.any():
        return 1.0
    low, high = 1 / HIGHEST, 1 / LOWEST
    if _slope(high, y, scores) <= 0:
        best = high
    elif _slope(low, y, scores) >= 0:
        best = low
    else:
        best = float(brentq(_slope, low, high, args=(y, scores), xtol=1e-12, rtol=1e-12))
    temperature = 1 / best
    # rounding alone can make the minimum worse than 1, when it is 1 to the last digit
    return temperature if log_loss(y, scores / temperature) <= log_loss(y, scores) else 1.0


def _slope(inverse: float, labels: Ints, scores: Floats) -> float:
    """Derivative of the log loss of ``inverse * scores``: mean of E_p[z] - z_y; it only rises."""
    p = np.exp(log_softmax(inverse * scores))
    return float(((p * scores).sum(axis=1) - scores[np.arange(len(labels)), labels]).mean())
