"""Sentences, headline numbers and tables of the lens-finding report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from lenszoo.metrics.intervals import wilson_interval
from lenszoo.reporting import panels
from lenszoo.reporting.panels import Column, Row
from lenszoo.reporting.report import Card, Table
from lenszoo.reporting.text import interval, number, percent, probability, show_interval
from lenszoo.tasks.find_lenses.candidates import Candidates

EVEN = "even odds (logit 0)"
RANKED = ("auc", "average_precision", "tpr0", "tpr10")
_NAMES = ("AUC", "average precision", "TPR0", "TPR10")
_RANKED = [Column(key, name) for key, name in zip(RANKED, _NAMES, strict=True)]
_GAINS = [column._replace(form="+.4f", interval_form="+.3f") for column in _RANKED]
_QUALITY = [
    Column("log_loss", "log loss", ".3f"),
    Column("calibration_error", "calibration error", ".3f"),
]
_REGRESSION = "logistic regression on "


def odds(prior: float) -> str:
    """A share of lenses in words: ``1 in 1,000``."""
    return f"1 in {1 / prior:,.0f}" if prior < 0.1 else percent(prior, 0)


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
    bounds = (values["intervals"] or {}).get("auc")
    text = f"On {n:,} objects, {lenses:,} of them lenses, the AUC is {number(values['auc'])}"
    text += f" ({interval(bounds, 3)})" if bounds else ""
    text += (
        f". At a false-positive rate of {rate_text(objects.rate)} it finds "
        f"{percent(point['completeness'])} of the lenses; where {odds(values['prior'])} objects "
        f"is a lens, {purity_text(point)} of such candidates would be lenses"
    )
    rest = {name: scores["auc"] for name, scores in values["by_score"].items()}
    del rest[objects.main]
    rest |= {f"a {_REGRESSION}{name}": base["auc"] for name, base in values["baselines"].items()}
    others = [f"{name} {number(auc)}" for name, auc in rest.items() if auc is not None]
    return f"{text}. AUC of the others: {', '.join(others)}." if others else f"{text}."


def cards(values: Mapping[str, Any], objects: Candidates) -> list[Card]:
    """The headline numbers, and a warning where the table gives the labels away."""
    bounds, point = values["intervals"] or {}, at_rate(values, objects)
    where = f"at {rate_text(objects.rate)} false positives"
    shown = [
        panels.score_card("AUC", values["auc"], bounds.get("auc"), _RANKED[0]),
        Card("TPR10", number(values["tpr10"], 3), f"of {values['nonlenses']:,} non-lenses"),
        Card(
            "Completeness",
            percent(point["completeness"]),
            where if values["nonlenses"] else "at even odds",
        ),
        Card("Purity in a survey", purity_text(point), f"{odds(values['prior'])} a lens"),
        Card("Calibration error", number(values["calibration_error"], 3), "15 bins"),
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
    shown = [_scores(values)]
    if values["gains"]:
        rows = [
            Row(f"against {name}", gain, gain["intervals"])
            for name, gain in values["gains"].items()
        ]
        note = "Differences on the same objects; the scores are correlated by the same resamples."
        shown.append(panels.scores_table(f"Gain of {values['main']}", _GAINS, rows, note))
    shown.append(_survey(values))
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
        shown.append(Table("Most confident false positives", heads, cells, text=True))
    return shown


def _scores(values: Mapping[str, Any]) -> Table:
    rows = [Row(name, s, s.get("intervals")) for name, s in values["by_score"].items()]
    if values["uncalibrated"]:
        rows.append(Row(f"{values['main']}, before temperature", values["uncalibrated"]))
    rows += [
        Row(f"{_REGRESSION}{name}", base)
        for name, base in values["baselines"].items()
        if base["auc"] is not None
    ]
    note = (
        f"{values['lenses']:,} lenses, {values['nonlenses']:,} non-lenses, ranked on logits. TPR0 "
        "and TPR10: the share of the lenses found before the first and before the tenth of the "
        "non-lenses, ties counting against; they fall with the number of non-lenses, and the "
        "interval of TPR0, which hangs on a single object, is rough. Average precision is at the "
        "balance of these data. Calibration error is that of the probability of a lens."
    )
    if values["baselines"]:
        note += " The logistic regressions are cross-validated and need no network."
    return panels.scores_table("Scores", [*_RANKED, *_QUALITY], rows, note)


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
                probability(float(expit(at))),
                percent(point["completeness"]),
                count(point["lenses_found"]),
                f"{count(wrong)} ({bounds})" if np.isfinite(wrong) else "n/a",
                purity,
            ]
        )
    note = (
        f"Thresholds of {values['main']} set on these data, and the yield to expect where "
        f"{odds(values['prior'])} objects is a lens, if its lenses and non-lenses are like these. "
        "In brackets 95 % Wilson intervals of the false-positive rate."
    )
    balance = values["lenses"] / values["n"]
    if 0 < balance < 1:
        shift = float(np.log(values["prior"] / (1 - values["prior"]) * (1 - balance) / balance))
        change = f"subtract {-shift:.2f} from" if shift < 0 else f"add {shift:.2f} to"
        note += (
            f" Probabilities are for {percent(balance, 0)} lenses, as here; in that survey "
            f"{change} the logit."
        )
    lenses = count(values["prior"] * values["objects"])
    columns = ["threshold", "logit", "probability", "completeness", "lenses found"]
    return Table(
        f"In a survey of {values['objects']:,} objects with {lenses} lenses",
        [*columns, "false positives", "purity"],
        rows,
        note,
    )


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
