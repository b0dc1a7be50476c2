"""Checked answers of a classifier to labelled images."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as m


class Outcome(NamedTuple):
    """Checked labels and answers of N samples."""

    labels: m.Ints  # (N,)
    logits: m.Floats  # (N, K)
    names: Sequence[str]  # of the K classes
    ids: Sequence[str]  # of the N samples
    temperature: float  # divides the logits for calibrated probabilities
    predicted: m.Ints  # (N,)
    probability: m.Floats  # (N,) of the predicted class
    confidence: m.Floats  # (N,) log-odds of the predicted class

    def describe(self, row: int) -> dict[str, Any]:
        """One sample as report.json lists it."""
        return {
            "row": row,
            "id": self.ids[row],
            "true": self.names[self.labels[row]],
            "predicted": self.names[self.predicted[row]],
            "probability": float(self.probability[row]),
        }

    def most_confident(self, among: ArrayLike, count: int) -> list[int]:
        """Rows with the most confident answers, by log-odds: saturated probabilities would tie."""
        rows = np.flatnonzero(among)
        return rows[np.argsort(-self.confidence[rows], kind="stable")][:count].tolist()


def check_outcome(
    labels: ArrayLike,
    logits: ArrayLike,
    class_names: Sequence[str],
    ids: Sequence[object] | None,
    temperature: float = 1.0,
) -> Outcome:
    """Check that labels, logits, class names and ids fit together.

    Raises:
        LenszooError: they do not, or logits are not finite.
    """
    names = [str(name) for name in class_names]
    if len(names) < 2 or len(set(names)) < len(names):
        raise LenszooError(
            f"A classification report needs two or more different class names, not {names}."
        )
    if ids is not None and len(ids) != len(np.atleast_1d(logits)):
        raise LenszooError(f"There are {len(ids)} ids but {len(np.atleast_1d(logits))} logits.")
    scores = m.as_logits(logits, ids)
    if scores.shape[1] != len(names):
        raise LenszooError(
            f"The logits have {scores.shape[1]} classes but there are {len(names)} class names "
            f"({', '.join(names[:6])}); give one name a class."
        )
    y = m.check_labels(labels, len(scores), len(names))
    keys = [str(i) for i in (range(len(y)) if ids is None else ids)]
    predicted, rows = scores.argmax(axis=1), np.arange(len(y))
    chance = np.exp(m.log_softmax(scores / temperature)[rows, predicted])
    confidence = m.log_odds(scores)[rows, predicted]
    return Outcome(y, scores, names, keys, temperature, predicted, chance, confidence)
