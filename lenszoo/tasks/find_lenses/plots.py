"""Figures of the lens-finding report, in the style of :mod:`lenszoo.reporting.plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lenszoo.metrics.lens_finding import OperatingCurve, purity_at
from lenszoo.metrics.lens_yield import Completeness, wilson_interval
from lenszoo.reporting.plots import (
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
                label=f"{curve.auc:.4f}  {plain(curve.name, 40)}",
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
        if price < 1.5 * left:  # no room for its name
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
    """Completeness and purity against the threshold, and purity against completeness.

    Args:
        curves: of each score; the left panel shows the first.
        prior: lenses an object in the survey.
        marks: thresholds of the first score by what they stand for, drawn as vertical lines.
    """
    figure = new_figure(9.6, 4.4)
    left, right = figure.subplots(1, 2)
    name, first = next(iter(curves.items()))
    balance = first.lenses / max(first.lenses + first.nonlenses, 1)
    x, survey = first.thresholds[1:], _measured_purity(first, prior)
    lines = {
        "completeness": first.completeness,
        f"purity here ({100 * balance:.0f} % lenses)": first.purity(),
        f"purity in a survey ({odds(prior)})": survey,
    }
    for i, (label, y) in enumerate(lines.items()):
        left.plot(x, y[1:], drawstyle="steps-pre", color=COLOURS[i], label=label)
    rates = wilson_interval(first.false_positives, first.nonlenses)
    low, high = (purity_at(first.completeness, rates[:, k], prior) for k in (1, 0))
    measured = np.isfinite(survey[1:])
    left.fill_between(
        x, low[1:], high[1:], where=measured, step="pre", color=COLOURS[2], alpha=0.15, lw=0
    )
    left.set(xlabel="threshold on the logit", ylim=(0, 1.08), title=plain(name, 40))
    left.set_yticks(np.linspace(0, 1, 6))
    _marks(left, marks)
    left.legend(loc="lower left", bbox_to_anchor=(0.01, 0.08), fontsize=8)
    for i, (label, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        y = _measured_purity(curve, prior)
        right.plot(curve.completeness, y, color=colour, label=plain(label, 34))
    right.set(xlabel="completeness", ylabel="purity", xlim=(0, 1.01), yscale="log")
    right.set(title=f"In a survey: {odds(prior)} is a lens", ylim=(prior / 2, 1.2))
    right.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    right.legend(fontsize=8, loc="lower left")
    return figure


def _measured_purity(curve: OperatingCurve, prior: float) -> NDArray[np.float64]:
    """Purity in the survey; NaN before the first non-lens, where it only looks like 1."""
    return np.where(curve.false_positives > 0, curve.purity(prior), np.nan)


def _marks(axes: Axes, marks: Mapping[str, float]) -> None:
    """Vertical lines with their names above, of those names that do not overlap."""
    low, high = axes.get_xlim()
    axes.set_xlim(low, high)
    named = -np.inf
    # from the loosest threshold, so that of two strict ones the one nearer to use keeps its name
    for label, at in sorted(marks.items(), key=lambda item: item[1]):
        if not (np.isfinite(at) and low <= at <= high):
            continue
        axes.axvline(at, color=FAINT, lw=0.9, ls="--", zorder=1)
        if at - named < 0.08 * (high - low):
            continue
        axes.text(at, 1.025, label, ha="center", va="bottom", fontsize=7.5, color=FAINT)
        named = at


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
def kinds_figure(
    kinds: Mapping[str, int],
    wrong: Mapping[str, Mapping[str, int]],
    logits: Mapping[str, NDArray[np.float64]],
    threshold: float,
) -> Figure:
    """Which kinds of non-lens are taken for lenses, and how far from it the others are.

    Args:
        kinds: how many there are of each kind.
        wrong: for each score the false positives of each kind.
        logits: the main score by kind; more names than kinds (the lenses) come below.
        threshold: of the main score.
    """
    figure = new_figure(9.6, 0.36 * len(logits) + 1.5)
    left, right = figure.subplots(1, 2, sharey=True)
    total = np.array(list(kinds.values()))
    rows = np.arange(len(kinds), dtype=float)
    for i, (name, counts) in enumerate(wrong.items()):
        hits = np.array([counts[kind] for kind in kinds])
        share, bounds = hits / total, wilson_interval(hits, total)
        left.errorbar(
            100 * share,
            rows + 0.22 * (i - (len(wrong) - 1) / 2),
            xerr=100 * np.maximum([share - bounds[:, 0], bounds[:, 1] - share], 0),
            fmt="o",
            ms=4,
            lw=1.2,
            color=COLOURS[i % len(COLOURS)],
            label=plain(name, 34),
        )
    left.set(xlabel="taken for a lens, %")
    left.set_xlim(left=-0.02 * left.get_xlim()[1])
    left.set_yticks(
        np.arange(len(logits)),
        [f"{plain(name, 22)}  ({len(values):,})" for name, values in logits.items()],
    )
    figure.legend(loc="outside upper left", ncols=3, fontsize=8)
    for row, (name, values) in enumerate(logits.items()):
        colour = _NONLENS if name in kinds else _LENS
        p5, p25, p50, p75, p95 = np.percentile(values, [5, 25, 50, 75, 95])
        right.plot([p5, p95], [row, row], color=colour, lw=1.2)
        right.plot([p25, p75], [row, row], color=colour, lw=5, alpha=0.5, solid_capstyle="butt")
        right.plot(p50, row, "o", ms=5, color=colour)
    right.axvline(threshold, color=FAINT, lw=0.9, ls="--")
    right.set(xlabel="logit", ylim=(len(logits) - 0.4, -0.6))
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
    return figure
