"""How the classification report reads: its sentences, tables and figures."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lenszoo.metrics.classification import CalibrationBins, Floats, Ints
from lenszoo.reporting import plots
from lenszoo.reporting.report import Card, Figure, Table, interval, number


class Outcome(NamedTuple):
    """Checked labels and answers of N samples."""

    labels: Ints  # (N,)
    logits: Floats  # (N, K)
    names: Sequence[str]  # of the K classes
    ids: Sequence[str]  # of the N samples
    predicted: Ints  # (N,)
    probability: Floats  # (N,) of the predicted class
    confidence: Floats  # (N,) log-odds of the predicted class

    def describe(self, row: int) -> dict[str, Any]:
        """One sample as report.json lists it."""
        return {
            "row": row,
            "id": self.ids[row],
            "true": self.names[self.labels[row]],
            "predicted": self.names[self.predicted[row]],
            "probability": float(self.probability[row]),
        }


def _probability(value: float) -> str:
    return "> 0.999" if value > 0.9995 else f"{value:.3f}"


def overview(values: Mapping[str, Any]) -> Table:
    """The table of the scores: the model, its intervals, the shortcut baseline."""
    keys, columns = _score_columns(values)
    note = "OVR: each class against the rest; OVO: each pair of classes. Ranked on logits."
    if len(values["classes"]) == 2:
        note = f"The AUC is that of class {values['classes'][1]!r}, ranked on logits."
    bounds, base = values["intervals"] or {}, values["shortcut"] or {}
    rows = [["this model", *(number(values[key]) for key in keys)]]
    if bounds:
        rows.append(["  95 % interval", *(interval(bounds.get(key), 3) for key in keys)])
    rows.append(["shortcut baseline", *(number(base.get(key)) for key in keys)])
    note += (
        " The shortcut baseline is a cross-validated logistic regression on global statistics of"
        " the image (brightness, quantiles, radial profile, shape): what can be had without"
        " seeing any structure."
    )
    return Table("Scores", ["", *columns], rows, note)


def looks(values: Mapping[str, Any]) -> Table:
    """The table of the scores without and with test-time augmentation."""
    keys, columns = _score_columns(values)
    rows = [
        [name, *(number(scores[key]) for key in keys)]
        for name, scores in (("one look", values), ("eight looks", values["tta"]))
    ]
    note = "Eight looks: the mean log-softmax over the quarter turns and flips of each image."
    return Table("Test-time augmentation", ["", *columns], rows, note)


def _score_columns(values: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Keys and headings of the scores; of two classes both macro AUCs are the one AUC."""
    keys = ["macro_ovr_auc", "macro_ovo_auc", "accuracy", "log_loss", "ece"]
    columns = ["macro AUC, OVR", "macro AUC, OVO", "accuracy", "log loss", "calibration error"]
    if len(values["classes"]) == 2:
        return keys[1:], ["AUC", *columns[2:]]
    return keys, columns


def per_class(values: Mapping[str, Any]) -> Table:
    """The table with one row a class."""
    bounds = (values["intervals"] or {}).get("per_class_auc", {})
    base = (values["shortcut"] or {}).get("per_class_auc", {})
    rows = [
        [
            name,
            f"{values['class_counts'][name]:,}",
            number(values["per_class_auc"][name]),
            interval(bounds.get(name), 3),
            number(base.get(name)),
            number(values["per_class_recall"][name]),
            number(values["per_class_precision"][name]),
        ]
        for name in values["classes"]
    ]
    columns = ["class", "images", "AUC", "95 % interval", "shortcut AUC", "recall", "precision"]
    return Table("By class", columns, rows, "AUC of each class against the rest.")


def mistakes_table(outcome: Outcome, rows: Sequence[int]) -> Table:
    """The most confident mistakes by name, for a report without images."""
    cells = [
        [x["id"], x["true"], x["predicted"], _probability(x["probability"])]
        for x in map(outcome.describe, rows)
    ]
    columns = ["image", "true", "predicted", "probability"]
    return Table("Most confident mistakes", columns, cells, text=True)


def summary(values: Mapping[str, Any]) -> str:
    """One sentence on how good the model is, and what of it the baseline has already."""
    name = "AUC" if len(values["classes"]) == 2 else "macro AUC"
    auc, bounds = values["macro_ovr_auc"], (values["intervals"] or {}).get("macro_ovr_auc")
    images = "1 image" if values["n"] == 1 else f"{values['n']:,} images"
    scored = f"On {images} the accuracy is {100 * values['accuracy']:.1f} %"
    if not np.isfinite(auc):
        return f"{scored}; the {name} is undefined."
    scored += f" and the {name} {number(auc)}" + (f" ({interval(bounds, 3)})" if bounds else "")
    base = (values["shortcut"] or {}).get("macro_ovr_auc", float("nan"))
    if not np.isfinite(base):
        return f"{scored}."
    scored += f"; global image statistics alone reach an AUC of {number(base)}"
    if (bounds[0] if bounds else auc) <= base:
        return f"{scored}, and the model is not clearly above that."
    if base >= 0.9:
        return f"{scored}, so these data are nearly solved without seeing any structure."
    return f"{scored}."


def cards(values: Mapping[str, Any]) -> list[Card]:
    """The headline numbers."""
    bounds, base = values["intervals"] or {}, values["shortcut"] or {}
    auc, right = bounds.get("macro_ovr_auc"), bounds.get("accuracy")
    return [
        Card(
            "AUC" if len(values["classes"]) == 2 else "Macro AUC, OVR",
            number(values["macro_ovr_auc"]),
            f"95 %: {interval(auc, 3)}" if auc else "no interval",
        ),
        Card(
            "Accuracy",
            f"{100 * values['accuracy']:.1f} %",
            f"95 %: {interval([100 * x for x in right], 1)} %" if right else "no interval",
        ),
        Card("Log loss", number(values["log_loss"], 3), "nats an image"),
        Card("Calibration error", number(values["ece"], 3), "expected, 15 bins"),
        Card("Shortcut baseline", number(base.get("macro_ovr_auc")), "AUC to beat"),
    ]


def roc(curves: Sequence[plots.Curve], baseline: Sequence[plots.Curve]) -> Figure:
    """ROC curves of the model over those of the baseline."""
    areas = ", ".join(f"{curve.name} {curve.auc:.4f}" for curve in curves)
    caption = "Each class against the rest." if len(curves) > 1 else ""
    if baseline:
        caption += " Dotted: the shortcut baseline, in the same colour."
    return Figure(
        "roc",
        "ROC curves",
        f"ROC curves, each class against the rest. Areas: {areas}.",
        caption.strip(),
        partial(plots.roc_figure, curves, baseline),
    )


def confusion(values: Mapping[str, Any]) -> Figure:
    """The confusion matrix."""
    names, matrix = values["classes"], values["confusion_matrix"]
    shares = ", ".join(
        f"{name} {row[k]} of {sum(row)}"
        for k, (name, row) in enumerate(zip(names, matrix, strict=True))
    )
    return Figure(
        "confusion",
        "Confusion matrix",
        f"Confusion matrix. Right answers: {shares}.",
        "Rows are the true classes; percentages are of the row.",
        partial(plots.confusion_figure, matrix, names),
        wide=len(names) > 6,
    )


def reliability(bins: CalibrationBins) -> Figure:
    """The reliability diagram."""
    return Figure(
        "reliability",
        "Reliability",
        "Reliability diagram: the fraction of right answers against the probability of the "
        f"predicted class. Expected calibration error {bins.error:.4f}.",
        "Above the line the model is too modest, below it too sure. Bars: one standard error.",
        partial(plots.reliability_figure, bins),
        wide=False,
    )


def mistakes_gallery(outcome: Outcome, rows: Sequence[int], images: Any) -> Figure:
    """The most confident mistakes as images."""
    lines = [
        (
            f"predicted {x['predicted']}  {_probability(x['probability'])}",
            f"true {x['true']}",
            x["id"],
        )
        for x in map(outcome.describe, rows)
    ]
    return Figure(
        "mistakes",
        "Most confident mistakes",
        "The images that the model gets wrong with most confidence: "
        + "; ".join(f"{name} {said}, {true}" for said, true, name in lines)
        + ".",
        "Below each image: predicted class and probability, true class, name. "
        "Brightness is stretched (asinh) to show faint arcs.",
        partial(plots.gallery_figure, [np.asarray(images[i]) for i in rows], lines),
        night=True,
    )


def examples_gallery(outcome: Outcome, rows: Sequence[int], images: Any) -> Figure:
    """Right and confident answers of each class as images, to compare the mistakes with."""
    lines = [
        (f"{x['predicted']}  {_probability(x['probability'])}", x["id"])
        for x in map(outcome.describe, rows)
    ]
    return Figure(
        "examples",
        "Right and most confident",
        "The images that the model gets right with most confidence: "
        + "; ".join(f"{name} {said}" for said, name in lines)
        + ".",
        "Up to four of each class: class and probability, name.",
        partial(plots.gallery_figure, [np.asarray(images[i]) for i in rows], lines),
        night=True,
    )


def evidence_gallery(outcome: Outcome, rows: Sequence[int], images: Any, maps: Any) -> Figure:
    """The same images with contours round what decided."""
    lines = [(x["predicted"], x["id"]) for x in map(outcome.describe, rows)]
    return Figure(
        "evidence",
        "Where the model looked",
        "The same images with the evidence for the predicted class: "
        + "; ".join(f"{name} {said}" for said, name in lines)
        + ".",
        "Contours at 50 and 80 % of the strongest evidence: Grad-CAM, or attention rollout of a "
        "transformer whose class token answers.",
        partial(plots.gallery_figure, [np.asarray(images[i]) for i in rows], lines, maps=maps),
        night=True,
    )


def history(columns: Mapping[str, Sequence[float]]) -> Figure:
    """The training history."""
    shown = [name for group in plots.group_history(columns).values() for name in group]
    last = {name: [v for v in columns[name] if np.isfinite(v)][-1:] for name in shown}
    text = ", ".join(f"{name} {number(v[0])}" for name, v in last.items() if v)
    return Figure(
        "history",
        "Training history",
        f"Training history by epoch. Last values: {text}.",
        "Losses, scores and learning rate by epoch.",
        partial(plots.history_figure, columns),
    )
