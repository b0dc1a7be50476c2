"""Figures of the lens-finding report, in the style of :mod:`lenszoo.evaluation.plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lenszoo.evaluation.lens_metrics import OperatingCurve
from lenszoo.evaluation.lens_yield import Completeness, wilson_interval
from lenszoo.evaluation.plots import (
    COLOURS,
    FAINT,
    Curve,
    new_figure,
    plain,
    roc_axes,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PURITIES = (0.9, 0.5, 0.1)
_LENS, _NONLENS = COLOURS[1], COLOURS[0]


@styled
def lens_roc_figure(curves: Sequence[Curve], baselines: Sequence[Curve], prior: float) -> Figure:
    """ROC curves, on a linear and on a logarithmic axis with lines of equal purity at the prior.

    Args:
        curves: of the finder's scores.
        baselines: what needs no network, drawn dotted.
        prior: lenses an object in the survey.
    """
    figure = new_figure(9.6, 4.4)
    linear, log, left = roc_axes(figure, [*curves, *baselines], "completeness")
    for axes in (linear, log):
        floor = left if axes is log else 0
        for i, curve in enumerate((*curves, *baselines)):
            dotted = i >= len(curves)
            axes.plot(
                np.maximum(curve.false_positive_rate, floor),
                curve.true_positive_rate,
                ":" if dotted else "-",
                lw=1.3 if dotted else 1.8,
                color=COLOURS[i % len(COLOURS)],
                label=f"{curve.auc:.4f}  {plain(curve.name, 34)}",
                zorder=3 - 0.1 * i,
            )
    linear.plot([0, 1], [0, 1], color=FAINT, lw=0.8)
    linear.legend(loc="lower right", title="AUC", alignment="left", fontsize=8)
    _purity_lines(log, left, prior)
    return figure


def _purity_lines(axes: Axes, left: float, prior: float) -> None:
    """Where a candidate is a lens with a chance of 90, 50 and 10 %, in a survey of the prior."""
    for purity in _PURITIES:
        # prior * TPR * (1 - purity) = (1 - prior) * FPR * purity
        price = prior * (1 - purity) / ((1 - prior) * purity)
        x = np.geomspace(left, 1, 200)
        y = x / price
        if y[0] > 1:
            continue
        axes.plot(x, np.where(y <= 1.02, y, np.nan), color=FAINT, lw=0.9, ls="--", zorder=1)
        axes.annotate(
            f"purity {100 * purity:.0f} %",
            (price, 1),
            xytext=(-3, -4),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="top",
            fontsize=7.5,
            color=FAINT,
        )


@styled
def threshold_figure(
    curves: Mapping[str, OperatingCurve], prior: float, marks: Mapping[str, float]
) -> Figure:
    """Completeness and purity against the threshold, and against each other.

    Args:
        curves: of each score; the left panel shows the first.
        prior: lenses an object in the survey.
        marks: thresholds of the first score by what they stand for, drawn as vertical lines.
    """
    figure = new_figure(9.6, 4.4)
    left, right = figure.subplots(1, 2)
    name, first = next(iter(curves.items()))
    x = first.thresholds[1:]
    balance = first.lenses / max(first.lenses + first.nonlenses, 1)
    for i, (label, y) in enumerate(
        (
            ("completeness", first.completeness),
            (f"purity, {100 * balance:.0f} % lenses (these data)", first.purity()),
            (f"purity, {odds(prior)} lenses", first.purity(prior)),
        )
    ):
        left.plot(x, y[1:], drawstyle="steps-pre", color=COLOURS[i], label=label)
    for label, at in marks.items():
        if np.isfinite(at):
            left.axvline(at, color=FAINT, lw=0.9, ls="--")
            left.annotate(
                label,
                (at, 0.02),
                xytext=(-3, 0),
                textcoords="offset points",
                rotation=90,
                ha="right",
                va="bottom",
                fontsize=7.5,
                color=FAINT,
            )
    left.set(xlabel="threshold on the logit", ylim=(0, 1.02), title=plain(name, 40))
    left.legend(loc="center left", fontsize=8)
    for i, (label, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        shown = plain(label, 34)
        right.plot(curve.completeness, curve.purity(prior), color=colour, label=shown)
        right.plot(curve.completeness, curve.purity(), ":", lw=1.1, color=colour)
    right.plot([], [], ":", lw=1.1, color=FAINT, label=f"{100 * balance:.0f} % lenses")
    right.set(xlabel="completeness", ylabel="purity", xlim=(0, 1.01), ylim=(0, 1.02))
    right.set(title=f"{odds(prior)} lenses")
    right.legend(fontsize=8)
    return figure


def odds(prior: float) -> str:
    """A share of lenses in words: ``1 in 1,000``."""
    return f"1 in {1 / prior:,.0f}" if prior < 0.1 else f"{100 * prior:.0f} %"


@styled
def scores_figure(labels: NDArray[np.bool_], scores: NDArray[np.float64], name: str) -> Figure:
    """Histograms of one score, lenses and non-lenses apart, counts on a logarithmic axis."""
    figure = new_figure(4.65, 3.6)
    axes = figure.subplots()
    # a tail of a few must not squeeze the rest into three bars
    low, high = np.percentile(scores, [0.1, 99.9])
    span = (low, high) if high > low else (low - 0.5, low + 0.5)
    shown = np.clip(scores, *span)
    bins = np.linspace(*span, 41).tolist()
    for label, rows, colour in (
        (f"{int((~labels).sum()):,} non-lenses", ~labels, _NONLENS),
        (f"{int(labels.sum()):,} lenses", labels, _LENS),
    ):
        if rows.any():
            axes.hist(shown[rows], bins, color=colour, alpha=0.55, label=label)
    axes.set_yscale("symlog", linthresh=10)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set(xlabel=f"logit, {plain(name, 30)}", ylabel="objects", xlim=span)
    axes.set_ylim(0, axes.get_ylim()[1] * 2)
    axes.legend(loc="upper left", ncols=2, fontsize=8)
    return figure


@styled
def completeness_figure(
    panels: Mapping[str, Mapping[str, Completeness]], labels: Mapping[str, str]
) -> Figure:
    """Completeness against properties of the lenses, a panel each, with 95 % intervals.

    Args:
        panels: for each property the completeness of each score.
        labels: the name of each property with its unit.
    """
    figure = new_figure(3.2 * max(len(panels), 1), 3.5)
    for place, (axes, (key, scores)) in enumerate(
        zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True)
    ):
        centres = np.concatenate([result.centres for result in scores.values()])
        wide = bool(centres.min() > 0 and centres.max() > 8 * centres.min())
        axes.set_xscale("log" if wide else "linear")
        for i, (name, result) in enumerate(scores.items()):
            share, bounds = result.completeness, result.intervals
            # the scores are of the same lenses: a little apart, or their bars hide each other
            shift = 1 + 0.025 * i if wide else 0.004 * i * np.ptp(result.edges)
            x = result.centres * shift if wide else result.centres + shift
            axes.errorbar(
                x,
                share,
                yerr=np.maximum([share - bounds[:, 0], bounds[:, 1] - share], 0),
                fmt="o-",
                ms=4 if i == 0 else 3,
                lw=1.6 if i == 0 else 1.0,
                elinewidth=1.0,
                color=COLOURS[i % len(COLOURS)],
                label=plain(name, 34),
                zorder=3 - 0.1 * i,
            )
        if wide:
            _few_ticks(axes)
        axes.set(xlabel=labels[key], ylim=(-0.02, 1.03))
        if place == 0:
            axes.set_ylabel("completeness")
            axes.legend(loc="best", fontsize=8)
    return figure


def _few_ticks(axes: Axes) -> None:
    """Plain numbers on a logarithmic axis, also where it spans less than a decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


@styled
def kinds_figure(kinds: Mapping[str, tuple[int, int]], rate: float) -> Figure:
    """Which kinds of non-lens are taken for lenses, with 95 % intervals.

    Args:
        kinds: for each kind its false positives and how many there are.
        rate: the false-positive rate of all of them, drawn as a line.
    """
    figure = new_figure(4.65, max(0.36 * len(kinds) + 1.1, 2.2))
    axes = figure.subplots()
    wrong, total = np.array(list(kinds.values())).T
    share, bounds = wrong / total, wilson_interval(wrong, total)
    rows = np.arange(len(kinds))[::-1]
    axes.errorbar(
        100 * share,
        rows,
        xerr=100 * np.maximum([share - bounds[:, 0], bounds[:, 1] - share], 0),
        fmt="o",
        ms=5,
        lw=1.4,
        color=_NONLENS,
    )
    axes.axvline(100 * rate, color=FAINT, lw=0.9, ls="--")
    axes.set_yticks(rows, [f"{plain(name, 22)}  ({n:,})" for name, (_, n) in kinds.items()])
    axes.set(xlabel="taken for a lens, %", ylim=(-0.6, len(kinds) - 0.4))
    axes.set_xlim(left=0)
    axes.grid(axis="y", visible=False)
    return figure
