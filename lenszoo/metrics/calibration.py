"""Calibration: stated probabilities against observed shares, in bins of equal width."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.metrics.classification import Floats, Ints, checked, log_softmax


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
        >>> from lenszoo.evaluation import calibration_bins
        >>> calibration_bins([0, 0, 1, 1], [-2.0, 0.1, 1.0, 4.0], bins=2).counts.tolist()
        [0, 4]
    """
    y, scores = checked(labels, logits)
    confidence = np.exp(log_softmax(scores)).max(axis=1)
    return binned(confidence, scores.argmax(axis=1) == y, bins)


def binned(probability: Floats, right: NDArray[np.bool_], bins: int) -> CalibrationBins:
    """Mean of probabilities (N,) and share that was right in ``bins`` intervals (low, high]."""
    index = np.clip(np.ceil(probability * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence, share = (np.bincount(index, x, bins) / counts for x in (probability, right))
    return CalibrationBins(np.linspace(0, 1, bins + 1), counts, confidence, share)


def expected_calibration_error(labels: ArrayLike, logits: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error of the predicted class (Guo et al. 2017, arXiv 1706.04599).

    Example:
        >>> from lenszoo.evaluation import expected_calibration_error
        >>> round(expected_calibration_error([0, 0, 1, 1], [-2.0, 0.1, 1.0, 4.0]), 3)
        0.233
    """
    return calibration_bins(labels, logits, bins).error
