"""The label-efficiency curve as a figure and as a table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.reporting.plots import COLOURS, FAINT, new_figure, plain, styled

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ("candidate", "labels", "seed", "auc")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_HEIGHT, _LINE = 4.4, 0.2  # inches: the figure, and a line of a label


class EfficiencyCurve(NamedTuple):
    """AUC of one candidate against the number of labels.

    Attributes:
        candidate: its name.
        labels: numbers of labels, rising, shape (k,).
        mean: mean AUC over seeds, shape (k,).
        std: sample standard deviation over seeds, shape (k,); NaN for a single seed.
    """

    candidate: str
    labels: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def efficiency_curves(table: pa.Table | Mapping[str, ArrayLike]) -> list[EfficiencyCurve]:
    """Average the AUC over seeds, for each candidate in the order of the table.

    Args:
        table: of :func:`lenszoo.training.label_efficiency`, or columns ``candidate``, ``labels``,
            ``seed`` and ``auc`` of equal length.

    Raises:
        LenszooError: a column is missing, there are no rows, an AUC is not finite, or a candidate
            has two rows of one seed and number of labels.
    """
    names, counts, seeds, aucs = (_column(table, name) for name in _COLUMNS)
    if not len(names) or not np.isfinite(aucs.astype(np.float64)).all():
        raise LenszooError("The label-efficiency table has no rows, or an AUC that is not finite.")
    rows = list(zip(names.tolist(), counts.tolist(), seeds.tolist(), strict=True))
    if len(set(rows)) < len(rows):
        name, count, seed = next(row for row in rows if rows.count(row) > 1)
        raise LenszooError(
            f"The label-efficiency table holds {name} with {count} labels and seed {seed} twice."
        )
    curves = []
    for name in dict.fromkeys(names.tolist()):
        own = names == name
        labels = np.unique(counts[own].astype(np.int64))
        drawn = [aucs[own & (counts == count)].astype(np.float64) for count in labels]
        std = [a.std(ddof=1) if len(a) > 1 else np.nan for a in drawn]
        curves.append(
            EfficiencyCurve(str(name), labels, np.array([a.mean() for a in drawn]), np.array(std))
        )
    return curves


def _column(table: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(table[name])
    except KeyError:
        raise LenszooError(
            f"The label-efficiency table has no column {name!r}; it takes {', '.join(_COLUMNS)}."
        ) from None


def label_efficiency_markdown(table: pa.Table | Mapping[str, ArrayLike]) -> str:
    """A row for each candidate, a column for each number of labels: mean ± std over seeds.

    The best mean of each column is bold.

    Args:
        table: as :func:`efficiency_curves`.
    """
    curves = efficiency_curves(table)
    counts = sorted({int(n) for curve in curves for n in curve.labels})
    best = {n: max(_at(c, n)[0] for c in curves if n in c.labels) for n in counts}
    lines = [
        "| AUC with labels | " + " | ".join(f"{n:,}" for n in counts) + " |",
        "|---|" + "---|" * len(counts),
    ]
    for curve in curves:
        cells = [_cell(*_at(curve, n), best[n]) if n in curve.labels else "" for n in counts]
        name = " ".join(curve.candidate.replace("|", "\\|").split())
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _at(curve: EfficiencyCurve, count: int) -> tuple[float, float]:
    k = int(np.searchsorted(curve.labels, count))
    return float(curve.mean[k]), float(curve.std[k])


def _cell(mean: float, std: float, best: float) -> str:
    text = f"{mean:.3f}" if np.isnan(std) else f"{mean:.3f} ± {std:.3f}"
    return f"**{text}**" if mean == best else text


@styled
def plot_label_efficiency(
    table: pa.Table | Mapping[str, ArrayLike], *, title: str = "Frozen features, few labels"
) -> Figure:
    """AUC on the test set against the number of labels, a line for each candidate.

    The band is the mean ± one standard deviation over seeds, which draw the labels; each line is
    named at its end, with the AUC that it reaches there.

    Args:
        table: as :func:`efficiency_curves`.
        title: of the figure.
    """
    curves = efficiency_curves(table)
    figure = new_figure(7.4, max(_HEIGHT, 1.2 + _LINE * len(curves)))
    axes = figure.subplots()
    for k, curve in enumerate(curves):
        colour, marker = _look(k)
        std = np.nan_to_num(curve.std)
        axes.fill_between(
            curve.labels, curve.mean - std, curve.mean + std, color=colour, alpha=0.16, lw=0
        )
        axes.plot(curve.labels, curve.mean, marker=marker, ms=4.5, color=colour)
    counts = np.unique(np.concatenate([curve.labels for curve in curves]))
    axes.set(xscale="log", xlabel="labelled images", ylabel="ROC-AUC on the test set", title=title)
    axes.set_xlim(counts[0] / 1.12, counts[-1] * 1.12)
    axes.set_xticks(counts, [f"{n:,}" for n in counts])
    axes.minorticks_off()
    low, high = _limits(curves)
    axes.set_ylim(low, high)
    ends = []
    for k, curve in enumerate(curves):
        text = f"{curve.mean[-1]:.3f}  {plain(curve.candidate, 34)}"
        ends.append(_End(float(curve.labels[-1]), float(curve.mean[-1]), text, _look(k)[0]))
    if low <= 0.5:
        axes.axhline(0.5, color=FAINT, lw=1, ls="--")
        ends.append(_End(float(counts[-1] * 1.12), 0.5, "0.500  chance", FAINT))
    _name_lines(axes, ends, figure.get_figheight())
    return figure


class _End(NamedTuple):
    """Where a line ends, and what is written there."""

    x: float
    y: float
    text: str
    colour: str


def _look(index: int) -> tuple[str, str]:
    return COLOURS[index % len(COLOURS)], _MARKERS[(index // len(COLOURS)) % len(_MARKERS)]


def _limits(curves: list[EfficiencyCurve]) -> tuple[float, float]:
    """Room for every band, and for the line of chance where a curve comes near it."""
    lowest = min(float((c.mean - np.nan_to_num(c.std)).min()) for c in curves)
    highest = max(float((c.mean + np.nan_to_num(c.std)).max()) for c in curves)
    lowest = min(lowest, 0.5) if lowest < 0.6 else lowest
    margin = 0.04 * max(highest - lowest, 0.02)
    return lowest - margin, min(highest + margin, 1 + margin)


def _name_lines(axes: Axes, ends: list[_End], height: float) -> None:
    """Write each name right of the axes at the height of its line's end, none over another."""
    low, high = axes.get_ylim()
    room = (high - low) * _LINE / (height - 1.0)  # 1 inch goes to the title and the axis below
    rising = sorted(ends, key=lambda end: end.y)
    places = _spread([end.y for end in rising], room, low + room / 2, high - room / 2)
    for end, place in zip(rising, places, strict=True):
        axes.annotate(
            end.text,
            (end.x, end.y),
            xytext=(1.06, place),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": end.colour,
                "lw": 1.0,
                "alpha": 0.7,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 4,
            },
        )


def _spread(ends: list[float], room: float, low: float, high: float) -> list[float]:
    """Move rising heights as little as needed to keep ``room`` between neighbours.

    Heights that crowd form a block about their mean, which stays between the limits.
    """
    blocks: list[list[float]] = []  # each the heights that one run of labels stands for

    def bottom(block: list[float]) -> float:
        span = room * (len(block) - 1)
        return min(max(float(np.mean(block)) - span / 2, low), max(high - span, low))

    for end in ends:
        blocks.append([end])
        while len(blocks) > 1:
            below = blocks[-2]
            if bottom(blocks[-1]) >= bottom(below) + room * len(below) - 1e-12:
                break
            blocks[-2:] = [below + blocks[-1]]
    return [bottom(block) + room * k for block in blocks for k in range(len(block))]
