"""Prevalence: share of lenses in a survey; purity, inspections and probabilities at that share."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError

Floats = NDArray[np.float64]

PREVALENCE = 1e-3  # lenses an object: about what a ground-based survey of luminous galaxies holds
TRAINED_PREVALENCE = 0.5
"""Share of lenses in the skies that the zoo's lens finders were calibrated on."""


def check_prevalence(prevalence: float) -> float:
    """Return the prevalence; raise LenszooError unless it is between 0 and 1."""
    if not 0 < prevalence < 1:
        raise LenszooError(
            f"The prevalence is {prevalence}; give the share of lenses among the objects, above 0 "
            "and below 1, such as 1e-3."
        )
    return float(prevalence)


def share_of(part: ArrayLike, whole: ArrayLike) -> Floats:
    """Share ``part / whole`` in float64, NaN where both are 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part, float) / np.asarray(whole, float)


def purity_at(completeness: ArrayLike, false_positive_rate: ArrayLike, prevalence: float) -> Floats:
    """Purity of the candidates in a survey with another share of lenses than the data.

    ``p TPR / (p TPR + (1 - p) FPR)`` at prevalence p: both rates are those of a class, so they hold
    for any mix of the same lenses and non-lenses. NaN without candidates.

    Args:
        completeness: true-positive rate, any shape.
        false_positive_rate: of a shape that broadcasts.
        prevalence: lenses an object.

    Raises:
        LenszooError: the prevalence is not between 0 and 1.

    >>> float(purity_at(0.5, 1e-4, prevalence=1e-3).round(3))
    0.833
    """
    check_prevalence(prevalence)
    lenses = prevalence * np.asarray(completeness, float)
    return share_of(lenses, lenses + (1 - prevalence) * np.asarray(false_positive_rate, float))


def inspections_per_lens(
    completeness: ArrayLike, false_positive_rate: ArrayLike, prevalence: float
) -> Floats:
    """Candidates to look at for each lens that is found, one over the purity.

    Args:
        completeness, false_positive_rate, prevalence: as for :func:`purity_at`.

    Returns:
        At least 1; inf where only non-lenses pass, NaN without candidates.

    Raises:
        LenszooError: the prevalence is not between 0 and 1.

    Example:
        >>> from lenszoo.evaluation import inspections_per_lens
        >>> float(inspections_per_lens(0.5, 1e-3, prevalence=1e-3).round(2))
        3.0
    """
    purity = purity_at(completeness, false_positive_rate, prevalence)
    with np.errstate(divide="ignore"):
        return 1 / purity


def at_prevalence(
    logits: ArrayLike, prevalence: float, trained: float = TRAINED_PREVALENCE
) -> Floats:
    """Move calibrated logits to a survey with another share of lenses, in float64.

    The log-odds of a calibrated finder move by those of the two shares (Saerens, Latinne &
    Decaestecker 2002, Neural Computation 14, 21).

    Args:
        logits: any shape.
        prevalence: lenses an object of the survey.
        trained: share of lenses that the logits are calibrated for.

    Raises:
        LenszooError: a share that is not between 0 and 1.

    Example:
        >>> from lenszoo.evaluation import at_prevalence
        >>> at_prevalence([0.0, 6.9], prevalence=1e-3).round(2).tolist()
        [-6.91, -0.01]
    """
    return np.asarray(logits, np.float64) + odds_shift(prevalence, trained)


def odds_shift(prevalence: float, trained: float) -> float:
    """Log-odds of one share of lenses less those of another.

    >>> round(odds_shift(1e-3, 0.5), 2)
    -6.91
    """
    here, there = (math.log(p / (1 - p)) for p in map(check_prevalence, (prevalence, trained)))
    return here - there


def label_shift(labels: ArrayLike, trained: float) -> float:
    """Log-odds of the share of lenses among labels less those in training; 0 of one class alone.

    >>> round(label_shift([1, 0, 0, 0], 0.25), 2), label_shift([1, 1], 0.5)
    (0.0, 0.0)
    """
    share = float(np.mean(np.asarray(labels) == 1))
    return odds_shift(share, trained) if 0 < share < 1 else 0.0


def joint_prevalence(shares: Sequence[float]) -> float:
    """Share of lenses that a mean of logits is calibrated for: that of the mean log-odds.

    >>> round(joint_prevalence([0.5, 0.5]), 3), round(joint_prevalence([0.5, 1 / 26]), 3)
    (0.5, 0.167)
    """
    odds = [math.log(p / (1 - p)) for p in map(check_prevalence, shares)]
    return 1 / (1 + math.exp(-sum(odds) / len(odds)))
