"""Plots of the reports: lines, bars and points with their legends below, in one style.

A report states :class:`Plot` objects and :func:`draw` draws them on matplotlib's object API.
Nothing touches pyplot, a display or the reader's style; matplotlib is imported when the first
figure is drawn. :func:`to_png` turns a figure into bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec

import numpy as np
from numpy.typing import ArrayLike

from lenszoo._version import __version__
from lenszoo.reporting.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008): told apart by colour-blind readers. Their yellow is left out as too pale.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
INK, SOFT, FAINT = "#222222", "#59606d", "#8a8f98"
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e6ea",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "lines.linewidth": 1.8,
    "savefig.dpi": 160,
}
# Styles of a line, as matplotlib's plot takes them; "bars" are drawn as a histogram.
_LINES: Mapping[str, Mapping[str, Any]] = {
    "line": {},
    "thin": {"lw": 1.2},
    "thick": {"lw": 5, "alpha": 0.5, "solid_capstyle": "butt"},
    "dashed": {"lw": 1.0, "ls": "--"},
    "dotted": {"lw": 1.4, "ls": ":"},
    "steps": {"drawstyle": "steps-post"},
    "marked": {"marker": "o", "ms": 4, "lw": 1.5, "elinewidth": 1.0},
    "dashed marked": {"marker": "s", "ms": 4, "lw": 1.5, "ls": "--", "elinewidth": 1.0},
    "dots": {"ls": "", "marker": "o", "ms": 4, "elinewidth": 1.2},
    "points": {"ls": "", "marker": "o", "ms": 2.5, "mew": 0, "alpha": 0.6},
}
_SCALES: Mapping[str, tuple[tuple[str], Mapping[str, Any]]] = {
    "linear": (("linear",), {}),
    "log": (("log",), {}),
    "counts": (("symlog",), {"linthresh": 10}),
}
_LINE_HEIGHT, _CHARACTER, _HANDLE = 0.17, 0.068, 0.62  # inches, of a legend
_LABEL = 48  # characters
P = ParamSpec("P")


class Line(NamedTuple):
    """A series of n points in a plot."""

    label: str  # in the legend; empty for none
    x: ArrayLike  # (n,); of bars their edges, (n + 1,)
    y: ArrayLike  # (n,)
    colour: str | int = 0  # by name, or by its number in COLOURS
    style: str = "line"  # of _LINES, or bars
    bounds: ArrayLike | None = None  # (n, 2), low and high: error bars with markers, else a band
    across: bool = False  # the bounds are of x


class Plot(NamedTuple):
    """Axes with their lines."""

    x: str  # the quantity and its unit
    y: str
    lines: Sequence[Line]
    title: str = ""
    x_range: tuple[float | None, float | None] | None = None
    y_range: tuple[float | None, float | None] | None = None
    x_scale: str = "linear"  # or log
    y_scale: str = "linear"  # or log, or counts: logarithmic, with 0
    legend: str = ""  # its heading
    rows: Sequence[str] = ()  # names at y = 0, 1, ...
    finish: Callable[[Axes], None] | None = None  # adds to the axes at the end


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


@styled
def draw(
    plots: Sequence[Plot],
    width: float = 9.6,
    height: float = 3.8,
    widths: Sequence[float] | None = None,
    heights: Sequence[float] | None = None,
    share_y: bool = False,
) -> Figure:
    """Draw plots side by side, or below one another, with legends below that cover no curve.

    Args:
        plots: at least one; one legend serves all where their labels are the same.
        width: of the figure, in inches.
        height: of the figure without its legends, in inches.
        widths: of the plots, relative to one another.
        heights: of the plots, relative: puts them below one another on a common horizontal axis.
        share_y: the vertical axis is the same.
    """
    figure = new_figure(width, height)
    shape = (1, len(plots)) if heights is None else (len(plots), 1)
    grid = figure.subplots(
        *shape, squeeze=False, sharex=heights is not None, sharey=share_y,
        width_ratios=widths, height_ratios=heights,
    ).ravel()  # fmt: skip
    for axes, plot in zip(grid, plots, strict=True):
        _draw_plot(axes, plot)
    if heights is not None:
        for axes in grid[:-1]:
            axes.set_xlabel("")
    _draw_legends(figure, grid, plots)
    return figure


def _draw_plot(axes: Axes, plot: Plot) -> None:
    for which, scale in (("x", plot.x_scale), ("y", plot.y_scale)):
        getattr(axes, f"set_{which}scale")(*_SCALES[scale][0], **_SCALES[scale][1])
    for i, line in enumerate(plot.lines):
        _draw_line(axes, line, 3 - 0.01 * i)
    for which, limits in (("x", plot.x_range), ("y", plot.y_range)):
        if limits is not None:
            getattr(axes, f"set_{which}lim")(*limits)
        _few_ticks(getattr(axes, f"{which}axis"))
    axes.set(xlabel=plot.x, ylabel=plot.y, title=plain(plot.title, _LABEL))
    if plot.rows:
        axes.set_yticks(np.arange(len(plot.rows)), [plain(name, _LABEL) for name in plot.rows])
        axes.set_ylim(len(plot.rows) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
    if plot.finish is not None:
        plot.finish(axes)


def _few_ticks(axis: Any) -> None:
    """Plain numbers on an axis that is not linear, 1, 2, 5 where it spans less than two decades."""
    from matplotlib.ticker import LogLocator, NullFormatter

    if axis.get_scale() == "linear":
        return
    axis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.set_minor_formatter(NullFormatter())
    if axis.get_scale() == "log":
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))


def _label(text: str) -> str:
    label = plain(text, _LABEL)
    return f" {label}" if label.startswith("_") else label  # matplotlib would hide it


def _draw_line(axes: Axes, line: Line, order: float) -> None:
    colour = COLOURS[line.colour % len(COLOURS)] if isinstance(line.colour, int) else line.colour
    label = _label(line.label) or None
    x, y = np.asarray(line.x), np.asarray(line.y)
    if line.style == "bars":
        axes.stairs(y, x, color=colour, fill=True, alpha=0.25)
        axes.stairs(y, x, color=colour, lw=1.6, label=label)
        return
    look: dict[str, Any] = {"color": colour, "label": label, "zorder": order, **_LINES[line.style]}
    if line.bounds is None:
        look.pop("elinewidth", None)
        axes.plot(x, y, **look)
        return
    low, high = np.asarray(line.bounds, float).T
    if "marker" in look:
        middle = x if line.across else y
        look["xerr" if line.across else "yerr"] = np.maximum([middle - low, high - middle], 0)
        axes.errorbar(x, y, **look)
        return
    step: Any = "post" if line.style == "steps" else None
    axes.fill_between(x, low, high, where=np.isfinite(y), step=step, color=colour, alpha=0.15, lw=0)
    axes.plot(x, y, **look)


def _draw_legends(figure: Figure, grid: Any, plots: Sequence[Plot]) -> None:
    """One legend below the figure where the plots share theirs, else one below each plot."""
    from matplotlib.transforms import ScaledTranslation

    entries = []
    for axes, plot in zip(grid, plots, strict=True):
        # matplotlib lists lines with error bars last
        order = [_label(line.label) for line in plot.lines]
        pairs = list(zip(*axes.get_legend_handles_labels(), strict=True))
        pairs.sort(key=lambda pair: order.index(pair[1]) if pair[1] in order else len(order))
        entries.append(([handle for handle, _ in pairs], [label for _, label in pairs]))
    if not any(labels for _, labels in entries):
        return
    width, height = figure.get_size_inches()
    common = len({tuple(labels) for _, labels in entries if labels}) == 1
    rows = 0
    for axes, plot, (handles, labels) in zip(grid, plots, entries, strict=True):
        if not labels:
            continue
        room = width if common else width / len(plots)
        entry = _HANDLE + _CHARACTER * max(map(len, labels))
        columns = int(np.clip(room // entry, 1, len(labels)))
        look = {"ncols": columns, "title": plot.legend or None, "alignment": "left"}
        rows = max(rows, -(-len(labels) // columns) + bool(plot.legend))
        if common:
            figure.legend(handles, labels, loc="outside lower left", **look)
            break
        below = axes.transAxes + ScaledTranslation(0, -0.42, figure.dpi_scale_trans)
        axes.legend(
            handles, labels, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below,
            borderaxespad=0, **look,
        )  # fmt: skip
    figure.set_figheight(height + _LINE_HEIGHT * rows + 0.1)


def histogram(label: str, values: ArrayLike, edges: ArrayLike, colour: str | int) -> Line:
    """Counts of values between edges, as bars; values outside are in the end bins."""
    limits = np.asarray(edges, float)
    counts, _ = np.histogram(np.clip(np.asarray(values), limits[0], limits[-1]), limits)
    return Line(label, limits, counts, colour, "bars")


def count_scale(bars: Sequence[Line]) -> str:
    """Scale of counts: logarithmic with 0 where some bars are much higher than 10."""
    return "counts" if max(np.max(line.y) for line in bars) > 200 else "linear"
