"""Combination of lens finders: mean of calibrated logits, and a logistic stack."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from lenszoo.errors import LenszooError
from lenszoo.metrics.classification import Floats
from lenszoo.metrics.lens_finding import check_scores
from lenszoo.metrics.prevalence import TRAINED_PREVALENCE, check_prevalence

FOLDS = 5
_C = 100.0  # inverse of the ridge of the regressions, on logits of unit scatter


class Combination(NamedTuple):
    """Joint logits of several finders, each object's from a fit to the other folds.

    Example:
        >>> from lenszoo.evaluation import combine
        >>> labels = [0, 1] * 10
        >>> combine(labels, {"a": range(20), "b": labels}).folds
        5
    """

    mean: Floats  # (n,) mean of the members' calibrated logits
    stack: Floats  # (n,) logistic regression on the members' logits
    weights: dict[str, float]  # of the stack fitted to all objects, on the members' logits
    intercept: float
    folds: int


def combine(
    labels: ArrayLike,
    members: Mapping[str, ArrayLike],
    *,
    trained: float = TRAINED_PREVALENCE,
    folds: int = FOLDS,
    seed: int = 0,
) -> Combination:
    """Calibrate finders member by member and combine them, cross-validated.

    Each member's logits are calibrated by Platt's logistic regression (Platt 1999, in Advances in
    Large Margin Classifiers, 61) and averaged; beside that, one logistic regression on the logits
    of all is the stack (Wolpert 1992, Neural Networks 5, 241). Both are fitted to the other folds,
    so that no object is scored by a fit that saw it. Classes are weighted to the share ``trained``.

    Args:
        labels: shape (n,), 1 for a lens and 0 for a non-lens.
        members: logits (n,) by name, at least two members.
        trained: share of lenses that the joint logits are calibrated for.
        folds: of the cross-validation, stratified; fewer where a class has fewer objects.
        seed: of the folds.

    Raises:
        LenszooError: fewer than two members, or than two objects of each class.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import combine, roc_auc
        >>> rng, labels = np.random.default_rng(0), np.arange(2000) % 2
        >>> members = {name: 3 * (rng.normal(size=2000) + labels) for name in "ab"}
        >>> both = combine(labels, members)
        >>> roc_auc(labels, both.stack) > max(roc_auc(labels, each) for each in members.values())
        True
    """
    from sklearn.model_selection import StratifiedKFold

    if len(members) < 2:
        raise LenszooError(f"A combination takes two members or more, not {len(members)}.")
    checked = {name: check_scores(labels, values) for name, values in members.items()}
    y = next(iter(checked.values()))[0]
    logits = np.stack([values for _, values in checked.values()], axis=1)
    folds = min(folds, int(y.sum()), int((~y).sum()))
    if folds < 2:
        raise LenszooError("A combination takes at least two lenses and two non-lenses.")
    step = float(logit(check_prevalence(trained)))
    mean, stack = np.empty(len(y)), np.empty(len(y))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(logits, y):
        each = [_fit(logits[train, k : k + 1], y[train]) for k in range(logits.shape[1])]
        parts = [bias + logits[test, k] * slope[0] for k, (slope, bias) in enumerate(each)]
        mean[test] = np.mean(parts, axis=0) + step
        slopes, bias = _fit(logits[train], y[train])
        stack[test] = logits[test] @ slopes + bias + step
    slopes, bias = _fit(logits, y)
    weights = dict(zip(map(str, members), slopes.tolist(), strict=True))
    return Combination(mean, stack, weights, bias + step, folds)


def _fit(logits: Floats, y: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Slopes (members,) and intercept of a logistic regression with classes of equal weight."""
    from sklearn.linear_model import LogisticRegression

    centre, scatter = logits.mean(axis=0), logits.std(axis=0)
    scatter = np.where(scatter > 0, scatter, 1.0)
    model = LogisticRegression(C=_C, class_weight="balanced", max_iter=1000)
    model.fit((logits - centre) / scatter, y)
    slopes = model.coef_[0] / scatter
    return slopes, float(model.intercept_[0] - slopes @ centre)
