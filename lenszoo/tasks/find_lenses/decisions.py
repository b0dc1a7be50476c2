"""Figures that decide about a search: completeness at low false-positive rates, and its price."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.metrics.classification import Floats
from lenszoo.metrics.intervals import pair_or_none
from lenszoo.metrics.lens_finding import OperatingCurve
from lenszoo.metrics.lens_rates import RATES, completeness_at
from lenszoo.metrics.lens_yield import SurveyCalibration
from lenszoo.metrics.prevalence import inspections_per_lens
from lenszoo.reporting import panels
from lenszoo.reporting.panels import Column
from lenszoo.reporting.plots import FAINT, INK, Line, Plot
from lenszoo.reporting.report import Card, Figure
from lenszoo.reporting.text import percent, plain, show_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def rate_key(rate: float) -> str:
    """Key of the completeness at a rate in ``metrics``: ``tpr_1e-3``."""
    return f"tpr_1e-{round(-np.log10(rate))}"


RATE_COLUMNS = [Column(rate_key(rate), f"TPR at {100 * rate:g} %") for rate in RATES]


def rates_of(y: NDArray[np.bool_], scores: Floats) -> tuple[dict[str, float], dict[str, Any]]:
    """Completeness at each rate, NaN where it cannot be measured, and its intervals."""
    measured = {rate_key(rate): completeness_at(y, scores, rate) for rate in RATES}
    shares = {key: each.completeness for key, each in measured.items()}
    return shares, {key: pair_or_none(each.interval) for key, each in measured.items()}


def unmeasured(values: Mapping[str, Any]) -> str:
    """A sentence on the rates that the non-lenses are too few for; empty where there is none."""
    rates = [
        rate for rate in RATES if values["nonlenses"] < values["nonlenses_needed"][f"{rate:g}"]
    ]
    if not rates:
        return ""
    each = [f"{values['nonlenses_needed'][f'{r:g}']:,} for {100 * r:g} %" for r in rates]
    return (
        "Not measurable with "
        f"{values['nonlenses']:,} non-lenses: the completeness at a false-positive rate of "
        f"{' or '.join(f'{100 * r:g} %' for r in rates)}. It takes {', '.join(each)}."
    )


def inspections_text(value: float | None, bounds: Any = None) -> str:
    """Inspections a lens in three digits, with their interval where it is bounded."""
    if value is None or not np.isfinite(value):
        return "n/a"
    limits = pair_or_none(bounds) if bounds is not None else None
    text = _digits(value)
    return f"{text} ({_digits(limits[0])} to {_digits(limits[1])})" if limits else text


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def rate_cards(values: Mapping[str, Any]) -> list[Card]:
    """A card for each rate; how many non-lenses it takes where there are too few."""
    cards = []
    for rate, column in zip(RATES, RATE_COLUMNS, strict=True):
        share, bounds = values[column.key], (values["intervals"] or {}).get(column.key)
        detail = f"95 %: {show_interval(bounds, '.1%')}"
        if share is None or not np.isfinite(share):
            detail = f"takes {values['nonlenses_needed'][f'{rate:g}']:,} non-lenses"
        cards.append(Card(column.heading, percent(share), detail))
    return cards


def decisions(curves: Mapping[str, OperatingCurve], values: Mapping[str, Any], odds: str) -> Figure:
    """Completeness at false-positive rates, and inspections a lens against completeness."""
    prevalence, nonlenses = values["prevalence"], values["nonlenses"]
    left = 10 ** np.floor(np.log10(min(0.5 / nonlenses, 5e-5)))
    rates, prices = [], []
    for i, (name, curve) in enumerate(curves.items()):
        x = np.maximum(curve.false_positive_rate, left)
        rates.append(Line(name, x, curve.completeness, i, "steps"))
        share, rate = curve.completeness, curve.false_positive_rate
        price = inspections_per_lens(share, np.where(rate > 0, rate, np.nan), prevalence)
        prices.append(Line(name, curve.completeness, price, i))
    bounds = values["intervals"] or {}
    measured = [rate for rate in RATES if bounds.get(rate_key(rate))]
    if measured:
        y = [values[rate_key(rate)] for rate in measured]
        marks = [bounds[rate_key(rate)] for rate in measured]
        rates.insert(0, Line("", measured, y, INK, "dots", marks))
    finish = partial(_shade, limit=min(-np.log(0.025) / nonlenses, 1.0), left=left)
    highest = max(1.2 / prevalence, 10.0)
    plots = [
        Plot(
            "false-positive rate", "completeness", rates, "At few false positives",
            x_range=(left, 1), x_scale="log", y_range=(0, 1.02), finish=finish,
        ),
        Plot(
            "completeness", "inspections per lens", prices, f"In a survey: {odds} is a lens",
            x_range=(0, 1.01), y_range=(0.9, highest), y_scale="log", finish=_purity_axis,
        ),
    ]  # fmt: skip
    caption = (
        "Left: points are the main score at the rates of the table, with 95 % intervals; in the "
        f"grey area the {nonlenses:,} non-lenses are too few to measure. Right: candidates to look "
        "at for each lens that is found, where a non-lens passes."
    )
    return panels.plot_panel("decisions", "Completeness and its price", plots, caption, height=3.9)


def _purity_axis(axes: Axes) -> None:
    """Write the purity, one over the inspections per lens, on the right."""
    right = axes.secondary_yaxis("right", functions=(_inverse, _inverse))
    right.set_ylabel("purity")
    right.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    right.yaxis.set_minor_formatter(lambda *_: "")


def _inverse(values: ArrayLike) -> Floats:
    with np.errstate(divide="ignore"):
        return 1 / np.asarray(values, float)


def _shade(axes: Axes, limit: float, left: float) -> None:
    """Shade the rates that cannot be measured."""
    if limit > left:
        axes.axvspan(left, limit, color=FAINT, alpha=0.13, lw=0, zorder=0)


def survey_reliability(
    bins: SurveyCalibration, name: str, values: Mapping[str, Any], odds: str
) -> Figure:
    """Reliability diagram of the probabilities in a survey, on logarithmic axes."""
    sound = (bins.share > 0) & (bins.probability > 0)
    bounds = np.maximum(bins.intervals, 1e-12)
    low = float(10 ** np.floor(np.log10(max(bins.probability[sound].min(initial=1.0), 1e-9))))
    label = f"{plain(name, 24)}, expected error {bins.error:.2g}"
    lines = [
        Line("perfect calibration", [low, 1], [low, 1], FAINT, "dashed"),
        Line(label, bins.probability[sound], bins.share[sound], 0, "marked", bounds[sound]),
    ]
    plot = Plot(
        "probability of a lens in the survey", "share of lenses", lines,
        x_range=(low, 1.3), y_range=(low, 1.3), x_scale="log", y_scale="log",
    )  # fmt: skip
    caption = (
        f"Probabilities moved from {percent(values['trained_prevalence'], 0)} lenses to {odds}, "
        "against the share of lenses if the survey's objects are like these. Bars: 95 %. Bins "
        "without a lens cannot be drawn on this axis."
    )
    return panels.plot_panel(
        "survey_reliability", "Reliability in a survey", [plot], caption, wide=False, width=4.65,
        height=4.4,
    )  # fmt: skip
