"""Sentences, headline numbers and tables of the lens-finding report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from lenszoo.metrics.intervals import wilson_interval
from lenszoo.metrics.lens_rates import nonlenses_needed
from lenszoo.metrics.prevalence import at_prevalence
from lenszoo.reporting import panels
from lenszoo.reporting.panels import Column, Row
from lenszoo.reporting.report import Card, Table
from lenszoo.reporting.text import interval, number, percent, probability, show_interval
from lenszoo.tasks.find_lenses.candidates import Candidates
from lenszoo.tasks.find_lenses.decisions import (
    RATE_COLUMNS,
    inspections_text,
    rate_cards,
    unmeasured,
)

EVEN = "even odds (logit 0)"
_FIRST = [Column("tpr0", "TPR0"), Column("tpr10", "TPR10")]
_SHARE = Column("tpr10", "TPR10", ".1%", ".1%")
_OVERALL = [Column("average_precision", "average precision"), Column("auc", "AUC")]
_GAINS = [column._replace(form="+.4f", interval_form="+.3f") for column in (*_FIRST, *_OVERALL)]
_QUALITY = [
    Column("log_loss", "log loss", ".3f"),
    Column("calibration_error", "calibration error", ".3f"),
    Column("survey_calibration_error", "... in the survey", ".2g"),
]
_REGRESSION = "logistic regression on "


def odds(prevalence: float) -> str:
    """A share of lenses in words: ``1 in 1,000``."""
    return f"1 in {1 / prevalence:,.0f}" if prevalence < 0.1 else percent(prevalence, 0)


def shares_text(trained: float) -> str:
    """A sentence on the share of lenses that probabilities are meant for."""
    return f"Probabilities are those where {percent(trained, 0)} of the objects are lenses."


def rate_text(rate: float) -> str:
    """A stated rate with as many digits as it came with: 1 %, 0.05 %."""
    return f"{100 * rate:g} %"


def rate_rule(rate: float | None) -> str:
    """The name of a threshold that allows such a rate of false positives."""
    if rate is None:
        return EVEN
    return f"at most {rate_text(rate)} false positives" if rate else "no false positive here"


def at_rate(values: Mapping[str, Any], objects: Candidates) -> Mapping[str, Any]:
    """Operating point of the stated false-positive rate; of even odds without non-lenses."""
    points = values["operating_points"]
    return next((point for point in points if point["rate"] == objects.rate), points[-1])


def purity_text(point: Mapping[str, Any]) -> str:
    """Purity; its lower limit where no non-lens passes, as with too few of them."""
    if point["false_positives"] == 0 and np.isfinite(point["purity"]):
        return f"> {percent(point['purity_interval'][0])}"
    return percent(point["purity"])


def summary(values: Mapping[str, Any], objects: Candidates) -> str:
    """Completeness and purity of the finder, and the AUCs that need no network."""
    n, lenses, point = values["n"], values["lenses"], at_rate(values, objects)
    if not (lenses and values["nonlenses"]):
        kind, verb = ("lenses", "found") if lenses else ("non-lenses", "taken for lenses")
        passed = point["completeness"] if lenses else point["false_positive_rate"]
        return (
            f"All {n:,} objects are {kind}: {percent(passed)} of them are {verb} at even odds. "
            "Nothing that compares lenses with non-lenses is defined."
        )
    text = f"On {n:,} objects, {lenses:,} of them lenses, {objects.main} finds "
    text += f"{percent(point['completeness'])} of the lenses "
    text += f"({show_interval(point['completeness_interval'], '.1%')}) "
    text += f"with {_passed(point, values)} non-lenses above the threshold. "
    text += (
        f"Where {odds(values['prevalence'])} objects is a lens, {purity_text(point)} of such "
        f"candidates would be lenses"
    )
    if point["false_positives"]:
        text += f": {inspections_text(point['inspections_per_lens'])} inspections per lens"
    bounds = (values["intervals"] or {}).get("auc")
    text += f". The AUC is {number(values['auc'])}"
    text += f" ({interval(bounds, 3)})" if bounds else ""
    rest = {name: scores["auc"] for name, scores in values["by_score"].items()}
    del rest[objects.main]
    rest |= {f"a {_REGRESSION}{name}": base["auc"] for name, base in values["baselines"].items()}
    others = [f"{name} {number(auc)}" for name, auc in rest.items() if auc is not None]
    return f"{text}; of the others: {', '.join(others)}." if others else f"{text}."


def _passed(point: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Share of the non-lenses above a threshold, with the count where that is small."""
    passed = round(point["false_positive_rate"] * values["nonlenses"])
    return f"{passed:,} of {values['nonlenses']:,}"


def cards(values: Mapping[str, Any], objects: Candidates) -> list[Card]:
    """The headline numbers, and a warning where the table gives the labels away."""
    bounds, point = values["intervals"] or {}, at_rate(values, objects)
    where = f"at {rate_text(objects.rate)} false positives"
    if not values["nonlenses"]:
        where = "at even odds"
    elif 0 < objects.rate < 1 and values["nonlenses"] < nonlenses_needed(objects.rate):
        where = f"{_passed(point, values)} non-lenses above"  # too few to measure a rate
    measured = any(np.isfinite(values[column.key]) for column in RATE_COLUMNS)
    shown = [
        *rate_cards(values),
        panels.score_card("TPR10", values["tpr10"], bounds.get("tpr10"), _SHARE),
        *([] if measured else [Card("Completeness", percent(point["completeness"]), where)]),
        Card("Purity in a survey", purity_text(point), f"{odds(values['prevalence'])} a lens"),
        Card(
            "Inspections per lens",
            inspections_text(point["inspections_per_lens"]) if point["false_positives"] else "n/a",
            where,
        ),
        Card("Calibration error", number(values["calibration_error"], 3), "15 bins"),
        panels.score_card("AUC", values["auc"], bounds.get("auc"), _OVERALL[-1]),
    ]
    leaky = values["leaky_columns"]
    if leaky:
        shown.append(Card("Leaky columns", str(len(leaky)), "give the labels away", warning=True))
    return shown


def notes(values: Mapping[str, Any]) -> list[str]:
    """Reservations about the numbers."""
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
    if few := unmeasured(values):
        lines.append(few)
    if values["nonlenses"] < 10:
        lines.append("TPR10 is undefined (null): there are fewer than ten non-lenses.")
    for count, name in ((values["lenses"], "lens"), (values["nonlenses"], "non-lens")):
        if count == 1:
            lines.append(f"No intervals: there is a single {name}.")
    return lines


def tables(
    values: Mapping[str, Any], objects: Candidates, false_positives: Sequence[int]
) -> list[Table]:
    """The tables in order, the last with false positives by name (in place of their images)."""
    shown = [_completeness(values), _survey(values), _scores(values)]
    if values["gains"]:
        rows = [
            Row(f"against {name}", gain, gain["intervals"])
            for name, gain in values["gains"].items()
        ]
        note = "Differences on the same objects; the scores are correlated by the same resamples."
        shown.append(panels.scores_table(f"Gain of {values['main']}", _GAINS, rows, note))
    if values["leaky_columns"]:
        cells = [[leak["column"], leak["reason"]] for leak in values["leaky_columns"]]
        note = "Columns that tell lenses from non-lenses by their value alone."
        shown.append(Table("Leaky columns", ["column", "why"], cells, note, text=True))
    if values["false_positives_by_kind"]:
        shown.append(_kinds_table(values, objects))
    if false_positives:
        cells = [
            [x["id"], x["kind"], number(x["logit"], 2), probability(x["probability"])]
            for x in map(objects.describe, false_positives)
        ]
        heads = ["object", "kind", "logit", "probability"]
        note = shares_text(values["trained_prevalence"])
        shown.append(Table("Most confident false positives", heads, cells, note, text=True))
    return shown


def _completeness(values: Mapping[str, Any]) -> Table:
    """Completeness at each false-positive rate that the non-lenses can measure, score by score."""
    measured = [column for column in RATE_COLUMNS if np.isfinite(values[column.key])]
    rows = [Row(name, s, s.get("intervals")) for name, s in values["by_score"].items()]
    rows += _regressions(values)
    note = (
        f"{values['lenses']:,} lenses, {values['nonlenses']:,} non-lenses, ranked on logits: the "
        "share of the lenses above the threshold of a false-positive rate (TPR at ...), and before "
        "the first (TPR0) and the tenth (TPR10) of the non-lenses, ties counting against. TPR0 and "
        "TPR10 fall with the number of non-lenses; TPR0 hangs on a single object."
    )
    return panels.scores_table(
        "Completeness at few false positives", [*measured, *_FIRST], rows, note
    )


def _regressions(values: Mapping[str, Any]) -> list[Row]:
    """Rows of the baselines that have scores."""
    return [
        Row(f"{_REGRESSION}{name}", base)
        for name, base in values["baselines"].items()
        if base["auc"] is not None
    ]


def _scores(values: Mapping[str, Any]) -> Table:
    rows = [Row(name, s, s.get("intervals")) for name, s in values["by_score"].items()]
    if values["uncalibrated"]:
        rows.append(Row(f"{values['main']}, before temperature", values["uncalibrated"]))
    rows += _regressions(values)
    note = (
        "Calibration error is that of the probability of a lens, in these data and where "
        f"{odds(values['prevalence'])} objects is a lens. Average precision is at the balance of "
        "these data. The AUC says little about a search: it is an average over rates at which "
        "nobody can look at the candidates."
    )
    if values["baselines"]:
        note += " The logistic regressions are cross-validated and need no network."
    return panels.scores_table("Calibration and ranking", [*_QUALITY, *_OVERALL], rows, note)


def _survey(values: Mapping[str, Any]) -> Table:
    def count(value: float) -> str:
        return f"{value:,.0f}" if np.isfinite(value) else "n/a"

    rows = []
    for point in values["operating_points"]:
        at, wrong, purity = point["threshold"], point["false_positives"], purity_text(point)
        if purity[0].isdigit():
            purity += f" ({show_interval(point['purity_interval'], '.1%')})"
        bounds = " to ".join(map(count, point["false_positives_interval"]))
        rows.append(
            [
                rate_rule(point["rate"]),
                f"{at:.2f}",
                probability(float(expit(_moved(at, values)))),
                percent(point["completeness"]),
                f"{count(wrong)} ({bounds})" if np.isfinite(wrong) else "n/a",
                purity,
                _inspections(point),
            ]
        )
    note = (
        f"Thresholds of {values['main']} set on these data, and the yield to expect where "
        f"{odds(values['prevalence'])} objects is a lens, if its lenses and non-lenses are like "
        "these. In brackets 95 % intervals, for the numbers of lenses and non-lenses here."
    )
    step = _moved(0.0, values)
    note += (
        f" Probabilities are moved from {percent(values['trained_prevalence'], 0)} lenses, for "
        f"which the logits are calibrated: {'subtract' if step < 0 else 'add'} {abs(step):.2f}."
    )
    lenses = count(values["prevalence"] * values["objects"])
    columns = ["threshold", "logit", "probability in the survey", "completeness"]
    return Table(
        f"In a survey of {values['objects']:,} objects with {lenses} lenses",
        [*columns, "false positives", "purity", "inspections per lens"],
        rows,
        note,
    )


def _moved(at: float, values: Mapping[str, Any]) -> float:
    """A logit in the survey."""
    return float(at_prevalence(at, values["prevalence"], values["trained_prevalence"]))


def _inspections(point: Mapping[str, Any]) -> str:
    """Inspections per lens; an upper limit where no non-lens passes."""
    if point["false_positives"] == 0:
        highest = inspections_text(point["inspections_interval"][1])
        return highest if highest == "n/a" else f"< {highest}"
    return inspections_text(point["inspections_per_lens"], point["inspections_interval"])


def _kinds_table(values: Mapping[str, Any], objects: Candidates) -> Table:
    rows = []
    for kind, counts in values["false_positives_by_kind"].items():
        wrong, total = counts["false_positives"], counts["objects"]
        bounds = show_interval(wilson_interval(wrong, total).tolist(), ".1%")
        rows.append([kind, f"{total:,}", f"{wrong:,}", percent(wrong / total), bounds])
    at = objects.thresholds[objects.main]
    note = f"At a logit of {at:.2f}, which {rate_text(objects.rate)} of all non-lenses may pass."
    columns = ["kind", "objects", "false positives", "rate", "95 % interval"]
    return Table("Non-lenses taken for lenses", columns, rows, note)
