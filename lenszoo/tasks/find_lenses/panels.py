"""Figures of the lens-finding report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lenszoo.metrics.calibration import CalibrationBins
from lenszoo.metrics.classification import Floats
from lenszoo.metrics.intervals import wilson_interval
from lenszoo.metrics.lens_finding import OperatingCurve
from lenszoo.metrics.lens_yield import Completeness
from lenszoo.metrics.prevalence import purity_at
from lenszoo.reporting import panels
from lenszoo.reporting.colour import colour_bands, colour_image
from lenszoo.reporting.panels import Curve
from lenszoo.reporting.plots import COLOURS, FAINT, SOFT, Line, Plot, count_scale, histogram
from lenszoo.reporting.report import Figure
from lenszoo.reporting.text import percent, probability
from lenszoo.tasks.find_lenses.candidates import PROPERTIES, Candidates
from lenszoo.tasks.find_lenses.tables import odds, rate_text, shares_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FACTS = {"einstein_radius": '{:.2f}"', "arc_signal_to_noise": "S/N {:.0f}"}
_NONLENS, _LENS = 0, 1  # colours
_PURITIES = (0.9, 0.5, 0.1)
_MARK: Mapping[str, Any] = {  # of a name on a line
    "ha": "center", "va": "bottom", "fontsize": 7.5, "color": SOFT,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1},
}  # fmt: skip


def roc(curves: Sequence[Curve], baselines: Sequence[Curve], values: Mapping[str, Any]) -> Figure:
    """ROC curves of the scores and of the baselines, with lines of equal purity in a survey."""
    caption = (
        "Dashed: where candidates have the purity written there if "
        f"{odds(values['prevalence'])} objects is a lens; left of the line they are purer. "
        f"{values['nonlenses']:,} non-lenses measure no rate below {1 / values['nonlenses']:.2g}."
    )
    if baselines:
        caption += " Dotted: logistic regressions that need no network."
    named = [curve._replace(name=f"regression on {curve.name}") for curve in baselines]
    finish = partial(_draw_purities, prevalence=values["prevalence"])
    return panels.roc_panel(curves, named, caption, "completeness", finish)


def _draw_purities(axes: Axes, prevalence: float) -> None:
    """Lines on which 90, 50 and 10 % of the candidates are lenses, at a prevalence."""
    left = axes.get_xlim()[0]
    for purity in _PURITIES:
        # prevalence * TPR * (1 - purity) = (1 - prevalence) * FPR * purity
        price = prevalence * (1 - purity) / ((1 - prevalence) * purity)
        if not 1.5 * left < price < 0.99:  # no room for its name
            continue
        x = np.geomspace(left, price, 200)
        axes.plot(x, x / price, color=FAINT, lw=0.9, ls="--", zorder=1)
        axes.text(price, 1.03, f"purity {percent(purity, 0)}", **_MARK)


def thresholds(curves: Mapping[str, OperatingCurve], values: Mapping[str, Any]) -> Figure:
    """Purity and completeness against the threshold, and against each other."""
    prevalence, balance = values["prevalence"], values["lenses"] / values["n"]
    name, main = next(iter(curves.items()))
    x = main.thresholds[1:]
    rates = wilson_interval(main.false_positives, main.nonlenses)
    bounds = np.stack(
        [purity_at(main.completeness, rates[:, k], prevalence) for k in (1, 0)], axis=1
    )
    here = f"purity here ({percent(balance, 0)} lenses)"
    lines = [
        Line("completeness", x, main.completeness[1:], 0, "steps"),
        Line(here, x, main.purity()[1:], 1, "steps"),
        Line(
            f"purity in a survey ({odds(prevalence)})", x, _measured_purity(main, prevalence)[1:],
            2, "steps", bounds[1:],
        ),
    ]  # fmt: skip
    marks = [(_mark(point["rate"]), point["threshold"]) for point in values["operating_points"]]
    plot = Plot(
        "threshold on the logit", "share", lines, name, y_range=(0, 1.1),
        finish=partial(_draw_marks, marks=marks),
    )  # fmt: skip
    caption = (
        "The main score by threshold, in these data and in a survey. Purity in the survey is drawn "
        "where a non-lens passes: above that, these data only tell that it is higher. Shaded: from "
        "the 95 % interval of the false-positive rate."
    )
    return panels.plot_panel(
        "thresholds", "Purity and completeness", [plot], caption, wide=False, width=4.65, height=4.0
    )


def _measured_purity(curve: OperatingCurve, prevalence: float) -> Floats:
    """Purity in the survey; NaN before the first non-lens, where it only looks like 1."""
    return np.where(curve.false_positives > 0, curve.purity(prevalence), np.nan)


def _mark(rate: float | None) -> str:
    """A threshold in as few characters as can name it."""
    if rate is None:
        return "p 0.5"
    return rate_text(rate) if rate else "none"


def _draw_marks(axes: Axes, marks: Sequence[tuple[str, float]]) -> None:
    """Vertical lines with their names above, of those names that do not overlap."""
    low, high = axes.get_xlim()
    axes.set_xlim(low, high)
    last = -np.inf
    # from the loosest threshold, so that of two strict ones the one nearer to use keeps its name
    for label, at in sorted(marks, key=lambda mark: mark[1]):
        if not (np.isfinite(at) and low <= at <= high):
            continue
        axes.axvline(at, color=FAINT, lw=0.9, ls="--", zorder=1)
        if at - last >= 0.08 * (high - low):
            axes.text(at, 1.03, label, **_MARK)
            last = at


def completeness(
    properties: Mapping[str, Mapping[str, Completeness]], objects: Candidates
) -> Figure:
    """Completeness against properties of the lenses, a plot each."""
    plots: list[Plot] = []
    for key, by_score in properties.items():
        centres = np.concatenate([bins.centres for bins in by_score.values()])
        wide = bool(centres.min() > 0 and centres.max() > 8 * centres.min())
        lines = []
        for i, (name, bins) in enumerate(by_score.items()):
            # the scores are of the same lenses: a little apart, or their bars hide each other
            shift = 0.004 * i * np.ptp(bins.edges)
            x = bins.centres * (1 + 0.025 * i) if wide else bins.centres + shift
            lines.append(Line(name, x, bins.completeness, i, "marked", bins.intervals))
        scale = "log" if wide else "linear"
        label = "" if plots else "completeness"
        plots.append(Plot(PROPERTIES[key], label, lines, y_range=(-0.02, 1.03), x_scale=scale))
    unknown = max(bins.unknown for by_score in properties.values() for bins in by_score.values())
    at = "at even odds" if objects.labels.all() else f"at {rate_text(objects.rate)} false positives"
    caption = f"Each score {at}; bins hold equally many lenses, bars are 95 % intervals."
    if unknown:
        caption += f" Up to {unknown:,} lenses are left out: their value is not known."
    return panels.plot_panel(
        "completeness", "Completeness by property", plots, caption, wide=len(plots) > 1,
        width=3.2 * len(plots), height=3.2,
    )  # fmt: skip


def reliability(
    bins: CalibrationBins, before: CalibrationBins | None, objects: Candidates
) -> Figure:
    """Reliability diagram of the probability of a lens, with that before temperature scaling."""
    caption = (
        f"Of {objects.main}. Below the line too many lenses are promised, above it too few. "
        "Bars: one standard error."
    )
    quantities = ("probability of a lens", "share of lenses")
    return panels.reliability_panel(bins, caption, before, quantities)


def distribution(objects: Candidates) -> Figure:
    """Histogram of the main score, lenses and non-lenses apart."""
    scores = objects.scores[objects.main]
    # a tail of a few must not squeeze the rest into three bars
    low, high = np.percentile(scores, [0.1, 99.9])
    edges = np.linspace(low, high, 41) if high > low else np.linspace(low - 0.5, low + 0.5, 41)
    lines = []
    for name, rows, colour in (
        ("non-lenses", ~objects.labels, _NONLENS),
        ("lenses", objects.labels, _LENS),
    ):
        if rows.any():
            label = f"{rows.sum():,} {name}, median {np.median(scores[rows]):.2f}"
            lines.append(histogram(label, scores[rows], edges, colour))
    scale = count_scale(lines)
    plot = Plot(f"logit, {objects.main}", "objects", lines, y_range=(0, None), y_scale=scale)
    caption = "The outer thousandths are in the end bins."
    if scale != "linear":
        caption += " Counts are on a logarithmic axis."
    return panels.plot_panel(
        "scores", "Scores", [plot], caption, wide=False, width=4.65, height=3.4
    )


def kinds(objects: Candidates) -> Figure:
    """False positives by kind, and the logits of every kind."""
    counts, logits = objects.kinds(), objects.scores[objects.main]
    kind = objects.truth["kind"].astype(str)
    groups = {name: logits[(kind == name) & ~objects.labels] for name in counts}
    if objects.labels.any():
        groups["all lenses"] = logits[objects.labels]
    rows, total = np.arange(len(counts)), np.array(list(counts.values()))
    shares = []
    for i, name in enumerate(objects.scores):
        wrong = objects.false_positives(name)
        hits = np.array([wrong[each] for each in counts])
        place = rows + 0.22 * (i - (len(objects.scores) - 1) / 2)
        bounds = 100 * wilson_interval(hits, total)
        shares.append(Line(name, 100 * hits / total, place, i, "dots", bounds, across=True))
    ranges = []
    for row, (name, values) in enumerate(groups.items()):
        p5, p25, p50, p75, p95 = np.percentile(values, [5, 25, 50, 75, 95])
        colour = COLOURS[_NONLENS if name in counts else _LENS]
        ranges.append(Line("", [p5, p95], [row, row], colour, "thin"))
        ranges.append(Line("", [p25, p75], [row, row], colour, "thick"))
        ranges.append(Line("", [p50], [row], colour, "dots"))
    ends = [-0.6, len(groups) - 0.4]
    ranges.append(Line("", [objects.thresholds[objects.main]] * 2, ends, FAINT, "dashed"))
    names = [f"{name}  ({len(values):,})" for name, values in groups.items()]
    plots = [
        Plot("taken for a lens, %", "", shares, rows=names, x_range=(-1, None)),
        Plot("logit", "", ranges, rows=names),
    ]
    caption = (
        f"Left: each score at {rate_text(objects.rate)} false positives over all kinds; bars are "
        f"95 % intervals. Right: logits of {objects.main}: median, half and nine tenths of each "
        "kind, and the threshold (dashed)."
    )
    return panels.plot_panel(
        "kinds", "Non-lenses taken for lenses", plots, caption, share_y=True,
        height=0.3 * len(groups) + 1.0,
    )  # fmt: skip


_GALLERIES = {
    "false_positives": (
        "Most confident false positives",
        "Non-lenses above the threshold, the most lens-like first",
    ),
    "missed_lenses": (
        "Missed lenses",
        "Lenses below the threshold, the least lens-like first",
    ),
    "found_lenses": ("Found lenses", "Lenses above the threshold, the most lens-like first"),
}


def galleries(
    objects: Candidates,
    rows_by_name: Mapping[str, Sequence[int]],
    images: NDArray[Any],
    bands: Sequence[str] | None,
    trained_prevalence: float,
) -> list[Figure]:
    """Images of false positives, missed and found lenses, with probabilities as in training."""
    chosen = colour_bands(bands, images.shape[3] if images.ndim == 4 else 1)
    colours = "Greys"
    if chosen is not None:
        names = [str(bands[k]) if bands else f"band {k}" for k in chosen]
        colours = f"Red, green and blue are {', '.join(names)}"
    shares = shares_text(trained_prevalence)
    figures = []
    for key, rows in rows_by_name.items():
        title, order = _GALLERIES[key]
        caption = f"{order}. {colours}; brightness is stretched (asinh). {shares}"
        lines = [_lines(objects.describe(row)) for row in rows]
        pictures = [np.asarray(images[row]) for row in rows]
        shown = partial(colour_image, bands=bands)
        figures.append(panels.gallery_panel(key, title, caption, pictures, lines, shown=shown))
    return figures


def _lines(described: Mapping[str, Any]) -> list[str]:
    """Probability and kind, properties of a lens, name."""
    first = f"{probability(described['probability'])}  {described['kind']}"
    facts = [
        form.format(described[key])
        for key, form in _FACTS.items()
        if np.isfinite(described.get(key, np.nan))
    ]
    return [first, *(["  ".join(facts)] if facts else []), described["id"]]
