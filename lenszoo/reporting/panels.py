"""Panels of the reports: each takes numbers and returns a figure or a table of the page.

Drawing waits until the page is shown. The text for readers who cannot see a figure is made of its
labels and captions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.reporting.gallery import Tile, gallery_figure, stretch
from lenszoo.reporting.plots import (
    COLOURS,
    FAINT,
    INK,
    Line,
    Plot,
    count_scale,
    draw,
    new_figure,
    styled,
)
from lenszoo.reporting.report import Card, Figure, Table
from lenszoo.reporting.text import number, plain, show, show_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from lenszoo.metrics.calibration import CalibrationBins

N_NAMED = 12  # ROC curves in a legend
N_CURVE_POINTS = 200  # of a curve in report.json
_LEAST = 5  # objects of a bin whose share is drawn
_FEW = 12  # points of a line that the text for the blind lists
History = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]


class Column(NamedTuple):
    """A column of a table of scores: its key, heading, and how values and intervals are written."""

    key: str
    heading: str
    form: str = ".4f"
    interval_form: str = ".3f"


class Row(NamedTuple):
    """A row of a table of scores; a score that is absent is left blank."""

    name: str
    scores: Mapping[str, Any]
    intervals: Mapping[str, Any] | None = None


def scores_table(
    title: str, columns: Sequence[Column], rows: Sequence[Row], note: str = ""
) -> Table:
    """A table of scores, below each row its 95 % intervals where there are any."""
    lines = []
    for name, scores, intervals in rows:
        cells = [show(scores[c.key], c.form) if c.key in scores else "" for c in columns]
        lines.append([name, *cells])
        if intervals:
            bounds = [show_interval(intervals.get(c.key), c.interval_form) for c in columns]
            lines.append(["  95 % interval", *bounds])
    return Table(title, ["", *(column.heading for column in columns)], lines, note)


def score_card(
    label: str, value: float | None, bounds: Any, column: Column, unit: str = ""
) -> Card:
    """A headline score with its interval below."""
    text = show_interval(bounds, column.interval_form)
    return Card(label, show(value, column.form) + unit, f"95 %: {text}" if text else "no interval")


def plot_panel(
    name: str, title: str, plots: Sequence[Plot], caption: str, *, wide: bool = True, **drawing: Any
) -> Figure:
    """Plots beside one another; ``drawing`` goes to :func:`lenszoo.reporting.plots.draw`."""
    parts = {}
    for plot in plots:
        words = "; ".join(_words(line) for line in plot.lines if line.label)
        parts[f"By {plot.x or plots[-1].x}: {words}."] = bool(words)
    alt = " ".join([f"{title}.", *(part for part, full in parts.items() if full)])
    return Figure(name, title, alt, caption, partial(draw, plots, **drawing), wide=wide)


def _words(line: Line) -> str:
    """A line in words: its label, and its points where they are few."""
    x, y = np.asarray(line.x), np.asarray(line.y)
    if line.across or line.style not in ("marked", "dots") or len(x) > _FEW:
        return line.label
    return f"{line.label} {', '.join(f'{a:.3g}: {b:.3g}' for a, b in zip(x, y, strict=True))}"


class Curve(NamedTuple):
    """One ROC curve, the area below it, and the class or score that it is of."""

    name: str
    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    auc: float

    def thinned(self) -> dict[str, Any]:
        """At most 200 of its points for report.json, densest where false positives are few."""
        last = len(self.false_positive_rate) - 1
        keep = np.unique(np.round(np.geomspace(1, last + 1, N_CURVE_POINTS)).astype(int) - 1)
        return {"fpr": self.false_positive_rate[keep], "tpr": self.true_positive_rate[keep]}


def roc_panel(
    curves: Sequence[Curve],
    baselines: Sequence[Curve] = (),
    caption: str = "",
    rate: str = "true-positive rate",
    finish: Callable[[Axes], None] | None = None,
) -> Figure:
    """ROC curves, on a linear and on a logarithmic axis of the false-positive rate.

    Args:
        curves: of the model; the legend names the twelve with the lowest AUC.
        baselines: drawn dotted; one with the name of a curve has its colour and no name.
        caption: below the figure.
        rate: name of the true-positive rate.
        finish: adds to the logarithmic axes, which begin at the lowest rate above 0 that a curve
            has, rounded down to a power of ten; it has room above 1.
    """
    positive = [c.false_positive_rate[c.false_positive_rate > 0] for c in (*curves, *baselines)]
    lowest = min((float(p.min()) for p in positive if len(p)), default=1e-2)
    left = float(min(10 ** np.floor(np.log10(lowest)), 0.1))
    hardest = sorted(curve.auc for curve in curves)[:N_NAMED][-1]
    styles = ("line", "dashed", "thin")
    colours = {curve.name: i for i, curve in enumerate(curves)}

    def lines(floor: float) -> list[Line]:
        drawn = []
        for i, (name, x, y, auc) in enumerate(curves):
            label = f"{auc:.4f} {name}" if auc <= hardest else ""
            style = styles[i // len(COLOURS) % len(styles)]
            drawn.append(Line(label, np.maximum(x, floor), y, i, style))
        for i, (name, x, y, auc) in enumerate(baselines, start=len(curves)):
            label = "" if name in colours else f"{auc:.4f} {name}"
            drawn.append(Line(label, np.maximum(x, floor), y, colours.get(name, i), "dotted"))
        if any(curve.name in colours for curve in baselines):
            drawn.append(Line("shortcut baseline", [], [], FAINT, "dotted"))
        chance = np.geomspace(left, 1, 100)
        return [*drawn, Line("0.5 chance", chance, chance, FAINT, "thin")]

    common: dict[str, Any] = {
        "x": "false-positive rate",
        "y": rate,
        "y_range": (0, 1.02 if finish is None else 1.1),
        "legend": "AUC",
    }
    plots = [
        Plot(**common, lines=lines(0), x_range=(-0.01, 1), title="Linear axis"),
        Plot(
            **common, lines=lines(left), x_range=(left, 1), x_scale="log",
            title="Logarithmic axis: few false positives", finish=finish,
        ),
    ]  # fmt: skip
    return plot_panel("roc", "ROC curves", plots, caption, height=3.9)


@styled
def confusion_figure(matrix: ArrayLike, class_names: Sequence[str]) -> Drawing:
    """Confusion matrix (K, K), rows true, columns predicted, coloured by the share of the row."""
    counts = np.asarray(matrix)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    size = len(counts)
    side = float(np.clip(2.2 + 0.75 * size, 3.8, 9))
    figure = new_figure(side + 0.9, side)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names, ticks = [plain(name, 18) for name in class_names], range(size)
    axes.set_xticks(ticks, names, rotation=0 if max(map(len, names)) * size < 34 else 90)
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row in ticks if size <= 20 else ():
        for column in ticks:
            text = f"{counts[row, column]:,}"
            if size <= 6:
                text += f"\n{show(share[row, column], '.1%')}"
            axes.text(
                column, row, text, ha="center", va="center", fontsize=9 if size <= 6 else 6,
                color="white" if share[row, column] > 0.55 else INK,
            )  # fmt: skip
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=lambda value, _: show(value, ".0%"))
    bar.set_label("of the true class")
    bar.outline.set_visible(False)
    return figure


def confusion_panel(matrix: Sequence[Sequence[int]], class_names: Sequence[str]) -> Figure:
    """The confusion matrix."""
    shares = ", ".join(
        f"{name} {row[k]} of {sum(row)}"
        for k, (name, row) in enumerate(zip(class_names, matrix, strict=True))
    )
    return Figure(
        "confusion",
        "Confusion matrix",
        f"Confusion matrix. Right answers: {shares}.",
        "Rows are the true classes; percentages are of the row.",
        partial(confusion_figure, matrix, class_names),
        wide=len(class_names) > 6,
    )


def reliability_panel(
    bins: CalibrationBins,
    caption: str,
    before: CalibrationBins | None = None,
    quantities: tuple[str, str] = ("probability of the predicted class", "fraction right"),
) -> Figure:
    """Reliability diagram: the observed against the stated share, with the counts below.

    Args:
        bins: of the model.
        caption: below the figure.
        before: of the model before it was calibrated.
        quantities: the stated and the observed share, as the axes call them.
    """
    lines, few = [Line("perfect calibration", [0, 1], [0, 1], FAINT, "dashed")], False
    models = [(bins, "model", 0), *([(before, "before temperature", 1)] if before else [])]
    for each, name, colour in models:
        full = each.counts >= _LEAST
        few |= bool(np.any((each.counts > 0) & ~full))
        share = each.accuracy[full]
        # binomial standard errors: a stray point of few images is not a fault of the model
        error = np.sqrt(share * (1 - share) / each.counts[full])
        bounds = np.stack([share - error, share + error], axis=1)
        label = f"{name}, expected error {each.error:.4f}"
        lines.append(Line(label, each.confidence[full], share, colour, "marked", bounds))
    if few:
        caption += f" Bins of fewer than {_LEAST} have no point."
    bars = Line("", bins.edges, bins.counts, 0, "bars")
    plots = [
        Plot("", quantities[1], lines, y_range=(-0.02, 1.05)),
        Plot(
            quantities[0], "images", [bars],
            x_range=(0, 1.01), y_range=(0, None), y_scale=count_scale([bars]),
        ),
    ]  # fmt: skip
    return plot_panel(
        "reliability", "Reliability", plots, caption, wide=False, width=4.65, height=4.4,
        heights=(3.4, 1),
    )  # fmt: skip


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


# Plots of a training history, and the words in the names of their columns.
_HISTORY = {
    "Loss": ("loss",),
    "PSNR, dB": ("psnr",),
    "Score": ("auc", "acc", "ssim", "tpr", "score"),
}


def history_plots(columns: Mapping[str, ArrayLike]) -> list[Plot]:
    """Losses, scores and learning rate by epoch; columns with another meaning are left out."""
    groups: dict[str, list[str]] = {title: [] for title in (*_HISTORY, "Learning rate")}
    for name in columns:
        titles = [title for title, words in _HISTORY.items() if any(w in name for w in words)]
        if name in ("learning_rate", "lr"):
            titles = ["Learning rate"]
        if titles:
            groups[titles[0]].append(name)
    length = max((len(np.atleast_1d(np.asarray(c))) for c in columns.values()), default=0)
    epochs = np.asarray(columns.get("epoch", np.arange(1, length + 1)), float)
    plots = []
    for title, names in groups.items():
        lines = []
        for i, name in enumerate(names):
            values = np.asarray(columns[name], float)
            finite = np.isfinite(values)
            style = "marked" if finite.sum() <= 20 else "line"
            lines.append(Line(name, epochs[finite], values[finite], i, style))
        # one epoch may end at a rate of 0
        log = title == "Learning rate" and any(np.any(np.asarray(line.y) > 0) for line in lines)
        if lines:
            scale = "log" if log else "linear"
            plots.append(Plot("epoch", "", lines, title, y_scale=scale, finish=_whole_epochs))
    return plots


def _whole_epochs(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def history_panels(columns: Mapping[str, ArrayLike]) -> list[Figure]:
    """The training history; no panel where no column is a loss, a score or a learning rate."""
    plots = history_plots(columns)
    if not plots:
        return []
    ends = [(line.label, np.asarray(line.y)[-1:]) for plot in plots for line in plot.lines]
    last = ", ".join(f"{name} {number(y[0])}" for name, y in ends if len(y))
    caption = "Losses, scores and learning rate by epoch."
    panel = partial(draw, plots, width=3.3 * len(plots), height=2.8)
    alt = f"Training history by epoch. Last values: {last}."
    return [Figure("history", "Training history", alt, caption, panel)]


def gallery_panel(
    name: str,
    title: str,
    caption: str,
    images: Sequence[ArrayLike],
    lines: Sequence[Sequence[str]],
    *,
    evidence: Sequence[ArrayLike] | None = None,
    shown: Callable[[ArrayLike], NDArray[np.float64]] = stretch,
    columns: int = 4,
) -> Figure:
    """Images with lines of text below each.

    Args:
        name: stem of the file.
        title: heading.
        caption: below the figure.
        images: (H, W) or (H, W, bands) each.
        lines: up to three for each image.
        evidence: (H, W) from 0 to 1 for each image, drawn as contours.
        shown: turns an image into brightness (H, W) or colours (H, W, 3), from 0 to 1.
        columns: images a row.
    """

    def drawing() -> Drawing:
        maps = [None] * len(images) if evidence is None else evidence
        tiles = [Tile(shown(i), t, e) for i, t, e in zip(images, lines, maps, strict=True)]
        return gallery_figure(tiles, columns)

    words = "; ".join(" ".join(text) for text in lines)
    return Figure(name, title, f"{title}: {words}.", caption, drawing, night=True)
