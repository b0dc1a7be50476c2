"""Panels of the classification report: its sentences, tables and figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as m
from lenszoo.metrics.calibration import CalibrationBins
from lenszoo.metrics.shortcut import ShortcutResult
from lenszoo.reporting import panels
from lenszoo.reporting.panels import Column, Curve, Row
from lenszoo.reporting.report import Card, Figure, Table
from lenszoo.reporting.saliency import saliency
from lenszoo.reporting.text import counted, interval, number, percent, probability
from lenszoo.tasks.classify.outcome import Outcome

N_EXAMPLES = 4  # a class
COLUMNS = (
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


def notes(values: Mapping[str, Any], shortcut: ShortcutResult | None) -> list[str]:
    """Reservations about the numbers."""
    lines = []
    counts = values["class_counts"]
    single = [name for name, count in counts.items() if count == 1]
    if single:
        lines.append(f"No intervals: class {single[0]!r} has a single image.")
    if shortcut is None:
        lines.append("No shortcut baseline: the images were not given to the report.")
    elif shortcut.reason:
        lines.append(f"No shortcut baseline: {shortcut.reason}.")
    elif len(shortcut.rows) < shortcut.total:
        used = f"{len(shortcut.rows):,} of {shortcut.total:,}"
        lines.append(f"The shortcut baseline uses {used} images, drawn with seed {shortcut.seed}.")
    absent = [name for name, count in counts.items() if count == 0]
    present = [name for name in counts if name not in absent]
    if len(present) == 1:
        lines.append(f"Every AUC is undefined (null): all images are of class {present[0]!r}.")
    elif absent:
        names = ", ".join(map(repr, absent[:6]))
        lines.append(
            f"The AUC of {names} and the macro AUCs are undefined (null): no image has this label."
        )
    return lines


def summary(values: Mapping[str, Any]) -> str:
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


def cards(values: Mapping[str, Any]) -> list[Card]:
    """The headline numbers."""
    bounds, base = values["intervals"] or {}, values["shortcut"] or {}
    auc = "AUC" if len(values["classes"]) == 2 else "Macro AUC, OVR"
    calibrated = values["calibrated"] or values
    before = f"; {number(values['ece'], 3)} uncalibrated" if values["calibrated"] else ""
    return [
        panels.score_card(auc, values["macro_ovr_auc"], bounds.get("macro_ovr_auc"), COLUMNS[0]),
        panels.score_card("Accuracy", values["accuracy"], bounds.get("accuracy"), _PERCENT),
        Card("Log loss", number(calibrated["log_loss"], 3), "nats an image"),
        Card("Calibration error", number(calibrated["ece"], 3), f"expected, 15 bins{before}"),
        Card("Shortcut baseline", number(base.get("macro_ovr_auc")), "AUC to beat"),
    ]


def tables(values: Mapping[str, Any], outcome: Outcome, mistakes: Sequence[int]) -> list[Table]:
    """Scores, also with test-time augmentation and by class, and mistakes where there are any."""
    names, columns = values["classes"], list(COLUMNS)
    note = "OVR: each class against the rest; OVO: each pair of classes. Ranked on logits."
    if len(names) == 2:
        columns = [Column("macro_ovr_auc", "AUC"), *COLUMNS[2:]]
        note = f"The AUC is that of class {names[1]!r}, ranked on logits."
    bounds = values["intervals"] or {}
    base = values["shortcut"] or dict.fromkeys(column.key for column in columns)
    rows = [Row("this model", values, bounds), Row("shortcut baseline", base)]
    if calibrated := values["calibrated"]:
        name = f"at temperature {calibrated['temperature']:.3g}"
        rows.insert(1, Row(name, values | calibrated))
    shown = [panels.scores_table("Scores", columns, rows, note + _SHORTCUT_NOTE)]
    if "tta" in values:
        rows = [Row("one look", values), Row("eight looks", values["tta"])]
        note = "Eight looks: the mean logits over the quarter turns and flips of each image."
        shown.append(panels.scores_table("Test-time augmentation", columns, rows, note))
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
    shown.append(Table("By class", heads, cells, "AUC of each class against the rest."))
    if mistakes:
        cells = [
            [x["id"], x["true"], x["predicted"], probability(x["probability"])]
            for x in map(outcome.describe, mistakes)
        ]
        heads = ["image", "true", "predicted", "probability"]
        shown.append(Table("Most confident mistakes", heads, cells, text=True))
    return shown


def roc(curves: Sequence[Curve], baselines: Sequence[Curve]) -> Figure:
    """ROC curves of the classes, with those of the shortcut baseline."""
    caption = (
        "Each class against the rest. Dotted: the shortcut baseline, in the same colour, where it "
        "is known."
    )
    return panels.roc_panel(curves, baselines, caption)


def reliability(bins: CalibrationBins) -> Figure:
    """Reliability diagram of the probability of the predicted class."""
    caption = "Above the line the model is too modest, below it too sure. Bars: one standard error."
    return panels.reliability_panel(bins, caption)


def roc_curves(y: m.Ints, scores: m.Floats, names: Sequence[str]) -> list[Curve]:
    """One-vs-rest ROC curves; only that of class 1 for two classes, none where it is undefined."""
    odds, curves = m.log_odds(scores), []
    for k, name in enumerate(names):
        positive = y == k
        if (len(names) == 2 and k == 0) or positive.all() or not positive.any():
            continue
        false, true, _ = roc_curve(positive, odds[:, k])
        curves.append(Curve(name, false, true, float(np.trapezoid(true, false))))
    return curves


def galleries(outcome: Outcome, mistakes: list[int], images: Any, model: Any) -> list[Figure]:
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
