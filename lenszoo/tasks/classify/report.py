"""Classification report: scores from logits beside the shortcut baseline, as a list of panels."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_curve

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as m
from lenszoo.metrics.intervals import auc_interval, pair_or_none, sum_interval, wilson_interval
from lenszoo.metrics.shortcut import ShortcutResult, shortcut_baseline
from lenszoo.reporting import panels
from lenszoo.reporting.panels import Column, Curve, History, Row
from lenszoo.reporting.report import Card, Figure, Report, Table
from lenszoo.reporting.saliency import saliency
from lenszoo.reporting.text import counted, interval, number, percent, probability

N_MISTAKES = 12
N_EXAMPLES = 4  # a class
_COLUMNS = (
    Column("macro_ovr_auc", "macro AUC, OVR"),
    Column("macro_ovo_auc", "macro AUC, OVO"),
    Column("accuracy", "accuracy"),
    Column("log_loss", "log loss"),
    Column("ece", "calibration error"),
)
_PERCENT = Column("accuracy", "accuracy", ".1%", ".1%")
_SHORTCUT_NOTE = (
    " The shortcut baseline is a cross-validated logistic regression on global statistics of the"
    " image (brightness, quantiles, radial profile, shape): the score without any structure seen."
)
_ROC_CAPTION = (
    "Each class against the rest. Dotted: the shortcut baseline, in the same colour, where it is "
    "known."
)
# title, lines below each image, caption
_GALLERIES = {
    "mistakes": (
        "Most confident mistakes",
        "predicted {predicted}  {p}\ntrue {true}\n{id}",
        "Below each image: predicted class and probability, true class, name. "
        "Brightness is stretched (asinh) to show faint arcs.",
    ),
    "examples": (
        "Right and most confident",
        "{predicted}  {p}\n{id}",
        "Up to four of each class: class and probability, name.",
    ),
    "evidence": (
        "Evidence for the predicted class",
        "{predicted}\n{id}",
        "The same images. Contours at 50 and 80 % of the strongest evidence: Grad-CAM, or "
        "attention rollout of a transformer whose class token answers.",
    ),
}


class ClassificationReport(Report):
    """The report of :func:`classification_report`; see :class:`lenszoo.reporting.report.Report`.

    ``metrics`` holds ``n``, ``classes``, ``class_counts``, ``macro_ovr_auc``, ``macro_ovo_auc``,
    ``per_class_auc``, ``per_class_recall``, ``per_class_precision``, ``accuracy``, ``log_loss``,
    ``ece``, ``confusion_matrix``, ``intervals`` (the same names, [low, high]), ``shortcut`` (the
    same names, with ``n``, ``folds``, ``seed`` and ``reason``) and, with test-time augmentation,
    ``tta`` (the scores of eight looks). Undefined scores are None.

    Example:
        >>> import numpy as np
        >>> from lenszoo.evaluation import classification_report
        >>> labels = np.arange(40) % 2
        >>> noise = np.random.default_rng(0).normal(size=(40, 2))
        >>> logits = np.stack([-labels, labels], axis=1) + noise
        >>> report = classification_report(labels, logits, ["no", "sub"])
        >>> report.metrics["macro_ovr_auc"] > 0.8
        True
    """

    kind: ClassVar[str] = "classification"


class Outcome(NamedTuple):
    """Checked labels and answers of N samples."""

    labels: m.Ints  # (N,)
    logits: m.Floats  # (N, K)
    names: Sequence[str]  # of the K classes
    ids: Sequence[str]  # of the N samples
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
            saliency maps (:mod:`lenszoo.reporting.saliency`).
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
    outcome = _outcome(labels, logits, class_names, ids)
    y, names = outcome.labels, outcome.names
    stack = None if images is None else np.asanyarray(images)
    if stack is not None and len(stack) != len(y):
        raise LenszooError(f"There are {len(stack)} images but {len(y)} labels.")
    if shortcut is None and stack is not None:
        shortcut = shortcut_baseline(stack, y, len(names), seed=seed)

    values = _metrics(outcome)
    values["intervals"] = _intervals(outcome, seed, n_resamples)
    values["shortcut"] = None if shortcut is None else _shortcut_metrics(shortcut, outcome)
    if tta is not None:
        values["tta"] = _scores(y, _outcome(labels, tta, class_names, ids).logits)
    bins = m.calibration_bins(y, outcome.logits)
    curves, baselines = _curves(y, outcome.logits, names), []
    if shortcut is not None and shortcut.scores is not None:
        baselines = _curves(y[shortcut.rows], shortcut.scores, names)
    mistakes = outcome.most_confident(outcome.predicted != y, N_MISTAKES)
    columns = panels.read_history(history)
    return ClassificationReport(
        title=title or "Classification report",
        metrics=values,
        summary=_summary(values),
        cards=_cards(values),
        tables=_tables(values, outcome, mistakes if stack is None else []),
        figures=[
            *([panels.roc_panel(curves, baselines, _ROC_CAPTION)] if curves else []),
            panels.confusion_panel(values["confusion_matrix"], names),
            panels.reliability_panel(
                bins,
                "Above the line the model is too modest, below it too sure. "
                "Bars: one standard error.",
            ),
            *([] if stack is None else _galleries(outcome, mistakes, stack, model)),
            *panels.history_panels(columns),
        ],
        notes=_notes(values, shortcut),
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


def _outcome(
    labels: ArrayLike,
    logits: ArrayLike,
    class_names: Sequence[str],
    ids: Sequence[object] | None,
) -> Outcome:
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
    chance = np.exp(m.log_softmax(scores)[rows, predicted])
    confidence = m.log_odds(scores)[rows, predicted]
    return Outcome(y, scores, names, keys, predicted, chance, confidence)


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
        "ece": m.expected_calibration_error(y, scores),
    }


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

    resamples = m.bootstrap(aucs, y, n_resamples=n_resamples, seed=seed)
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
    scores: dict[str, Any] = dict.fromkeys((column.key for column in _COLUMNS), float("nan"))
    if result.scores is not None:
        scores |= _scores(outcome.labels[result.rows], result.scores)
    facts = {"n": len(result.rows), "folds": result.folds, "seed": result.seed}
    by_class = dict(zip(outcome.names, result.per_class_auc.tolist(), strict=True))
    return {**facts, "reason": result.reason, "per_class_auc": by_class, **scores}


def _notes(values: Mapping[str, Any], shortcut: ShortcutResult | None) -> list[str]:
    notes = []
    counts = values["class_counts"]
    single = [name for name, count in counts.items() if count == 1]
    if single:
        notes.append(f"No intervals: class {single[0]!r} has a single image.")
    if shortcut is None:
        notes.append("No shortcut baseline: the images were not given to the report.")
    elif shortcut.reason:
        notes.append(f"No shortcut baseline: {shortcut.reason}.")
    elif len(shortcut.rows) < shortcut.total:
        used = f"{len(shortcut.rows):,} of {shortcut.total:,}"
        notes.append(f"The shortcut baseline uses {used} images, drawn with seed {shortcut.seed}.")
    absent = [name for name, count in counts.items() if count == 0]
    present = [name for name in counts if name not in absent]
    if len(present) == 1:
        notes.append(f"Every AUC is undefined (null): all images are of class {present[0]!r}.")
    elif absent:
        names = ", ".join(map(repr, absent[:6]))
        notes.append(
            f"The AUC of {names} and the macro AUCs are undefined (null): no image has this label."
        )
    return notes


def _summary(values: Mapping[str, Any]) -> str:
    """One sentence on the scores and the share of them that the baseline reaches."""
    name = "AUC" if len(values["classes"]) == 2 else "macro AUC"
    auc, bounds = values["macro_ovr_auc"], (values["intervals"] or {}).get("macro_ovr_auc")
    text = f"On {counted(values['n'], 'image')} the accuracy is {percent(values['accuracy'])}"
    if not np.isfinite(auc):
        return f"{text}; the {name} is undefined."
    text += f" and the {name} {number(auc)}" + (f" ({interval(bounds, 3)})" if bounds else "")
    base = (values["shortcut"] or {}).get("macro_ovr_auc", float("nan"))
    if not np.isfinite(base):
        return f"{text}."
    text += f"; global image statistics alone reach an AUC of {number(base)}"
    if (bounds[0] if bounds else auc) <= base:
        return f"{text}, and the model is not clearly above that."
    if base >= 0.9:
        return f"{text}, so these data are nearly solved without seeing any structure."
    return f"{text}."


def _cards(values: Mapping[str, Any]) -> list[Card]:
    bounds, base = values["intervals"] or {}, values["shortcut"] or {}
    auc = "AUC" if len(values["classes"]) == 2 else "Macro AUC, OVR"
    return [
        panels.score_card(auc, values["macro_ovr_auc"], bounds.get("macro_ovr_auc"), _COLUMNS[0]),
        panels.score_card("Accuracy", values["accuracy"], bounds.get("accuracy"), _PERCENT),
        Card("Log loss", number(values["log_loss"], 3), "nats an image"),
        Card("Calibration error", number(values["ece"], 3), "expected, 15 bins"),
        Card("Shortcut baseline", number(base.get("macro_ovr_auc")), "AUC to beat"),
    ]


def _tables(values: Mapping[str, Any], outcome: Outcome, mistakes: Sequence[int]) -> list[Table]:
    names, columns = values["classes"], list(_COLUMNS)
    note = "OVR: each class against the rest; OVO: each pair of classes. Ranked on logits."
    if len(names) == 2:
        columns = [Column("macro_ovr_auc", "AUC"), *_COLUMNS[2:]]
        note = f"The AUC is that of class {names[1]!r}, ranked on logits."
    bounds = values["intervals"] or {}
    base = values["shortcut"] or dict.fromkeys(column.key for column in columns)
    rows = [Row("this model", values, bounds), Row("shortcut baseline", base)]
    tables = [panels.scores_table("Scores", columns, rows, note + _SHORTCUT_NOTE)]
    if "tta" in values:
        rows = [Row("one look", values), Row("eight looks", values["tta"])]
        note = "Eight looks: the mean logits over the quarter turns and flips of each image."
        tables.append(panels.scores_table("Test-time augmentation", columns, rows, note))
    per_class, per_base = bounds.get("per_class_auc", {}), base.get("per_class_auc") or {}
    cells = [
        [
            name,
            f"{values['class_counts'][name]:,}",
            number(values["per_class_auc"][name]),
            interval(per_class.get(name), 3),
            number(per_base.get(name)),
            number(values["per_class_recall"][name]),
            number(values["per_class_precision"][name]),
        ]
        for name in names
    ]
    heads = ["class", "images", "AUC", "95 % interval", "shortcut AUC", "recall", "precision"]
    tables.append(Table("By class", heads, cells, "AUC of each class against the rest."))
    if mistakes:
        cells = [
            [x["id"], x["true"], x["predicted"], probability(x["probability"])]
            for x in map(outcome.describe, mistakes)
        ]
        heads = ["image", "true", "predicted", "probability"]
        tables.append(Table("Most confident mistakes", heads, cells, text=True))
    return tables


def _curves(y: m.Ints, scores: m.Floats, names: Sequence[str]) -> list[Curve]:
    """One-vs-rest ROC curves; only that of class 1 for two classes, none where it is undefined."""
    odds, curves = m.log_odds(scores), []
    for k, name in enumerate(names):
        positive = y == k
        if (len(names) == 2 and k == 0) or positive.all() or not positive.any():
            continue
        false, true, _ = roc_curve(positive, odds[:, k])
        curves.append(Curve(name, false, true, float(np.trapezoid(true, false))))
    return curves


def _galleries(outcome: Outcome, mistakes: list[int], images: Any, model: Any) -> list[Figure]:
    """The most confident mistakes and right answers, and the evidence for the latter."""
    right: list[int] = []
    for k in range(min(len(outcome.names), 6)):
        hits = (outcome.labels == k) & (outcome.predicted == k)
        right += outcome.most_confident(hits, N_EXAMPLES)
    evidence = None if model is None or not right else _evidence(model, outcome, right, images)
    figures = []
    for name, (title, form, caption) in _GALLERIES.items():
        rows = mistakes if name == "mistakes" else right
        if not rows or (name == "evidence" and evidence is None):
            continue
        described = [{**x, "p": probability(x["probability"])} for x in map(outcome.describe, rows)]
        lines = [form.format(**x).split("\n") for x in described]
        pictures = [np.asarray(images[row]) for row in rows]
        maps = evidence if name == "evidence" else None
        figures.append(panels.gallery_panel(name, title, caption, pictures, lines, evidence=maps))
    return figures


def _evidence(model: Any, outcome: Outcome, rows: list[int], images: Any) -> Any:
    """Saliency maps of these images; None for a network that no method fits."""
    try:
        return saliency(model, np.stack([images[i] for i in rows]), outcome.predicted[rows])
    except LenszooError:
        return None
