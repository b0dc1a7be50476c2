"""Page of a selection function: completeness along each axis, and bin by bin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from lenszoo.inference.tables import KEY
from lenszoo.metrics.classification import Ints
from lenszoo.reporting import panels
from lenszoo.reporting.plots import INK, Line, Plot, new_figure, styled
from lenszoo.reporting.report import Card, Figure, Report, Table
from lenszoo.reporting.text import percent, show_interval
from lenszoo.tasks.find_lenses.selection_axes import Axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

NAMES = {
    "einstein_radius": "Einstein radius, arcsec",
    "source_magnitude": "source magnitude",
    "lens_magnitude": "lens magnitude",
}
_PANELS = 4  # bins of the third axis that are drawn
_EMPTY = 12  # bins without a lens that are listed


class SelectionReport(Report):
    """Report of :func:`lenszoo.completeness`."""

    kind: ClassVar[str] = "selection_function"


def selection_report(table: pa.Table, axes: Sequence[Axis], finder: str) -> SelectionReport:
    """Put a table of completeness into words and figures.

    Args:
        table: as :func:`lenszoo.completeness` returns it, with its metadata.
        axes: of the table, in order.
        finder: name of the lens finder.
    """
    facts = json.loads(table.schema.metadata[KEY])
    shape = tuple(len(axis.bins) for axis in axes)
    lenses, hits = (table[name].to_numpy().reshape(shape) for name in ("lenses", "found"))
    total, right = int(lenses.sum()), int(hits.sum())
    share = right / total if total else None
    intervals = facts["intervals"]
    bounds = intervals["all"][0]
    survey = facts["survey"]["name"]
    empty = int((lenses == 0).sum())
    drawn = facts["per_bin"]
    summary = f"{finder} finds {percent(share)} ({show_interval(bounds, '.1%')}) of {total:,} "
    summary += f"lenses painted on {facts['galaxies']:,} galaxies of {survey}, at "
    summary += f"{facts['threshold_rule']}."
    if not total:
        summary = f"Not one lens painted on {survey} passes the floors: nothing was measured."
    notes = list(facts["notes"])
    if empty and total:
        notes.append(
            f"{empty} of {lenses.size} bins hold no lens that passes the floors: their "
            "completeness is not known (null)."
        )
    figures = []
    if total:
        figures.append(_along(axes, lenses, hits, intervals))
        figures.append(_map(axes, lenses, hits))
    return SelectionReport(
        title=f"Selection function of {finder}",
        metrics={
            "lenses": total,
            "found": right,
            "completeness": share,
            "interval": bounds,
            "bins": lenses.size,
            "empty_bins": empty,
            "threshold": facts["threshold"],
        },
        summary=summary,
        cards=[
            Card("Completeness", percent(share), f"95 %: {show_interval(bounds, '.1%')}"),
            Card("Lenses", f"{total:,}", f"{drawn:,} paintings a bin"),
            Card("Bins", f"{lenses.size}", f"{empty} without a lens"),
            Card("Threshold", f"{facts['threshold']:.2f}", "logit"),
        ],
        tables=[*_tables(axes, lenses, hits, intervals), *_empty_table(table, axes)],
        figures=figures,
        notes=notes,
        provenance={
            key: facts[key] for key in ("weights", "weights_sha256", "galaxies", "per_bin", "seed")
        }
        | {"survey": survey, "law": facts["law"]},
    )


def _other(axes: Sequence[Axis], k: int) -> tuple[int, ...]:
    return tuple(i for i in range(len(axes)) if i != k)


def _tables(
    axes: Sequence[Axis], lenses: Ints, hits: Ints, intervals: Mapping[str, Any]
) -> list[Table]:
    """Completeness along each axis, all bins of the others together."""
    tables = []
    for k, axis in enumerate(axes):
        counts, right = (array.sum(_other(axes, k)) for array in (lenses, hits))
        rows = [
            [
                f"{low:g} to {high:g}",
                f"{n:,}",
                f"{hit:,}",
                percent(hit / n if n else None),
                show_interval(bounds, ".1%"),
            ]
            for (low, high), n, hit, bounds in zip(
                axis.bins, counts, right, intervals[axis.name], strict=True
            )
        ]
        heads = [NAMES.get(axis.name, axis.name), "lenses", "found", "completeness", "95 %"]
        tables.append(Table(f"By {heads[0]}", heads, rows))
    return tables


def _empty_table(table: pa.Table, axes: Sequence[Axis]) -> list[Table]:
    """Bins without a lens, and why."""
    rows = [
        [*(f"{row[f'{a.name}_low']:g} to {row[f'{a.name}_high']:g}" for a in axes), row["floor"]]
        for row in table.to_pylist()
        if not row["lenses"]
    ]
    if not rows:
        return []
    heads = [*(NAMES.get(axis.name, axis.name) for axis in axes), "most lenses fail with"]
    note = f"The first {_EMPTY} of {len(rows)}." if len(rows) > _EMPTY else ""
    return [Table("Bins without a lens", heads, rows[:_EMPTY], note, text=True)]


def _along(axes: Sequence[Axis], lenses: Ints, hits: Ints, intervals: Mapping[str, Any]) -> Figure:
    plots: list[Plot] = []
    for k, axis in enumerate(axes):
        counts, right = (array.sum(_other(axes, k)) for array in (lenses, hits))
        full = counts > 0
        middles = np.array([(low + high) / 2 for low, high in axis.bins])[full]
        bounds = np.array([pair for pair in intervals[axis.name] if pair is not None])
        line = Line("", middles, right[full] / counts[full], 0, "marked", bounds)
        label = "" if plots else "completeness"
        plots.append(Plot(NAMES.get(axis.name, axis.name), label, [line], y_range=(-0.02, 1.03)))
    caption = (
        "Share of the painted lenses that is found, with 95 % intervals from the scatter between "
        "galaxies; all bins of the other axes together, each with as many paintings, which is not "
        "the mix of a survey."
    )
    return panels.plot_panel(
        "along", "Completeness along each axis", plots, caption, wide=len(plots) > 1,
        width=max(3.2 * len(plots), 4.0), height=3.2,
    )  # fmt: skip


def _map(axes: Sequence[Axis], lenses: Ints, hits: Ints) -> Figure:
    """Completeness in the first two axes, a map for each bin of the third."""
    extra = tuple(range(3, lenses.ndim))
    counts, hits = (array.sum(extra) if extra else array for array in (lenses, hits))
    while counts.ndim < 3:
        counts, hits = counts[..., None], hits[..., None]
    third = axes[2] if len(axes) > 2 else None
    chosen = np.unique(np.linspace(0, counts.shape[2] - 1, _PANELS).round().astype(int))
    titles = ["" if third is None else _title(third, k) for k in chosen]
    caption = (
        "Per cent of the painted lenses that are found, and below it their number; grey: not one "
        "lens passes the floors."
    )
    names = " and ".join(NAMES.get(axis.name, axis.name) for axis in axes[:2])
    draw = partial(_draw_map, axes[:2], counts[..., chosen], hits[..., chosen], titles)
    return Figure("map", "Completeness bin by bin", f"Completeness by {names}.", caption, draw)


def _title(axis: Axis, k: int) -> str:
    low, high = axis.bins[k]
    return f"{NAMES.get(axis.name, axis.name)} {low:g} to {high:g}"


@styled
def _draw_map(axes: Sequence[Axis], counts: Ints, hits: Ints, titles: Sequence[str]) -> Drawing:
    n = counts.shape[2]
    figure = new_figure(max(3.4 * n, 4.6), 1.4 + 0.62 * counts.shape[1])
    row = figure.subplots(1, n, squeeze=False, sharey=True)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / counts
    for k, plot in enumerate(row):
        plot.set_facecolor("#d9dbe0")
        shown = plot.imshow(share[:, :, k].T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (i, j), value in np.ndenumerate(share[:, :, k]):
            text = f"{100 * value:.0f}\n{counts[i, j, k]:,}" if counts[i, j, k] else "no lens"
            colour = "white" if value > 0.55 else INK
            plot.text(i, j, text, ha="center", va="center", fontsize=7.5, color=colour)
        _edges(plot.xaxis, axes[0], NAMES.get(axes[0].name, axes[0].name))
        if len(axes) > 1:
            name = NAMES.get(axes[1].name, axes[1].name) if k == 0 else ""
            _edges(plot.yaxis, axes[1], name)
        else:
            plot.set_yticks([])
        plot.set_title(titles[k], fontsize=9)
        plot.grid(False)
        plot.spines[:].set_visible(False)
    bar = figure.colorbar(shown, ax=list(row), shrink=0.9, pad=0.01)
    bar.set_label("completeness")
    bar.outline.set_visible(False)
    return figure


def _edges(axis: Any, of: Axis, name: str) -> None:
    """Write the edges of the bins between the squares."""
    axis.set_ticks(np.arange(len(of.edges)) - 0.5, [f"{edge:g}" for edge in of.edges])
    axis.set_label_text(name)
