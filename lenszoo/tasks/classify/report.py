"""Classification report: scores from logits beside the shortcut baseline, as a list of panels.

This file computes; ``panels`` puts the numbers into words, tables and figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as m
from lenszoo.metrics.calibration import calibration_bins, expected_calibration_error
from lenszoo.metrics.intervals import (
    auc_interval,
    bootstrap,
    pair_or_none,
    sum_interval,
    wilson_interval,
)
from lenszoo.metrics.shortcut import ShortcutResult, shortcut_baseline
from lenszoo.reporting.panels import History, confusion_panel, history_panels, read_history
from lenszoo.reporting.report import Report
from lenszoo.tasks.classify import panels
from lenszoo.tasks.classify.outcome import Outcome, check_outcome

N_MISTAKES = 12


class ClassificationReport(Report):
    """The report of :func:`classification_report`; see :class:`lenszoo.reporting.report.Report`.

    ``metrics`` holds ``n``, ``classes``, ``class_counts``, ``macro_ovr_auc``, ``macro_ovo_auc``,
    ``per_class_auc``, ``per_class_recall``, ``per_class_precision``, ``accuracy``, ``log_loss``,
    ``ece`` (both of the logits as they are), ``calibrated`` (``temperature``, ``log_loss`` and
    ``ece`` of calibrated probabilities; None at temperature 1), ``confusion_matrix``,
    ``intervals`` (the same names, [low, high]), ``shortcut`` (the same names, with ``n``,
    ``folds``, ``seed`` and ``reason``) and, with test-time augmentation, ``tta`` (the scores of
    eight looks). Undefined scores are None.

    Example:
        >>> from lenszoo.evaluation import classification_report
        >>> report = classification_report([0, 0, 1, 1], [-2.0, 1.0, 1.5, 3.0], ["no", "sub"])
        >>> report.metrics["accuracy"], report.metrics["class_counts"]
        (0.75, {'no': 2, 'sub': 2})
    """

    kind: ClassVar[str] = "classification"


def classification_report(
    labels: ArrayLike,
    logits: ArrayLike,
    class_names: Sequence[str],
    *,
    images: ArrayLike | None = None,
    model: Any = None,
    temperature: float = 1.0,
    tta: ArrayLike | None = None,
    ids: Sequence[object] | None = None,
    history: History | None = None,
    title: str | None = None,
    provenance: Mapping[str, Any] | None = None,
    shortcut: ShortcutResult | None = None,
    seed: int = 0,
    n_resamples: int = 1000,
) -> ClassificationReport:
    """Evaluate a classifier and gather the figures; drawing waits until the report is shown.

    Args:
        labels: true classes, shape (N,), integers 0..K-1.
        logits: shape (N, K); (N,) or (N, 1) from a binary model with a single logit.
        class_names: K different names in the order of the logits.
        images: shape (N, H, W, bands) or (N, H, W), in the order of the labels, for the shortcut
            baseline and the galleries; a memory map will do.
        model: the classifier of the zoo that gave the logits; with the images it adds a gallery of
            saliency maps (:mod:`lenszoo.reporting.saliency`).
        temperature: divides the logits for calibrated probabilities, fitted on other images
            (:func:`lenszoo.evaluation.fit_temperature`); 1 leaves them.
        tta: logits of the same samples averaged over turns and flips
            (:func:`lenszoo.evaluation.tta_logits`), to be scored beside the plain ones.
        ids: N names of the samples; row numbers when absent.
        history: the training history, columns or rows (as read from ``history.csv``).
        title: heading of the report.
        provenance: model, weights and their sha256, recipe, data, seed, backend ...
        shortcut: a baseline computed before (as for images that do not fit into memory).
        seed: of the bootstrap and of the baseline.
        n_resamples: bootstrap resamples, stratified by class, which correlate the classes' AUCs.

    Raises:
        LenszooError: lengths, labels or class names that do not fit together, or logits that are
            not finite (with the first ids).

    Example:
        >>> report = classification_report([0, 0, 1, 1], [-2.0, -1.0, 1.0, 3.0], ["no", "sphere"])
        >>> report.metrics["macro_ovr_auc"], report.metrics["accuracy"]
        (1.0, 1.0)
    """
    outcome = check_outcome(labels, logits, class_names, ids, temperature)
    y, names = outcome.labels, outcome.names
    stack = None if images is None else np.asanyarray(images)
    if stack is not None and len(stack) != len(y):
        raise LenszooError(f"There are {len(stack)} images but {len(y)} labels.")
    if shortcut is None and stack is not None:
        shortcut = shortcut_baseline(stack, y, len(names), seed=seed)

    values = _metrics(outcome)
    values["calibrated"] = _calibrated(outcome)
    values["intervals"] = _intervals(outcome, seed, n_resamples)
    values["shortcut"] = None if shortcut is None else _shortcut_metrics(shortcut, outcome)
    if tta is not None:
        values["tta"] = _scores(y, check_outcome(labels, tta, class_names, ids).logits)
    bins = calibration_bins(y, outcome.logits / temperature)
    curves, baselines = panels.roc_curves(y, outcome.logits, names), []
    if shortcut is not None and shortcut.scores is not None:
        baselines = panels.roc_curves(y[shortcut.rows], shortcut.scores, names)
    mistakes = outcome.most_confident(outcome.predicted != y, N_MISTAKES)
    columns = read_history(history)
    return ClassificationReport(
        title=title or "Classification report",
        metrics=values,
        summary=panels.summary(values),
        cards=panels.cards(values),
        tables=panels.tables(values, outcome, mistakes if stack is None else []),
        figures=[
            *([panels.roc(curves, baselines)] if curves else []),
            confusion_panel(values["confusion_matrix"], names),
            panels.reliability(bins),
            *([] if stack is None else panels.galleries(outcome, mistakes, stack, model)),
            *history_panels(columns),
        ],
        notes=panels.notes(values, shortcut),
        details={
            "roc": {curve.name: curve.thinned() for curve in curves},
            "calibration": bins._asdict(),
            "mistakes": [outcome.describe(i) for i in mistakes],
            "history": columns,
        },
        provenance={
            **(provenance or {}),
            "evaluation": {"seed": seed, "bootstrap_resamples": n_resamples},
        },
    )


def _metrics(outcome: Outcome) -> dict[str, Any]:
    y, scores, names = outcome.labels, outcome.logits, outcome.names
    matrix = m.confusion_matrix(y, scores)
    right, true, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore"):
        recall, precision = right / true, right / predicted
    by_class = {
        "class_counts": true,
        "per_class_auc": m.per_class_auc(y, scores),
        "per_class_recall": recall,
        "per_class_precision": precision,
    }
    return {
        "n": len(y),
        "classes": list(names),
        **{key: dict(zip(names, each.tolist(), strict=True)) for key, each in by_class.items()},
        **_scores(y, scores),
        "confusion_matrix": matrix.tolist(),
    }


def _scores(y: m.Ints, scores: m.Floats) -> dict[str, float]:
    return {
        "macro_ovr_auc": m.roc_auc(y, scores, "ovr"),
        "macro_ovo_auc": m.roc_auc(y, scores, "ovo"),
        "accuracy": m.accuracy(y, scores),
        "log_loss": m.log_loss(y, scores),
        "ece": expected_calibration_error(y, scores),
    }


def _calibrated(outcome: Outcome) -> dict[str, float] | None:
    """Scores of the probabilities under the temperature; None where that is 1."""
    if outcome.temperature == 1:
        return None
    scores = _scores(outcome.labels, outcome.logits / outcome.temperature)
    calibrated = {key: scores[key] for key in ("log_loss", "ece")}
    return {"temperature": outcome.temperature} | calibrated


def _intervals(outcome: Outcome, seed: int, n_resamples: int) -> dict[str, Any] | None:
    """95 % intervals of the AUCs and of the accuracy; the bootstrap correlates the classes."""
    y, k, n = outcome.labels, len(outcome.names), len(outcome.labels)
    if 1 in (counts := np.bincount(y, minlength=k)):
        return None
    odds = m.log_odds(outcome.logits)
    # each AUC: its class, its rows; of two classes the macro AUCs are the one AUC
    terms = [(a, np.arange(n)) for a in range(k)]
    terms += [] if k == 2 else list(m.class_pairs(y, k))

    def aucs(weights: m.Floats) -> m.Floats:
        return np.stack(
            [m.weighted_auc(y[r] == a, odds[r, a], weights[:, r]) for a, r in terms], axis=1
        )

    resamples = bootstrap(aucs, y, n_resamples=n_resamples, seed=seed)
    values = aucs(np.ones((1, n)))[0]
    positives = np.array([counts[a] for a, _ in terms])
    bounds = auc_interval(values, positives, np.array([len(r) for _, r in terms]) - positives)

    def mean(part: slice) -> list[float] | None:
        weights = np.full(len(values[part]), 1 / len(values[part]))
        limits = sum_interval(weights, values[part], bounds[part], resamples[:, part])
        return pair_or_none(limits)

    ovr, ovo = (slice(1, 2),) * 2 if k == 2 else (slice(k), slice(k, None))
    return {
        "macro_ovr_auc": mean(ovr),
        "macro_ovo_auc": mean(ovo),
        "accuracy": pair_or_none(wilson_interval((outcome.predicted == y).sum(), n)),
        "per_class_auc": {name: pair_or_none(bounds[i]) for i, name in enumerate(outcome.names)},
    }


def _shortcut_metrics(result: ShortcutResult, outcome: Outcome) -> dict[str, Any]:
    scores: dict[str, Any] = dict.fromkeys((column.key for column in panels.COLUMNS), float("nan"))
    if result.scores is not None:
        scores |= _scores(outcome.labels[result.rows], result.scores)
    facts = {"n": len(result.rows), "folds": result.folds, "seed": result.seed}
    by_class = dict(zip(outcome.names, result.per_class_auc.tolist(), strict=True))
    return {**facts, "reason": result.reason, "per_class_auc": by_class, **scores}
