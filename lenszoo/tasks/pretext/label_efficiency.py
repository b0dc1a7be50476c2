"""The label-efficiency curve as a figure and as a table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.reporting.plots import FAINT, Line, Plot, draw

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ("candidate", "labels", "seed", "auc")


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

    Example:
        >>> from lenszoo.evaluation import efficiency_curves
        >>> table = {
        ...     "candidate": ["mine"] * 4,
        ...     "labels": [50, 50, 200, 200],
        ...     "seed": [0, 1, 0, 1],
        ...     "auc": [0.70, 0.72, 0.80, 0.82],
        ... }
        >>> len(efficiency_curves(table))
        1
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

    Example:
        >>> rows = {"candidate": ["a", "b"], "labels": [50, 50], "seed": [0, 0], "auc": [0.9, 0.8]}
        >>> print(label_efficiency_markdown(rows))
        | AUC with labels | 50 |
        |---|---|
        | a | **0.900** |
        | b | 0.800 |
        <BLANKLINE>
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


def plot_label_efficiency(
    table: pa.Table | Mapping[str, ArrayLike], *, title: str = "Frozen features, few labels"
) -> Figure:
    """AUC on the test set against the number of labels, a line for each candidate.

    Bars are one standard deviation over seeds, which draw the labels. The legend gives the AUC with
    all labels, the highest first; chance is drawn where a curve comes near it.

    Args:
        table: as :func:`efficiency_curves`.
        title: of the figure.

    Example:
        >>> from lenszoo.evaluation import plot_label_efficiency
        >>> table = {
        ...     "candidate": ["mine"] * 4,
        ...     "labels": [50, 50, 200, 200],
        ...     "seed": [0, 1, 0, 1],
        ...     "auc": [0.70, 0.72, 0.80, 0.82],
        ... }
        >>> plot_label_efficiency(table).savefig("label_efficiency.png")
    """
    curves = efficiency_curves(table)
    lines = []
    for k, (name, labels, mean, std) in enumerate(curves):
        error = np.nan_to_num(std)
        bounds = np.stack([mean - error, mean + error], axis=1)
        style = ("marked", "dashed marked")[k // 6 % 2]
        lines.append(Line(f"{mean[-1]:.3f} {name}", labels, mean, k, style, bounds))
    lines.sort(key=lambda line: -np.asarray(line.y)[-1])
    counts = np.unique(np.concatenate([curve.labels for curve in curves]))
    ends = (counts[0] / 1.12, counts[-1] * 1.12)
    if min(float(np.min(line.bounds)) for line in lines if line.bounds is not None) < 0.6:
        lines.append(Line("0.500 chance", ends, [0.5, 0.5], FAINT, "dashed"))

    def ticks(axes: Axes) -> None:
        axes.set_xticks(counts, [f"{n:,}" for n in counts])
        axes.minorticks_off()

    plot = Plot(
        "labelled images", "ROC-AUC on the test set", lines, title, x_range=ends, x_scale="log",
        legend="AUC with all labels", finish=ticks,
    )  # fmt: skip
    return draw([plot], width=7.4, height=4.4)
