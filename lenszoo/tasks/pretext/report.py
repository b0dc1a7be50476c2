"""Pretext report: the embedding of a backbone trained without labels beside that of its start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lenszoo.metrics.embedding import Collapse
from lenszoo.metrics.intervals import pair_or_none, wilson_interval
from lenszoo.reporting.panels import (
    Column,
    History,
    Row,
    history_panels,
    plot_panel,
    read_history,
    scores_table,
)
from lenszoo.reporting.plots import Line, Plot
from lenszoo.reporting.report import Card, Figure, Report, Table
from lenszoo.reporting.text import number
from lenszoo.tasks.pretext.heads import LinearHeads

_WIDE = 0.3  # of an interval: fewer than some forty images
NAMES = {"pretext": "after the pretext", "start": "as it started"}
# meaning of each method's score
SCORES = {
    "rotation": "share of the quarter turns recognised",
    "denoising": "share of the noise strengths recognised",
    "contrastive": "share of the views whose nearest vector is their partner's",
    "simsiam": "share of the views whose nearest vector is their partner's",
}


class Probe(NamedTuple):
    """Score of a linear head on a frozen backbone, cross-validated.

    Attributes:
        labels: labelled images, in all.
        auc: macro ROC-AUC, the mean over the folds.
        spread: its standard deviation over the folds.
    """

    labels: int
    auc: float
    spread: float


class Embedding(NamedTuple):
    """Features of a backbone on n held-out images.

    Attributes:
        features: (n, d) float32.
        collapse: their effective rank and deviation.
        probe: the linear probe, None without labels.
    """

    features: np.ndarray
    collapse: Collapse
    probe: Probe | None


class PretextReport(Report):
    """The report of :func:`pretext_report`; see :class:`lenszoo.reporting.report.Report`.

    ``metrics`` holds ``n``, ``method``, ``score`` (on the validation images of the best epoch),
    ``held`` (how many these are), ``score_interval`` (95 %, Wilson 1927) and ``chance``, the score
    of guessing; and of the ``pretext`` and of the ``start`` each ``embedding_std`` and
    ``effective_rank``, ``collapsed``, and the linear probe's ``probe_auc``, ``probe_spread`` and
    ``probe_labels``, None without labels.
    """

    kind: ClassVar[str] = "pretext"


def pretext_report(
    embeddings: Mapping[str, Embedding],
    *,
    score: float | None,
    chance: float | None,
    method: str,
    held: int | None = None,
    labels: np.ndarray | None = None,
    heads: LinearHeads | None = None,
    history: History | None = None,
    title: str = "",
    provenance: Mapping[str, Any] | None = None,
) -> PretextReport:
    """Report on a backbone after a pretext.

    Args:
        embeddings: of the backbone after the ``pretext``, and as it was at its ``start``.
        score: of the pretext itself, on held-out images; None where it is unknown.
        chance: the score of guessing, likewise.
        method: ``rotation``, ``denoising``, ``contrastive`` or ``simsiam``.
        held: the held-out images that the score is of; None where they are unknown.
        labels: (n,) integers, colours of the figure; None where they are unknown.
        heads: scores of linear heads against the number of labels.
        history: rows of the training, one an epoch.
        title, provenance: as for the other reports.
    """
    columns = read_history(history)
    values: dict[str, Any] = {
        "n": len(embeddings["pretext"].features),
        "method": method,
        "score": score,
        "held": held,
        "score_interval": None if score is None or not held else _interval(score, held),
        "chance": chance,
    }
    for name, each in embeddings.items():
        values[name] = {
            "embedding_std": each.collapse.std_mean,
            "effective_rank": each.collapse.effective_rank,
            "collapsed": each.collapse.collapsed,
            "probe_auc": each.probe and each.probe.auc,
            "probe_spread": each.probe and each.probe.spread,
            "probe_labels": each.probe and each.probe.labels,
        }
    values |= {"heads": heads and heads.own, "random": heads and heads.random}
    panels = [_embedding(embeddings, labels), *history_panels(columns)]
    if heads:
        panels.insert(1, _few_labels(heads))
    return PretextReport(
        title=title or "Pretext report",
        metrics=values,
        summary=_summary(values),
        cards=_cards(values),
        tables=[_table(values)],
        figures=panels,
        notes=_notes(values),
        details={"history": columns},
        provenance=provenance or {},
    )


def _interval(score: float, held: int) -> list[float] | None:
    """95 % interval of a share of images; what is posed of one image counts once."""
    return pair_or_none(wilson_interval(score * held, held))


def _summary(values: Mapping[str, Any]) -> str:
    text = (
        f"On {values['n']:,} held-out images the embedding has an effective rank of "
        f"{values['pretext']['effective_rank']:.1f} ({values['start']['effective_rank']:.1f} as it "
        "started)."
    )
    now, then = values["pretext"], values["start"]
    if now["probe_auc"] is None:
        return text
    return text + (
        f" A linear head on the frozen backbone, {now['probe_labels']} labels in 5 folds, reaches "
        f"an AUC of {number(now['probe_auc'])} +- {number(now['probe_spread'])}; on the backbone "
        f"as it started {number(then['probe_auc'])} +- {number(then['probe_spread'])}."
    )


def _cards(values: Mapping[str, Any]) -> list[Card]:
    now = values["pretext"]
    cards = [
        Card("Effective rank", f"{now['effective_rank']:.1f}", warning=now["collapsed"]),
    ]
    if values["score"] is not None and values["method"]:
        meaning = f"{SCORES[values['method']]}; chance: {number(values['chance'], 3)}"
        if values["score_interval"]:
            low, high = (number(bound, 3) for bound in values["score_interval"])
            meaning += f"; 95 % interval {low} to {high}"
        cards.insert(0, Card("Score", number(values["score"], 3), meaning, _is_wide(values)))
    if values["heads"]:
        detail = f"{values['heads']['labels']:,} labels"
        cards.append(Card("Linear head, AUC", number(values["heads"]["probe_auc"]), detail))
    if now["probe_auc"] is not None:
        detail = f"as it started: {number(values['start']['probe_auc'])}"
        cards.append(Card("Linear probe, AUC", number(now["probe_auc"]), detail))
    return cards


def _table(values: Mapping[str, Any]) -> Table:
    columns = [
        Column("probe_auc", "linear probe, AUC"),
        Column("probe_spread", "its deviation over folds"),
        Column("embedding_std", "deviation a dimension", ".3f"),
        Column("effective_rank", "effective rank", ".1f"),
    ]
    note = (
        "The deviation a dimension is that of the features scaled to the unit sphere, 1 where they "
        "fill all dimensions alike (Chen & He 2021, arXiv:2011.10566); the rank is the exponential "
        "of the entropy of their spectrum (Garrido et al. 2023, arXiv:2210.02885)."
    )
    rows = [Row(name, values[key]) for key, name in NAMES.items()]
    return scores_table("The backbone", columns, rows, note)


def _is_wide(values: Mapping[str, Any]) -> bool:
    """Whether the score says little: its interval is wider than ``_WIDE``."""
    interval = values["score_interval"]
    return interval is not None and interval[1] - interval[0] > _WIDE


def _notes(values: Mapping[str, Any]) -> list[str]:
    notes = []
    if _is_wide(values):
        low, high = (number(bound, 3) for bound in values["score_interval"])
        notes.append(
            f"The score is of {values['held']} held-out images only and may lie anywhere from "
            f"{low} to {high} (95 %): learn from more images, or hold more out, data.val_fraction."
        )
    if not values["pretext"]["collapsed"]:
        return notes
    return [
        *notes,
        "The embedding has collapsed: its features are nearly the same for all images. Lower the "
        "learning rate, or choose another method.",
    ]


def _embedding(embeddings: Mapping[str, Embedding], labels: np.ndarray | None) -> Figure:
    """Principal components of each embedding, and the spectrum of all."""
    plots, spectra = [], []
    for i, (name, each) in enumerate(embeddings.items()):
        centred = each.features.astype(np.float64) - each.features.mean(axis=0)
        left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
        x, y = (left * strengths)[:, :2].T
        classes = np.zeros(len(x), int) if labels is None else labels
        dots = [
            Line("", x[classes == k], y[classes == k], int(k), "points") for k in np.unique(classes)
        ]
        plots.append(Plot("component 1", "component 2", dots, NAMES[name]))
        share = strengths**2 / max(float(np.sum(strengths**2)), 1e-300)
        spectra.append(Line(NAMES[name], np.arange(1, len(share) + 1), share, i))
    spectrum = Plot(
        "component", "share of the variance", spectra, "Spectrum", y_range=(1e-6, 1.2),
        x_scale="log", y_scale="log",
    )  # fmt: skip
    caption = (
        "First two principal components of the features, each class in a colour where classes are "
        "known, and the spectrum of all."
    )
    return plot_panel("embedding", "Principal components", [*plots, spectrum], caption, height=3.1)


def _few_labels(heads: LinearHeads) -> Figure:
    """ROC-AUC of linear heads against the number of labels."""
    lines = []
    for i, (name, scores) in enumerate((("these weights", heads.own), ("random", heads.random))):
        counts = sorted(scores["by_labels"], key=int)
        means = [scores["by_labels"][count]["mean"] for count in counts]
        lines.append(Line(name, np.array(counts, int), np.array(means), i, "marked"))
    plot = Plot("labels", "ROC-AUC", lines, "Linear heads", x_scale="log")
    caption = "A linear head on frozen features, beside the mean of random backbones."
    return plot_panel("label_efficiency", "Few labels", [plot], caption, height=3.1)
