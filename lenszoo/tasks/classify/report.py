"""The report on a classifier: every number from its logits, beside the shortcut baseline.

This file computes; ``classification_view`` puts the numbers into words, tables and figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_curve

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as m
from lenszoo.metrics.intervals import auc_interval, sum_interval, wilson_interval
from lenszoo.metrics.shortcut import ShortcutResult, shortcut_baseline
from lenszoo.reporting import plots
from lenszoo.reporting.report import Figure, Report
from lenszoo.reporting.saliency import saliency
from lenszoo.tasks.classify import panels as view

N_MISTAKES = 12
N_EXAMPLES = 4  # a class
_CURVE_POINTS = 200  # a class, in report.json

History = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]


class ClassificationReport(Report):
    """The report of :func:`classification_report`; see :class:`lenszoo.reporting.report.Report`.

    ``metrics`` holds ``n``, ``classes``, ``class_counts``, ``macro_ovr_auc``, ``macro_ovo_auc``,
    ``per_class_auc``, ``per_class_recall``, ``per_class_precision``, ``accuracy``, ``log_loss``,
    ``ece``, ``confusion_matrix``, ``intervals`` (the same names, [low, high]), ``shortcut`` (the
    same names, with ``n``, ``folds``, ``seed`` and ``reason``) and, with test-time augmentation,
    ``tta`` (the scores of eight looks). What is undefined is None.
    """

    kind: ClassVar[str] = "classification"


def classification_report(
    labels: ArrayLike,
    logits: ArrayLike,
    class_names: Sequence[str],
    *,
    images: ArrayLike | None = None,
    model: Any = None,
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
            where it looked (:mod:`lenszoo.reporting.saliency`).
        tta: logits of the same samples averaged over turns and flips
            (:func:`lenszoo.evaluation.tta_logits`), to be scored beside the plain ones.
        ids: N names of the samples; row numbers when absent.
        history: the training history, columns or rows (as read from ``history.csv``).
        title: heading of the report.
        provenance: model, weights and their sha256, recipe, data, seed, backend ...
        shortcut: a baseline computed before (as for images that do not fit into memory).
        seed: of the bootstrap and of the baseline.
        n_resamples: bootstrap resamples, stratified by class.

    Raises:
        LenszooError: lengths, labels or class names that do not fit together, or logits that are
            not finite (with the first ids).
    """
    outcome = _outcome(labels, logits, class_names, ids)
    y, scores, names = outcome.labels, outcome.logits, outcome.names
    stack = None if images is None else np.asanyarray(images)
    if stack is not None and len(stack) != len(y):
        raise LenszooError(f"There are {len(stack)} images but {len(y)} labels.")
    if shortcut is None and stack is not None:
        shortcut = shortcut_baseline(stack, y, len(names), seed=seed)

    notes: list[str] = []
    values = _metrics(y, scores, names)
    values["intervals"] = _intervals(y, scores, names, seed, n_resamples, notes)
    values["shortcut"] = _shortcut_metrics(shortcut, y, names, notes)
    _note_undefined(values, notes)
    if tta is not None:
        values["tta"] = _scores(y, _outcome(labels, tta, class_names, ids).logits)
    bins = m.calibration_bins(y, scores)
    curves, base = _curves(y, scores, names), []
    if shortcut is not None and shortcut.scores is not None:
        base = _curves(y[shortcut.rows], shortcut.scores, names)
    mistakes = _most_confident(outcome, outcome.predicted != y, N_MISTAKES)
    columns = read_history(history)

    figures = [view.roc(curves, base)] if curves else []
    figures += [view.confusion(values), view.reliability(bins)]
    figures += _galleries(outcome, mistakes, stack, model)
    if plots.group_history(columns):
        figures.append(view.history(columns))
    return ClassificationReport(
        title=title or "Classification report",
        metrics=values,
        summary=view.summary(values),
        cards=view.cards(values),
        tables=[
            view.overview(values),
            *([view.looks(values)] if tta is not None else ()),
            view.per_class(values),
            *([view.mistakes_table(outcome, mistakes)] if mistakes and stack is None else ()),
        ],
        figures=figures,
        notes=notes,
        details={
            "roc": {curve.name: thinned(curve) for curve in curves},
            "calibration": bins._asdict(),
            "mistakes": [outcome.describe(i) for i in mistakes],
            "history": columns,
        },
        provenance={
            **(provenance or {}),
            "evaluation": {"seed": seed, "bootstrap_resamples": n_resamples},
        },
    )


def read_history(history: History | None) -> dict[str, list[float]]:
    """A training history as columns of floats, NaN where a cell is empty; text columns left out."""
    if history is None or len(history) == 0:
        return {}
    if isinstance(history, Mapping):
        columns = {str(name): list(values) for name, values in history.items()}
    else:
        names = dict.fromkeys(name for row in history for name in row)
        columns = {str(name): [row.get(name) for row in history] for name in names}
    result = {}
    for name, cells in columns.items():
        try:
            result[name] = [float("nan") if c is None or c == "" else float(c) for c in cells]
        except (TypeError, ValueError):
            continue
    length = max(map(len, result.values()), default=0)
    return {name: cells for name, cells in result.items() if len(cells) == length > 0}


def _outcome(
    labels: ArrayLike,
    logits: ArrayLike,
    class_names: Sequence[str],
    ids: Sequence[object] | None,
) -> view.Outcome:
    """Check that everything fits together."""
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
    return view.Outcome(
        labels=y,
        logits=scores,
        names=names,
        ids=keys,
        predicted=predicted,
        probability=np.exp(m.log_softmax(scores)[rows, predicted]),
        confidence=m.log_odds(scores)[rows, predicted],
    )


def _metrics(y: m.Ints, scores: m.Floats, names: Sequence[str]) -> dict[str, Any]:
    matrix = m.confusion_matrix(y, scores)
    right, true, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore"):
        recall, precision = right / true, right / predicted

    def by_class(values: m.Floats | m.Ints) -> dict[str, Any]:
        return dict(zip(names, values.tolist(), strict=True))

    return {
        "n": len(y),
        "classes": list(names),
        "class_counts": by_class(true),
        **_scores(y, scores),
        "per_class_auc": by_class(m.per_class_auc(y, scores)),
        "per_class_recall": by_class(recall),
        "per_class_precision": by_class(precision),
        "confusion_matrix": matrix.tolist(),
    }


def _scores(y: m.Ints, scores: m.Floats) -> dict[str, float]:
    return {
        "macro_ovr_auc": m.roc_auc(y, scores, "ovr"),
        "macro_ovo_auc": m.roc_auc(y, scores, "ovo"),
        "accuracy": m.accuracy(y, scores),
        "log_loss": m.log_loss(y, scores),
        "ece": m.expected_calibration_error(y, scores),
    }


def _intervals(
    y: m.Ints,
    scores: m.Floats,
    names: Sequence[str],
    seed: int,
    n_resamples: int,
    notes: list[str],
) -> dict[str, Any] | None:
    """95 % intervals of the AUCs and of the accuracy; the bootstrap correlates the classes."""
    counts = np.bincount(y, minlength=len(names))
    single = [name for name, count in zip(names, counts, strict=True) if count == 1]
    if single:
        notes.append(f"No intervals: class {single[0]!r} has a single image.")
        return None
    odds, n = m.log_odds(scores), len(y)
    # each AUC: the class, the rows, and how many of them are of the class
    each = [(k, np.arange(n), counts[k]) for k in range(len(names))]
    pairs = [(a, rows, counts[a]) for a, rows in m.class_pairs(y, len(names))]
    terms = each if len(names) == 2 else [*each, *pairs]

    def aucs(weights: m.Floats) -> m.Floats:
        return np.stack(
            [m.weighted_auc(y[r] == k, odds[r, k], weights[:, r]) for k, r, _ in terms], axis=1
        )

    resamples = m.bootstrap(aucs, y, n_resamples=n_resamples, seed=seed)
    values = aucs(np.ones((1, n)))[0]
    positives = np.array([count for *_, count in terms])
    negatives = np.array([len(rows) for _, rows, _ in terms]) - positives
    bounds = auc_interval(values, positives, negatives)

    def mean(part: slice) -> list[float] | None:
        k = len(values[part])
        limits = sum_interval(np.full(k, 1 / k), values[part], bounds[part], resamples[:, part])
        return pair_or_none(limits)

    ovr = pair_or_none(bounds[1]) if len(names) == 2 else mean(slice(len(names)))
    return {
        "macro_ovr_auc": ovr,
        "macro_ovo_auc": ovr if len(names) == 2 else mean(slice(len(names), None)),
        "accuracy": pair_or_none(wilson_interval((scores.argmax(axis=1) == y).sum(), n)),
        "per_class_auc": {name: pair_or_none(bounds[k]) for k, name in enumerate(names)},
    }


def pair_or_none(bounds: m.Floats) -> list[float] | None:
    """An interval as two numbers, None where it is not finite."""
    return bounds.tolist() if np.isfinite(bounds).all() else None


def _shortcut_metrics(
    result: ShortcutResult | None, y: m.Ints, names: Sequence[str], notes: list[str]
) -> dict[str, Any] | None:
    if result is None:
        notes.append("No shortcut baseline: the images were not given to the report.")
        return None
    if result.reason:
        notes.append(f"No shortcut baseline: {result.reason}.")
    elif len(result.rows) < result.total:
        used = f"{len(result.rows):,} of {result.total:,}"
        notes.append(f"The shortcut baseline uses {used} images, drawn with seed {result.seed}.")
    values: dict[str, Any] = {
        "n": len(result.rows),
        "folds": result.folds,
        "seed": result.seed,
        "reason": result.reason,
        "macro_ovr_auc": result.macro_ovr_auc,
        "macro_ovo_auc": result.macro_ovo_auc,
        "per_class_auc": dict(zip(names, result.per_class_auc.tolist(), strict=True)),
        "accuracy": result.accuracy,
        "log_loss": None,
        "ece": None,
    }
    if result.scores is not None:
        values["log_loss"] = m.log_loss(y[result.rows], result.scores)
        values["ece"] = m.expected_calibration_error(y[result.rows], result.scores)
    return values


def _note_undefined(values: Mapping[str, Any], notes: list[str]) -> None:
    absent = [name for name, count in values["class_counts"].items() if count == 0]
    present = [name for name in values["classes"] if name not in absent]
    if len(present) == 1:
        notes.append(f"Every AUC is undefined (null): all images are of class {present[0]!r}.")
    elif absent:
        listed = ", ".join(map(repr, absent[:6]))
        notes.append(
            f"The AUC of {listed} and the macro AUCs are undefined (null): no image has this label."
        )


def _curves(y: m.Ints, scores: m.Floats, names: Sequence[str]) -> list[plots.Curve]:
    """One-vs-rest ROC curves; only that of class 1 for two classes, none where it is undefined."""
    odds, curves = m.log_odds(scores), []
    for k, name in enumerate(names):
        positive = y == k
        if (len(names) == 2 and k == 0) or positive.all() or not positive.any():
            continue
        false, true, _ = roc_curve(positive, odds[:, k])
        curves.append(plots.Curve(name, false, true, float(np.trapezoid(true, false))))
    return curves


def thinned(curve: plots.Curve) -> dict[str, Any]:
    """At most 200 points of a ROC curve, densest where false positives are few."""
    last = len(curve.false_positive_rate) - 1
    keep = np.unique(np.round(np.geomspace(1, last + 1, _CURVE_POINTS)).astype(int) - 1)
    return {"fpr": curve.false_positive_rate[keep], "tpr": curve.true_positive_rate[keep]}


def _most_confident(outcome: view.Outcome, among: ArrayLike, count: int) -> list[int]:
    """Rows with the most confident answers, by log-odds: saturated probabilities would tie."""
    rows = np.flatnonzero(among)
    order = np.argsort(-outcome.confidence[rows], kind="stable")
    return [int(i) for i in rows[order][:count]]


def _galleries(outcome: view.Outcome, mistakes: list[int], images: Any, model: Any) -> list[Figure]:
    """The most confident mistakes, what the model is right and sure about, and where it looked."""
    if images is None:
        return []
    right: list[int] = []
    for k in range(min(len(outcome.names), 6)):
        found = (outcome.labels == k) & (outcome.predicted == k)
        right += _most_confident(outcome, found, N_EXAMPLES)
    figures = []
    if mistakes:
        figures.append(view.mistakes_gallery(outcome, mistakes, images))
    if right:
        figures.append(view.examples_gallery(outcome, right, images))
        evidence = None if model is None else _evidence(model, outcome, right, images)
        if evidence is not None:
            figures.append(view.evidence_gallery(outcome, right, images, evidence))
    return figures


def _evidence(model: Any, outcome: view.Outcome, rows: list[int], images: Any) -> Any:
    """Where the model looked in these images; None for a network that no method fits."""
    try:
        return saliency(model, np.stack([images[i] for i in rows]), outcome.predicted[rows])
    except LenszooError:
        return None
