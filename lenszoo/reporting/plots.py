"""Figures of the reports, one function each, drawn on matplotlib's object API.

Nothing touches pyplot, a display or the reader's style: each function draws under matplotlib's
default style and restores the reader's. matplotlib is imported when the first figure is drawn.
Every function returns a ``matplotlib.figure.Figure``; :func:`to_png` turns it into bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo._version import __version__
from lenszoo.errors import LenszooError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lenszoo.metrics.classification import CalibrationBins

# Okabe & Ito (2008): told apart by colour-blind readers. Their yellow is left out as too pale.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
IMAGE_MAP = "magma"
_INK, FAINT = "#222222", "#8a8f98"
_CONTOURS = ("#7fd6ff", "#ffffff")
NIGHT, NIGHT_INK = "#14161b", "#e8eaee"  # the gallery's own background and text
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": _INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e6ea",
    "grid.linewidth": 0.8,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": 160,
}
P = ParamSpec("P")


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a function draw in the style of the reports, whatever the reader's own."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _style():
            return draw(*args, **kwargs)

    return wrapper


def new_figure(width: float, height: float, **kwargs: Any) -> Figure:
    """Return an empty figure of a size in inches, laid out to fit."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", **kwargs)


def to_png(figure: Figure) -> bytes:
    """Render a figure as PNG at 160 dots an inch, the same bytes whatever the reader's style."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image, PngImagePlugin

    # not savefig, which draws everything twice
    with _style():
        figure.set_dpi(matplotlib.rcParams["savefig.dpi"])
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    facts = PngImagePlugin.PngInfo()
    facts.add_text("Software", f"lenszoo {__version__}")
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).save(buffer, "png", pnginfo=facts)
    return buffer.getvalue()


def plain(text: object, limit: int = 28) -> str:
    """One line of at most ``limit`` characters that matplotlib shows as it is (no mathtext)."""
    line = " ".join(str(text).encode("utf-8", "replace").decode().split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    if len(line) > limit:
        line = f"{line[: limit // 2]}…{line[len(line) - (limit - limit // 2 - 1) :]}"
    return line.replace("$", r"\$")


class Curve(NamedTuple):
    """One ROC curve: what it is of, its points and the area below it."""

    name: str
    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    auc: float


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _dash(index: int) -> str:
    return ("-", "--", "-.", ":")[index // len(COLOURS) % 4]


@styled
def roc_figure(curves: Sequence[Curve], baseline: Sequence[Curve] = ()) -> Figure:
    """ROC curves, on a linear and on a logarithmic axis of the false-positive rate.

    Args:
        curves: of the model, one a class.
        baseline: of the shortcut baseline, drawn dotted in the colour of the same name.

    The legend names at most twelve classes, those with the lowest AUC.
    """
    figure = new_figure(9.6, 4.2)
    linear, log, left = roc_axes(figure, [*curves, *baseline], "true-positive rate")
    colours = {curve.name: _colour(i) for i, curve in enumerate(curves)}
    dashes = {curve.name: _dash(i) for i, curve in enumerate(curves)}
    hardest = sorted(curve.auc for curve in curves)[:12][-1]
    for axes in (linear, log):
        for i, curve in enumerate((*baseline, *curves)):
            dotted = i < len(baseline)
            named = not dotted and curve.auc <= hardest
            axes.plot(
                np.maximum(curve.false_positive_rate, left if axes is log else 0),
                curve.true_positive_rate,
                ":" if dotted else dashes[curve.name],
                lw=1.1 if dotted else 1.8,
                color=colours.get(curve.name, FAINT),
                label=f"{curve.auc:.4f}  {plain(curve.name)}" if named else None,
            )
        chance = np.geomspace(left, 1, 100)
        axes.plot(chance, chance, color=FAINT, lw=0.8)
    if baseline:
        linear.plot([], [], ":", lw=1.1, color=FAINT, label="shortcut baseline")
    linear.plot([], [], color=FAINT, lw=0.8, label="chance")
    linear.legend(loc="lower right", title="AUC and class", alignment="left", fontsize=8)
    return figure


def roc_axes(figure: Figure, curves: Sequence[Curve], rate: str) -> tuple[Axes, Axes, float]:
    """A linear and a logarithmic panel for ROC curves, and where the logarithmic one begins.

    It begins at the lowest rate above 0 that a curve has, rounded down to a power of ten.

    Args:
        figure: an empty one.
        curves: that are to be drawn.
        rate: what the true-positive rate is called.
    """
    linear, log = figure.subplots(1, 2)
    positive = [c.false_positive_rate[c.false_positive_rate > 0] for c in curves]
    lowest = min((float(p.min()) for p in positive if len(p)), default=1e-2)
    left = float(min(10 ** np.floor(np.log10(lowest)), 0.1))
    for axes in (linear, log):
        axes.set(xlabel="false-positive rate", ylabel=rate, ylim=(0, 1.02))
    linear.set(xlim=(-0.01, 1), title="Linear axis")
    log.set(xscale="log", xlim=(left, 1), title="Logarithmic axis: few false positives")
    log.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    return linear, log, left


@styled
def confusion_figure(matrix: ArrayLike, class_names: Sequence[str]) -> Figure:
    """Confusion matrix (K, K), rows true, columns predicted, coloured by the share of the row."""
    counts = np.asarray(matrix)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    size = len(counts)
    side = float(np.clip(2.2 + 0.75 * size, 3.8, 9))
    figure = new_figure(side + 0.9, side)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [plain(name, 18) for name in class_names]
    ticks = range(size)
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
                text += f"\n{100 * share[row, column]:.1f} %"
            ink = "white" if share[row, column] > 0.55 else _INK
            size_of_text = 9 if size <= 6 else 6
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=size_of_text)
    bar = figure.colorbar(
        image, ax=axes, shrink=0.8, format=lambda value, _: f"{100 * value:.0f} %"
    )
    bar.set_label("of the true class")
    bar.outline.set_visible(False)
    return figure


@styled
def reliability_figure(
    bins: CalibrationBins,
    before: CalibrationBins | None = None,
    quantities: tuple[str, str] = ("probability of the predicted class", "fraction right"),
) -> Figure:
    """Reliability diagram: what happened against what was stated, with the counts below.

    Args:
        bins: of the model.
        before: of the model before it was calibrated, drawn for comparison.
        quantities: what was stated and what happened, as the axes call them.
    """
    figure = new_figure(4.65, 4.65)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    centres, width = (bins.edges[:-1] + bins.edges[1:]) / 2, np.diff(bins.edges)
    upper.plot([0, 1], [0, 1], color=FAINT, lw=1, ls="--", label="perfect calibration")
    title = f"expected error {bins.error:.4f}"
    if before is not None:
        _reliability(upper, before, COLOURS[1], f"before temperature {before.error:.4f}")
        title = "expected error"
    after = "model" if before is None else f"model {bins.error:.4f}"
    _reliability(upper, bins, COLOURS[0], after)
    upper.set(ylabel=quantities[1], ylim=(-0.02, 1.05))
    size = 9 if before is None else 8
    upper.legend(loc="lower right", title=title, alignment="left", fontsize=size)
    lower.bar(centres, bins.counts, width * 0.92, color=COLOURS[0], alpha=0.75)
    lower.set(xlabel=quantities[0], ylabel="images", xlim=(0, 1.01))
    if bins.counts.max() > 200:
        lower.set_yscale("symlog", linthresh=10)
        lower.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        lower.set_ylim(0, None)
    return figure


def _reliability(axes: Axes, bins: CalibrationBins, colour: str, label: str) -> None:
    full = bins.counts > 0
    # Binomial standard errors: a stray point of few images is not a fault of the model.
    error = np.sqrt(bins.accuracy * (1 - bins.accuracy) / np.maximum(bins.counts, 1))
    axes.errorbar(
        bins.confidence[full],
        bins.accuracy[full],
        yerr=error[full],
        fmt="o-",
        ms=4,
        lw=1.4,
        color=colour,
        label=label,
    )


@styled
def history_figure(history: Mapping[str, ArrayLike]) -> Figure:
    """Training history: losses, scores (AUC, accuracy, ...) and learning rate against the epoch.

    Args:
        history: columns of equal length; NaN where a value is missing. ``epoch`` gives the axis,
            else the row number from 1. Columns with another meaning are left out.

    Raises:
        LenszooError: no column is a loss, a score or a learning rate.
    """
    from matplotlib.ticker import MaxNLocator

    groups = group_history(history)
    if not groups:
        raise LenszooError(
            f"The history has no loss, score or learning rate, only: {', '.join(history)}."
        )
    figure = new_figure(3.3 * len(groups), 3.1)
    panels: list[Axes] = list(figure.subplots(1, len(groups), squeeze=False)[0])
    length = max((len(np.atleast_1d(np.asarray(v))) for v in history.values()), default=0)
    epochs = np.asarray(history.get("epoch", np.arange(1, length + 1)), float)
    for axes, (title, columns) in zip(panels, groups.items(), strict=True):
        for i, name in enumerate(columns):
            values = np.asarray(history[name], float)
            known = np.isfinite(values)
            marker = "o" if known.sum() <= 20 else ""
            axes.plot(
                epochs[known],
                values[known],
                marker=marker,
                ms=3,
                color=_colour(i),
                label=plain(name, 24),
            )
        if title == "Learning rate":
            if any(np.nanmax(history[name]) > 0 for name in columns):  # one epoch may end at 0
                axes.set_yscale("log")
        else:
            axes.legend(fontsize=8)
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


def group_history(history: Mapping[str, ArrayLike]) -> dict[str, list[str]]:
    """Sort the columns of a training history into panels; panels without a column are left out."""
    groups: dict[str, list[str]] = {"Loss": [], "PSNR, dB": [], "Score": [], "Learning rate": []}
    for name in history:
        plain_name = name.removeprefix("val_")
        if plain_name in ("learning_rate", "lr"):
            groups["Learning rate"].append(name)
        elif "loss" in plain_name:
            groups["Loss"].append(name)
        elif "psnr" in plain_name:
            groups["PSNR, dB"].append(name)
        elif any(word in plain_name for word in ("auc", "acc", "ssim", "tpr")):
            groups["Score"].append(name)
    return {title: columns for title, columns in groups.items() if columns}


def stretch(image: ArrayLike, limits: tuple[float, float] | None = None) -> NDArray[np.float64]:
    """One image (H, W) or (H, W, bands) as brightness in [0, 1] for display, shape (H, W).

    Bands are averaged; then asinh between the limits, by default the 1st percentile and the
    maximum, so that faint arcs show and bright ones keep their structure. Pixels that are not
    finite stay NaN.
    """
    flat = np.asarray(image, float)
    if flat.ndim == 3:
        flat = flat.mean(axis=2)
    known = flat[np.isfinite(flat)]
    low, high = limits or ((np.percentile(known, 1), known.max()) if len(known) else (0.0, 1.0))
    scaled = np.clip((flat - low) / (high - low if high > low else 1), 0, 1)
    return np.arcsinh(scaled / 0.2) / np.arcsinh(5)


@styled
def gallery_figure(
    images: Sequence[ArrayLike],
    captions: Sequence[Sequence[str]],
    columns: int = 4,
    maps: Sequence[ArrayLike] | None = None,
    show: Callable[[ArrayLike], NDArray[np.float64]] = stretch,
) -> Figure:
    """Images on a dark ground, each with lines of text below: the first bold, the last faint.

    Args:
        images: each (H, W) or (H, W, bands).
        captions: for each image up to three lines.
        columns: images a row.
        maps: for each image (H, W) from 0 to 1, drawn as contours at 0.5 and 0.8.
        show: turns an image into brightness (H, W) or colours (H, W, 3), both in [0, 1].
    """
    from matplotlib import colormaps

    colours = colormaps[IMAGE_MAP].with_extremes(bad="#5a6a5a")
    columns = max(min(columns, len(images)), 1)
    rows = -(-len(images) // columns)
    # Laid out in inches by hand: the automatic layouts do not make room for text below an image.
    side, gap, line_height = 2.3, 0.1, 0.18
    cell = side + gap + line_height * max(map(len, captions), default=0) + 0.08
    width, height = columns * (side + gap) + gap, rows * cell + gap
    figure = new_figure(width, height, facecolor=NIGHT)
    figure.set_layout_engine("none")
    for index, (image, lines) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(index, columns)
        left = gap + column * (side + gap)
        bottom = height - gap - row * cell - side
        axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
        axes.imshow(show(image), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
        axes.axis("off")
        if maps is not None and np.ptp(maps[index]) > 0:
            axes.contour(
                np.asarray(maps[index]), levels=(0.5, 0.8), colors=_CONTOURS, linewidths=(1.0, 1.6)
            )
        for i, line in enumerate(lines):
            figure.text(
                (left + side / 2) / width,
                (bottom - 0.06 - line_height * i) / height,
                plain(line, 36),
                ha="center",
                va="top",
                fontsize=9 if i == 0 else 8,
                fontweight="bold" if i == 0 else "normal",
                color=NIGHT_INK if i < len(lines) - 1 else "#9aa1ad",
            )
    return figure
