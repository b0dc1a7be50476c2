"""The tables of the lens-finding report, and how its numbers are written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lenszoo.metrics.lens_yield import sigmoid, wilson_interval
from lenszoo.reporting.report import Table, interval, number
from lenszoo.tasks.find_lenses.candidates import Candidates
from lenszoo.tasks.find_lenses.plots import odds

EVEN = "even odds (logit 0)"
_NAMES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "tpr0": "TPR0",
    "tpr10": "TPR10",
}


def percent(value: float | None, digits: int = 1) -> str:
    """A share in per cent."""
    return "n/a" if value is None or not np.isfinite(value) else f"{100 * value:.{digits}f} %"


def percents(bounds: Sequence[float], digits: int = 1) -> str:
    """An interval of a share in per cent."""
    return f"{interval([100 * x for x in bounds], digits)} %"


def probability(value: float) -> str:
    """A probability that does not pretend to be 0 or 1."""
    if value > 0.9995:
        return "> 0.999"
    return "< 0.001" if value < 0.0005 else f"{value:.3f}"


def rate_text(rate: float) -> str:
    """A stated rate with as many digits as it was given: 1 %, 0.05 %."""
    return f"{100 * rate:g} %"


def rate_rule(rate: float) -> str:
    """The name of a threshold that allows such a rate of false positives."""
    return f"at most {rate_text(rate)} false positives" if rate else "no false positive here"


def at_rate(values: Mapping[str, Any], found: Candidates) -> Mapping[str, Any]:
    """Operating point of the stated false-positive rate; of even odds without non-lenses."""
    wanted = rate_rule(found.rate)
    points = values["operating_points"]
    return next((point for point in points if point["rule"] == wanted), points[-1])


def tables(
    values: Mapping[str, Any],
    found: Candidates,
    galleries: Mapping[str, Sequence[int]],
    with_images: bool,
) -> list[Table]:
    """The tables in order; without images the galleries become one."""
    shown = [_overview(values)]
    if values["gains"]:
        shown.append(_gains(values))
    shown.append(_operating(values))
    if values["leaky_columns"]:
        rows = [[leak["column"], leak["reason"]] for leak in values["leaky_columns"]]
        note = "Columns that tell lenses from non-lenses by their value alone."
        shown.append(Table("Leaky columns", ["column", "why"], rows, note, text=True))
    if values["false_positives_by_kind"]:
        shown.append(_kinds(values, found))
    wrong = galleries.get("false_positives", [])
    if wrong and not with_images:
        cells = [
            [x["id"], x["kind"], number(x["logit"], 2), probability(x["probability"])]
            for x in map(found.describe, wrong)
        ]
        heads = ["object", "kind", "logit", "probability"]
        shown.append(Table("Most confident false positives", heads, cells, text=True))
    return shown


def _overview(values: Mapping[str, Any]) -> Table:
    rows = []
    for name, scores in values["by_score"].items():
        quality = [number(scores["log_loss"], 3), number(scores["calibration_error"], 3)]
        rows.append([name, *(number(scores[key]) for key in _NAMES), *quality])
        bounds = scores.get("intervals")
        if bounds:
            rows.append(["  95 % interval", *(interval(bounds[key], 3) for key in _NAMES), "", ""])
    before = values["uncalibrated"]
    if before:
        quality = [number(before["log_loss"], 3), number(before["calibration_error"], 3)]
        rows.append([f"{values['main']}, before temperature", "", "", "", "", *quality])
    baselines = {name: base for name, base in values["baselines"].items() if not base["reason"]}
    for name, base in baselines.items():
        cells = [number(base[key]) for key in _NAMES]
        rows.append([f"logistic regression on {name}", *cells, "", ""])
    note = (
        f"{values['lenses']:,} lenses, {values['nonlenses']:,} non-lenses, ranked on logits. TPR0 "
        "and TPR10: the share of the lenses found before the first and before the tenth of the "
        "non-lenses, ties counting against; they fall with the number of non-lenses, and the "
        "interval of TPR0, which hangs on a single object, is rough. Average precision is at the "
        "balance of these data. Calibration error is that of the probability of a lens."
    )
    if baselines:
        note += " The logistic regressions are cross-validated: what needs no network."
    return Table("Scores", ["", *_NAMES.values(), "log loss", "calibration error"], rows, note)


def _gains(values: Mapping[str, Any]) -> Table:
    rows = []
    for name, gain in values["gains"].items():
        rows.append([f"against {name}", *(f"{gain[key]:+.4f}" for key in _NAMES)])
        bounds = gain["intervals"]
        cells = [
            f"{bounds[key][0]:+.3f} to {bounds[key][1]:+.3f}" if bounds[key] else ""
            for key in _NAMES
        ]
        rows.append(["  95 % interval", *cells])
    note = "Differences on the same objects; the intervals are from the same resamples."
    return Table(f"Gain of {values['main']}", ["", *_NAMES.values()], rows, note)


def _operating(values: Mapping[str, Any]) -> Table:
    rows = []
    for point in values["operating_points"]:
        wrong, bounds = point["false_positives"], point["false_positives_interval"]
        at = point["threshold"]
        rows.append(
            [
                point["rule"],
                f"{at:.2f}",
                probability(float(sigmoid(at))),
                percent(point["completeness"]),
                _count(point["lenses_found"]),
                f"{_count(wrong)} ({_count(bounds[0])} to {_count(bounds[1])})"
                if np.isfinite(wrong)
                else "n/a",
                _purity(point),
            ]
        )
    lenses, objects = values["prior"] * values["objects"], values["objects"]
    note = (
        f"Thresholds of {values['main']} set on these data, and what they would yield where "
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
    columns = ["threshold", "logit", "probability", "completeness", "lenses found"]
    return Table(
        f"In a survey of {objects:,} objects with {_count(lenses)} lenses",
        [*columns, "false positives", "purity"],
        rows,
        note,
    )


def _count(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "n/a"


def purity_text(point: Mapping[str, Any]) -> str:
    """Purity; its lower limit where no non-lens passes, as with too few of them."""
    if point["false_positives"] == 0 and np.isfinite(point["purity"]):
        return f"> {percent(point['purity_interval'][0])}"
    return percent(point["purity"])


def _purity(point: Mapping[str, Any]) -> str:
    text = purity_text(point)
    return f"{text} ({percents(point['purity_interval'])})" if text[0].isdigit() else text


def _kinds(values: Mapping[str, Any], found: Candidates) -> Table:
    rows = []
    for kind, counts in values["false_positives_by_kind"].items():
        wrong, total = counts["false_positives"], counts["objects"]
        bounds = wilson_interval(wrong, total).tolist()
        rows.append([kind, f"{total:,}", f"{wrong:,}", percent(wrong / total), percents(bounds)])
    at = found.thresholds[found.main]
    note = f"At a logit of {at:.2f}, which {rate_text(found.rate)} of all non-lenses may pass."
    columns = ["kind", "objects", "false positives", "rate", "95 % interval"]
    return Table("What is taken for a lens", columns, rows, note)
