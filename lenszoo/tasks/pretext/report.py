"""The report on a backbone that learned without labels: its embedding beside that of its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from lenszoo.metrics.embedding import Collapse
from lenszoo.reporting.plots import COLOURS, new_figure, styled
from lenszoo.reporting.report import Card, Figure, Report, Table, number
from lenszoo.tasks.classify.panels import history as history_figure
from lenszoo.tasks.classify.report import History, read_history

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

NAMES = {"pretext": "after the pretext", "start": "as it started"}
# what the score of a method is
SCORES = {
    "rotation": "share of the quarter turns told right",
    "denoising": "share of the noise strengths told right",
    "contrastive": "share of the views whose nearest vector is their partner's",
    "simsiam": "share of the views whose nearest vector is their partner's",
}


class Probe(NamedTuple):
    """What a linear head on a frozen backbone comes to, cross-validated.

    Attributes:
        labels: labelled images, in all.
        auc: macro ROC-AUC, the mean over the folds.
        spread: its standard deviation over the folds.
    """

    labels: int
    auc: float
    spread: float


class Embedding(NamedTuple):
    """What a backbone makes of n held-out images.

    Attributes:
        features: (n, d) float32.
        collapse: how much of their space they fill.
        probe: the linear probe, None where no labels are known.
    """

    features: np.ndarray
    collapse: Collapse
    probe: Probe | None


class PretextReport(Report):
    """The report of :func:`pretext_report`; see :class:`lenszoo.reporting.report.Report`.

    ``metrics`` holds ``n``, ``method``, ``score`` (on the validation images of the best epoch) and
    ``chance``, what guessing scores; and of the ``pretext`` and of the ``start`` each
    ``embedding_std`` and ``effective_rank``, ``collapsed``, and the linear probe's ``probe_auc``,
    ``probe_spread`` and ``probe_labels``, None without labels.
    """

    kind: ClassVar[str] = "pretext"


def pretext_report(
    embeddings: Mapping[str, Embedding],
    *,
    score: float,
    chance: float,
    method: str,
    labels: np.ndarray | None = None,
    history: History | None = None,
    title: str = "",
    provenance: Mapping[str, Any] | None = None,
) -> PretextReport:
    """Report on a backbone after a pretext.

    Args:
        embeddings: of the backbone after the ``pretext``, and as it was at its ``start``.
        score: what was reached on the pretext's own terms, on held-out images.
        chance: what guessing scores.
        method: ``rotation``, ``denoising``, ``contrastive`` or ``simsiam``.
        labels: (n,) integers, where they are known: colours of a figure.
        history: rows of the training, one an epoch.
        title, provenance: as for the other reports.
    """
    columns = read_history(history)
    values: dict[str, Any] = {
        "n": len(embeddings["pretext"].features),
        "method": method,
        "score": score,
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
    figures = [
        Figure(
            "embedding",
            "The embedding",
            "Principal components of the embedding after the pretext and at its start.",
            "First two principal components of the features, each class in a colour where classes "
            "are known, and the spectrum of all.",
            partial(embedding_figure, embeddings, labels),
        )
    ]
    if columns:
        figures.append(history_figure(columns))
    return PretextReport(
        title=title or "Pretext report",
        metrics=values,
        summary=_summary(values),
        cards=_cards(values),
        tables=[_table(values)],
        figures=figures,
        notes=_notes(values),
        details={"history": columns},
        provenance=provenance or {},
    )


def _summary(values: Mapping[str, Any]) -> str:
    said = (
        f"On {values['n']:,} held-out images the embedding has an effective rank of "
        f"{values['pretext']['effective_rank']:.1f} ({values['start']['effective_rank']:.1f} as it "
        "started)."
    )
    now, then = values["pretext"], values["start"]
    if now["probe_auc"] is None:
        return said
    return said + (
        f" A linear head on the frozen backbone, {now['probe_labels']} labels in 5 folds, reaches "
        f"an AUC of {number(now['probe_auc'])} +- {number(now['probe_spread'])}; on the backbone "
        f"as it started {number(then['probe_auc'])} +- {number(then['probe_spread'])}."
    )


def _cards(values: Mapping[str, Any]) -> list[Card]:
    now = values["pretext"]
    cards = [
        Card(
            "Score",
            number(values["score"], 3),
            f"{SCORES[values['method']]}; chance: {number(values['chance'], 3)}",
        ),
        Card("Effective rank", f"{now['effective_rank']:.1f}", warning=now["collapsed"]),
    ]
    if now["probe_auc"] is not None:
        detail = f"as it started: {number(values['start']['probe_auc'])}"
        cards.append(Card("Linear probe, AUC", number(now["probe_auc"]), detail))
    return cards


def _table(values: Mapping[str, Any]) -> Table:
    rows = []
    for key, name in NAMES.items():
        each = values[key]
        probe = "no labels"
        if each["probe_auc"] is not None:
            probe = f"{number(each['probe_auc'])} +- {number(each['probe_spread'])}"
        std, rank = number(each["embedding_std"], 3), f"{each['effective_rank']:.1f}"
        rows.append([name, probe, std, rank])
    columns = ["", "linear probe, AUC", "deviation a dimension", "effective rank"]
    note = (
        "The deviation is that of the features scaled to the unit sphere, 1 where they fill all "
        "dimensions alike (Chen & He 2021, arXiv:2011.10566); the rank is the exponential of the "
        "entropy of their spectrum (Garrido et al. 2023, arXiv:2210.02885)."
    )
    return Table("The backbone", columns, rows, note)


def _notes(values: Mapping[str, Any]) -> list[str]:
    if not values["pretext"]["collapsed"]:
        return []
    return [
        "The embedding has collapsed: it says nearly the same of all images. Lower the learning "
        "rate, or choose another method."
    ]


@styled
def embedding_figure(embeddings: Mapping[str, Embedding], labels: np.ndarray | None) -> Drawing:
    """Principal components of each embedding, and the spectrum of all."""
    figure = new_figure(10.2, 3.4)
    panels: Sequence[Any] = figure.subplots(1, len(embeddings) + 1)
    for i, ((name, each), axes) in enumerate(zip(embeddings.items(), panels, strict=False)):
        centred = each.features.astype(np.float64) - each.features.mean(axis=0)
        left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
        points = (left * strengths)[:, :2]
        for label in np.unique(labels) if labels is not None else [None]:
            rows = slice(None) if label is None else labels == label
            colour = COLOURS[0 if label is None else int(label) % len(COLOURS)]
            axes.scatter(*points[rows].T, s=5, lw=0, alpha=0.6, color=colour)
        axes.set(title=f"{NAMES[name]}", xlabel="component 1", ylabel="component 2")
        axes.set(xticklabels=[], yticklabels=[])
        share = strengths**2 / max(float(np.sum(strengths**2)), 1e-300)
        panels[-1].plot(np.arange(1, len(share) + 1), share, color=COLOURS[i], label=NAMES[name])
    panels[-1].set(title="Spectrum", xlabel="component", ylabel="share of the variance")
    panels[-1].set(xscale="log", yscale="log", ylim=(1e-6, 1.2))
    panels[-1].legend(fontsize=8)
    return figure
