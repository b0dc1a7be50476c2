"""How the lens-finding report reads: its sentences, tables and figures."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenszoo.metrics.classification import CalibrationBins
from lenszoo.metrics.lens_finding import OperatingCurve
from lenszoo.metrics.lens_yield import Completeness
from lenszoo.reporting import plots
from lenszoo.reporting.colour import colour_bands, colour_image
from lenszoo.reporting.report import Card, Figure, interval, number
from lenszoo.tasks.find_lenses import plots as lens_plots
from lenszoo.tasks.find_lenses.candidates import PROPERTIES, Candidates
from lenszoo.tasks.find_lenses.plots import odds
from lenszoo.tasks.find_lenses.tables import (
    at_rate,
    percent,
    probability,
    purity_text,
    rate_text,
)

_FACTS = {"einstein_radius": '{:.2f}"', "arc_signal_to_noise": "S/N {:.0f}"}


def summary(values: Mapping[str, Any], found: Candidates) -> str:
    """What the finder finds, at what price, and what of it needs no network."""
    n, lenses, point = values["n"], values["lenses"], at_rate(values, found)
    if not (lenses and values["nonlenses"]):
        what, verb = ("lenses", "found") if lenses else ("non-lenses", "taken for lenses")
        passed = point["completeness"] if lenses else point["false_positive_rate"]
        return (
            f"All {n:,} objects are {what}: {percent(passed)} of them are {verb} at even odds. "
            "Nothing that compares lenses with non-lenses is defined."
        )
    bounds = (values["intervals"] or {}).get("auc")
    said = f"On {n:,} objects, {lenses:,} of them lenses, the AUC is {number(values['auc'])}"
    said += f" ({interval(bounds, 3)})" if bounds else ""
    said += (
        f". At a false-positive rate of {rate_text(found.rate)} it finds "
        f"{percent(point['completeness'])} of the lenses; where {odds(values['prior'])} objects "
        f"is a lens, {purity_text(point)} of such candidates would be lenses"
    )
    rest = [f"{k} {number(v['auc'])}" for k, v in values["by_score"].items() if k != found.main]
    rest += [
        f"a logistic regression on {name} {number(base['auc'])}"
        for name, base in values["baselines"].items()
        if base["auc"] is not None
    ]
    return f"{said}. AUC of the others: {', '.join(rest)}." if rest else f"{said}."


def cards(values: Mapping[str, Any], found: Candidates) -> list[Card]:
    """The headline numbers, and a warning where the table gives the labels away."""
    bounds, point = values["intervals"] or {}, at_rate(values, found)

    def detail(key: str, digits: int = 3) -> str:
        return f"95 %: {interval(bounds[key], digits)}" if bounds.get(key) else "no interval"

    shown = [
        Card("AUC", number(values["auc"]), detail("auc")),
        Card("TPR10", number(values["tpr10"], 3), f"of {values['nonlenses']:,} non-lenses"),
        Card(
            "Completeness",
            percent(point["completeness"]),
            f"at {rate_text(found.rate)} false positives"
            if values["nonlenses"]
            else "at even odds",
        ),
        Card(
            "Purity in a survey",
            purity_text(point),
            f"{odds(values['prior'])} a lens",
        ),
        Card("Calibration error", number(values["calibration_error"], 3), "15 bins"),
    ]
    leaky = values["leaky_columns"]
    if leaky:
        shown.append(Card("Leaky columns", str(len(leaky)), "give the labels away", warning=True))
    return shown


def notes(values: Mapping[str, Any]) -> list[str]:
    """What the reader must know before trusting a number."""
    lines = []
    leaky = [leak["column"] for leak in values["leaky_columns"]]
    if leaky:
        more = f" and {len(leaky) - 6} more" if len(leaky) > 6 else ""
        lines.append(
            f"The table gives the labels away by {', '.join(map(repr, leaky[:6]))}{more}: a score "
            "that saw the table says nothing about finding lenses. Believe the image alone, or "
            "train without these columns."
        )
    if not (values["lenses"] and values["nonlenses"]):
        absent = "non-lens" if values["lenses"] else "lens"
        lines.append(
            f"AUC, TPR, purity and calibration are undefined (null): there is no {absent}."
        )
        return lines
    if values["nonlenses"] < 10:
        lines.append("TPR10 is undefined (null): there are fewer than ten non-lenses.")
    for count, name in ((values["lenses"], "lens"), (values["nonlenses"], "non-lens")):
        if count == 1:
            lines.append(f"No bootstrap intervals: there is a single {name}.")
    return lines


def roc(
    curves: Sequence[plots.Curve], base: Sequence[plots.Curve], values: Mapping[str, Any]
) -> Figure:
    """ROC curves of the scores and of the baselines."""
    areas = ", ".join(f"{curve.name} {curve.auc:.4f}" for curve in (*curves, *base))
    caption = (
        "Dashed: where candidates have the purity written there if "
        f"{odds(values['prior'])} objects is a lens; left of the line they are purer. "
        f"{values['nonlenses']:,} non-lenses measure no rate below "
        f"{1 / values['nonlenses']:.2g}."
    )
    if base:
        caption += " Dotted: logistic regressions that need no network."
    return Figure(
        "roc",
        "ROC curves",
        f"ROC curves of lenses against non-lenses. Areas: {areas}.",
        caption,
        partial(
            lens_plots.lens_roc_figure,
            curves,
            [c._replace(name=f"regression on {c.name}") for c in base],
            values["prior"],
        ),
    )


def thresholds(curves: Mapping[str, OperatingCurve], values: Mapping[str, Any]) -> Figure:
    """Purity and completeness against the threshold, and against each other."""
    marks = {_mark(point): point["threshold"] for point in values["operating_points"]}
    shown = "; ".join(
        f"{p['rule']}: completeness {percent(p['completeness'])}, purity {percent(p['purity'])}"
        for p in values["operating_points"]
    )
    return Figure(
        "thresholds",
        "Purity and completeness",
        f"Purity and completeness against the threshold; in a survey, {shown}.",
        "Left: the main score by threshold, in these data and in a survey. Right: purity against "
        "completeness of every score in that survey, on a logarithmic axis. Purity in the survey "
        "is drawn where a non-lens passes: above that, these data only tell that it is higher. "
        "Shaded: from the 95 % interval of the false-positive rate.",
        partial(lens_plots.threshold_figure, curves, values["prior"], marks),
    )


def _mark(point: Mapping[str, Any]) -> str:
    """A threshold in as few characters as can name it."""
    if point["rate"] is None:
        return "p 0.5"
    return rate_text(point["rate"]) if point["rate"] else "none"


def completeness(panels: Mapping[str, Mapping[str, Completeness]], found: Candidates) -> Figure:
    """Completeness against what is known of the lenses."""
    parts = []
    for key, by_score in panels.items():
        bins = by_score.get(found.main)
        if bins is not None:
            share = ", ".join(
                f"{x:.3g}: {percent(y, 0)}"
                for x, y in zip(bins.centres, bins.completeness, strict=True)
            )
            parts.append(f"by {PROPERTIES[key]} {share}")
    unknown = max(bins.unknown for by_score in panels.values() for bins in by_score.values())
    where = (
        f"at {rate_text(found.rate)} false positives" if not found.labels.all() else "at even odds"
    )
    caption = f"Each score {where}; bins hold equally many lenses, bars are 95 % intervals."
    if unknown:
        caption += f" Up to {unknown:,} lenses are left out: their value is not known."
    return Figure(
        "completeness",
        "Which lenses are found",
        f"Completeness of {found.main}: {'; '.join(parts)}.",
        caption,
        partial(lens_plots.completeness_figure, panels, {key: PROPERTIES[key] for key in panels}),
        wide=len(panels) > 1,
    )


def reliability(
    bins: CalibrationBins, before: CalibrationBins | None, values: Mapping[str, Any]
) -> Figure:
    """The reliability diagram of the probability of a lens."""
    alt = "Reliability diagram: the share of lenses against the probability of a lens. "
    alt += f"Expected calibration error {bins.error:.4f}"
    alt += f", before temperature scaling {before.error:.4f}." if before else "."
    return Figure(
        "reliability",
        "Reliability",
        alt,
        f"Of {values['main']}. Below the line too many lenses are promised, above it too few. "
        "Bars: one standard error.",
        partial(
            plots.reliability_figure, bins, before, ("probability of a lens", "share of lenses")
        ),
        wide=False,
    )


def distribution(found: Candidates) -> Figure:
    """Histogram of the main score."""
    scores = found.scores[found.main]
    medians = [
        f"{name} {np.median(scores[rows]):.2f}"
        for name, rows in (("lenses", found.labels), ("non-lenses", ~found.labels))
        if rows.any()
    ]
    return Figure(
        "scores",
        "Scores",
        f"Histogram of the logits of {found.main}. Medians: {', '.join(medians)}.",
        "Counts on a logarithmic axis; the outer thousandths are in the end bins.",
        partial(lens_plots.scores_figure, found.labels, scores, found.main),
        wide=False,
    )


def kinds(found: Candidates) -> Figure:
    """False positives by kind, and the scores of every kind."""
    counts = found.kinds()
    wrong = {name: found.false_positives(name) for name in found.scores}
    shown = ", ".join(f"{k} {wrong[found.main][k]} of {n}" for k, n in counts.items())
    logits, what = found.scores[found.main], found.truth["kind"].astype(str)
    ranges = {kind: logits[(what == kind) & ~found.labels] for kind in counts}
    if found.labels.any():
        ranges["all lenses"] = logits[found.labels]
    return Figure(
        "kinds",
        "What is taken for a lens",
        f"False positives of {found.main} by kind: {shown}.",
        f"Left: each score at {rate_text(found.rate)} false positives over all kinds; bars are "
        f"95 % intervals. Right: logits of {found.main}: median, half and nine tenths of each "
        "kind, and the threshold (dashed).",
        partial(lens_plots.kinds_figure, counts, wrong, ranges, found.thresholds[found.main]),
    )


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
    found: Candidates,
    picked: Mapping[str, Sequence[int]],
    images: NDArray[Any],
    bands: Sequence[str] | None,
) -> list[Figure]:
    """Images of false positives, missed and found lenses."""
    n_bands = images.shape[3] if images.ndim == 4 else 1
    chosen = colour_bands(bands, n_bands)
    colours = "Greys"
    if chosen is not None:
        names = [str(bands[k]) if bands else f"band {k}" for k in chosen]
        colours = f"Red, green and blue are {', '.join(names)}"
    figures = []
    for key, rows in picked.items():
        title, what = _GALLERIES[key]
        lines = [_lines(found.describe(row)) for row in rows]
        figures.append(
            Figure(
                key,
                title,
                f"{what}: {'; '.join(' '.join(line) for line in lines)}.",
                f"{what}. {colours}; brightness is stretched (asinh).",
                partial(
                    plots.gallery_figure,
                    [np.asarray(images[row]) for row in rows],
                    lines,
                    show=partial(colour_image, bands=bands),
                ),
                night=True,
            )
        )
    return figures


def _lines(described: Mapping[str, Any]) -> list[str]:
    """Probability and kind, what is known of a lens, name."""
    first = f"{probability(described['probability'])}  {described['kind']}"
    facts = [
        form.format(described[key])
        for key, form in _FACTS.items()
        if np.isfinite(described.get(key, np.nan))
    ]
    return [first, *(["  ".join(facts)] if facts else []), described["id"]]
