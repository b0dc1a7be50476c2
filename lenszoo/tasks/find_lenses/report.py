"""Lens-finding report: completeness, purity and false positives, beside scores without a network.

This file computes; ``tables`` and ``panels`` put the numbers into words, tables and figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as m
from lenszoo.metrics import lens_baselines
from lenszoo.metrics import lens_finding as lm
from lenszoo.metrics import prevalence as pr
from lenszoo.metrics.intervals import (
    auc_interval,
    bootstrap,
    pair_or_none,
    sum_interval,
    widened_interval,
)
from lenszoo.metrics.lens_rates import RATES, nonlenses_needed
from lenszoo.metrics.lens_yield import expected_counts, lens_calibration, survey_calibration
from lenszoo.metrics.shortcut import ShortcutResult
from lenszoo.reporting.panels import Curve, History, history_panels, read_history
from lenszoo.reporting.report import Figure, Report
from lenszoo.tasks.find_lenses import decisions, panels, tables
from lenszoo.tasks.find_lenses.candidates import (
    Candidates,
    candidates,
    check_bands,
    completeness,
    galleries,
    matching,
)

_POINTS = 200  # of a curve in report.json
_RANKED = ("auc", "average_precision", "tpr0", "tpr10")  # as lm.weighted_ranking has them


class LensFindingReport(Report):
    """The report of :func:`lens_finding_report`; see :class:`lenszoo.reporting.report.Report`.

    ``metrics`` holds ``n``, ``lenses``, ``nonlenses``, ``prevalence``, ``objects`` and the ``main``
    score's name; of the main score ``tpr_1e-2``, ``tpr_1e-3`` and ``tpr_1e-4`` (completeness at
    these false-positive rates; ``nonlenses_needed`` to measure each), ``tpr0``, ``tpr10``,
    ``average_precision``, ``auc``, with ``intervals``, ``log_loss``, ``calibration_error`` (of the
    probability of a lens, 15 bins) and ``survey_calibration_error`` (at the prevalence);
    ``by_score``: the same of every score; ``gains``: how far it is above each other score, with
    intervals; ``baselines``: the scores of logistic regressions; ``uncalibrated``: log loss and
    calibration error before temperature scaling; ``operating_points``: thresholds with the counts,
    the purity and the inspections per lens to expect at the prevalence;
    ``false_positives_by_kind`` and the ``leaky_columns``. Undefined scores are None.

    Example:
        >>> from lenszoo.evaluation import lens_finding_report
        >>> sorted(lens_finding_report([1, 1, 0, 0], [3.0, 0.5, -0.5, -2.0]).metrics)[:2]
        ['auc', 'average_precision']
    """

    kind: ClassVar[str] = "lens_finding"


def lens_finding_report(
    labels: ArrayLike,
    scores: Mapping[str, ArrayLike] | ArrayLike,
    *,
    truth: Mapping[str, ArrayLike] | None = None,
    images: ArrayLike | None = None,
    bands: Sequence[str] | None = None,
    table: ArrayLike | None = None,
    columns: Sequence[str] | None = None,
    ids: Sequence[object] | None = None,
    leaks: Sequence[Any] | None = None,
    groups: ArrayLike | None = None,
    shortcut: bool | ShortcutResult = True,
    uncalibrated: ArrayLike | None = None,
    prevalence: float = pr.PREVALENCE,
    trained_prevalence: float = pr.TRAINED_PREVALENCE,
    objects: int = 1_000_000,
    false_positive_rate: float = 0.01,
    history: History | None = None,
    title: str | None = None,
    provenance: Mapping[str, Any] | None = None,
    seed: int = 0,
    n_resamples: int = 1000,
) -> LensFindingReport:
    """Evaluate a lens finder and gather the figures; drawing waits until the report is shown.

    Args:
        labels: shape (n,), 1 for a lens, 0 for a non-lens.
        scores: logits (n,) by their source ("image and table", "image only", "table only"); the
            first is the main one. Or one array.
        truth: arrays (n,) of properties of the objects. ``einstein_radius``,
            ``arc_signal_to_noise`` and ``arc_contrast`` (NaN for non-lenses and where unknown) give
            the completeness against them, ``kind`` the false positives by kind.
        images: shape (n, H, W, bands) or (n, H, W), linear flux, in the order of the labels, for
            the galleries and the baseline on image statistics; a memory map will do.
        bands: names of the bands, for the colours.
        table: shape (n, k), NaN where a value is missing, for the baseline on the table.
        columns: names of its k columns.
        ids: n names of the objects; row numbers when absent.
        leaks: of the table, from :func:`lenszoo.data.leaks.find_leaks`.
        groups: n names of the galaxies that the objects show, where one is shown with a painted
            lens and without; the baselines are cross-validated over whole galaxies then.
        shortcut: False leaves the baselines out; a result computed before is that on the images.
        uncalibrated: logits (n,) of the main score before temperature scaling.
        prevalence: lenses an object in the survey whose yield is to be expected.
        trained_prevalence: share of lenses that the logits are calibrated for.
        objects: in that survey.
        false_positive_rate: of the threshold for completeness and false positives by kind.
        history: the training history, columns or rows (as read from ``history.csv``).
        title: heading of the report.
        provenance: model, weights and their sha256, recipe, data, seed, backend ...
        seed: of the bootstrap and of the baselines.
        n_resamples: bootstrap resamples, stratified by class, the same for every score.

    Raises:
        LenszooError: lengths that do not fit together, labels other than 0 and 1, scores that are
            not finite (with the first ids), a prevalence outside (0, 1).

    Example:
        >>> report = lens_finding_report([1, 1, 0, 0], [3.0, 0.5, -0.5, -2.0])
        >>> report.metrics["auc"], report.metrics["tpr0"]
        (1.0, 1.0)
    """
    pr.check_prevalence(prevalence)
    pr.check_prevalence(trained_prevalence)
    checked = candidates(labels, scores, ids, truth, false_positive_rate)
    stack = matching(images, checked, "images")
    check_bands(stack, bands)
    rows = matching(table, checked, "rows of the table")
    before = None if uncalibrated is None else _before(uncalibrated, checked)
    notes: list[str] = []
    regressions = lens_baselines.baselines(
        stack, rows, columns, leaks, checked.labels, shortcut, seed, notes, groups
    )
    values = _metrics(checked, prevalence, trained_prevalence, objects)
    if min(values["lenses"], values["nonlenses"]) > 1:
        _add_intervals(values, checked, seed, n_resamples)
    values["baselines"] = {
        name: _baseline_metrics(result, checked.labels) for name, result in regressions.items()
    }
    values["uncalibrated"] = None if before is None else _calibration(checked.labels, before)
    values["leaky_columns"] = [_leak(leak) for leak in leaks or ()]

    y, main = checked.labels, checked.scores[checked.main]
    curves = {name: lm.operating_curve(y, each) for name, each in checked.scores.items()}
    roc = _roc_curves(curves)
    bins = lens_calibration(y, main)
    by_property = completeness(checked)
    shown = galleries(checked)
    epochs = read_history(history)

    figures: list[Figure] = []
    if roc:
        odds = tables.odds(prevalence)
        figures.append(decisions.decisions(curves, values, odds))
    if by_property:
        figures.append(panels.completeness(by_property, checked))
    if roc:
        figures.append(panels.thresholds(curves, values))
        earlier = None if before is None else lens_calibration(y, before)
        moved = survey_calibration(y, main, prevalence, trained_prevalence)
        figures.append(panels.reliability(bins, earlier, checked))
        figures.append(decisions.survey_reliability(moved, checked.main, values, odds))
    figures.append(panels.distribution(checked))
    if checked.kinds():
        figures.append(panels.kinds(checked))
    if stack is not None:
        figures += panels.galleries(checked, shown, stack, bands, trained_prevalence)
    figures += history_panels(epochs)
    if roc:
        figures.append(panels.roc(roc, _roc_curves(_baseline_curves(regressions, y)), values))
    return LensFindingReport(
        title=title or "Lens-finding report",
        metrics=values,
        summary=tables.summary(values, checked),
        cards=tables.cards(values, checked),
        tables=tables.tables(
            values, checked, shown.get("false_positives", []) if stack is None else []
        ),
        figures=figures,
        notes=[*tables.notes(values), *notes],
        details={
            "roc": {curve.name: curve.thinned() for curve in roc},
            "thresholds": _thinned_thresholds(curves[checked.main], prevalence) if roc else None,
            "calibration": bins._asdict(),
            "survey_calibration": moved._asdict() if roc else None,
            "completeness": {
                key: {
                    name: {**each._asdict(), "intervals": each.intervals}
                    for name, each in by_score.items()
                }
                for key, by_score in by_property.items()
            },
            **{key: [checked.describe(i) for i in picked] for key, picked in shown.items()},
            "history": epochs,
        },
        provenance={
            **(provenance or {}),
            "evaluation": {
                "seed": seed,
                "bootstrap_resamples": n_resamples,
                "prevalence": prevalence,
                "trained_prevalence": trained_prevalence,
                "false_positive_rate": false_positive_rate,
            },
        },
    )


def _ranking(y: NDArray[np.bool_], scores: m.Floats) -> dict[str, float]:
    return {
        "tpr0": lm.tpr0(y, scores),
        "tpr10": lm.tpr10(y, scores),
        "average_precision": lm.average_precision(y, scores),
        "auc": m.roc_auc(y, scores),
    }


def _calibration(y: NDArray[np.bool_], logits: m.Floats) -> dict[str, float]:
    # of one class alone every probability that is not 0 or 1 looks wrong
    error = float("nan") if y.all() or not y.any() else lens_calibration(y, logits).error
    return {"log_loss": m.log_loss(y, logits), "calibration_error": error}


def _before(uncalibrated: ArrayLike, checked: Candidates) -> m.Floats:
    try:
        return lm.check_scores(checked.labels, uncalibrated, checked.ids)[1]
    except LenszooError as error:
        raise LenszooError(f"The logits before temperature scaling: {error}") from None


def _metrics(
    checked: Candidates, prevalence: float, trained: float, objects: int
) -> dict[str, Any]:
    y = checked.labels
    smaller, each = min(int(y.sum()), int((~y).sum())), {}
    for name, s in checked.scores.items():
        rates, bounds = decisions.rates_of(y, s)
        error = survey_calibration(y, s, prevalence, trained).error if smaller else float("nan")
        survey = {"survey_calibration_error": error}
        each[name] = (
            rates
            | _ranking(y, s)
            | _calibration(y, s)
            | survey
            | {"intervals": bounds if smaller > 1 else None}
        )
    wrong = checked.false_positives(checked.main)
    return {
        "n": len(y),
        "lenses": int(y.sum()),
        "nonlenses": int((~y).sum()),
        "nonlenses_needed": {f"{rate:g}": nonlenses_needed(rate) for rate in RATES},
        "prevalence": prevalence,
        "trained_prevalence": trained,
        "objects": objects,
        "main": checked.main,
        **each[checked.main],
        "by_score": each,
        "gains": {},
        "operating_points": _operating_points(checked, prevalence, objects),
        "false_positives_by_kind": {
            kind: {"objects": total, "false_positives": wrong[kind]}
            for kind, total in checked.kinds().items()
        },
    }


def _add_intervals(
    values: dict[str, Any], checked: Candidates, seed: int, n_resamples: int
) -> None:
    """95 % intervals of every score and of the main one's gains, from one set of resamples."""
    y, by_score = checked.labels, values["by_score"]

    def ranking(weights: m.Floats) -> m.Floats:
        return np.concatenate(
            [lm.weighted_ranking(y, scores, weights) for scores in checked.scores.values()], axis=1
        )

    drawn = bootstrap(ranking, y, n_resamples=n_resamples, seed=seed)
    resamples = drawn.reshape(n_resamples, -1, len(_RANKED))
    bounds: dict[str, dict[str, Any]] = {}
    for i, (name, scores) in enumerate(by_score.items()):
        bounds[name] = {
            key: widened_interval(scores[key], resamples[:, i, k], values["lenses"])
            for k, key in enumerate(_RANKED)
        }
        bounds[name]["auc"] = auc_interval(scores["auc"], values["lenses"], values["nonlenses"])
        scores["intervals"] |= {key: pair_or_none(pair) for key, pair in bounds[name].items()}
    for i, name in enumerate(list(by_score)[1:], start=1):
        both, gain, limits = (checked.main, name), {}, {}
        for k, key in enumerate(_RANKED):
            pair = [by_score[each][key] for each in both]
            gain[key] = pair[0] - pair[1]
            limits[key] = pair_or_none(
                sum_interval((1, -1), pair, [bounds[e][key] for e in both], resamples[:, [0, i], k])
            )
        values["gains"][name] = gain | {"intervals": limits}


def _baseline_metrics(result: ShortcutResult, y: NDArray[np.bool_]) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(_RANKED)
    if result.scores is not None:
        seen, odds = y[result.rows], lens_baselines.odds(result)
        values = decisions.rates_of(seen, odds)[0] | _ranking(seen, odds)
    nonlenses = int((~y[result.rows]).sum())
    facts = {"n": len(result.rows), "nonlenses": nonlenses, "folds": result.folds}
    return values | facts | {"reason": result.reason}


def _operating_points(checked: Candidates, prevalence: float, objects: int) -> list[dict[str, Any]]:
    """Thresholds of the main score with the yield to expect from each."""
    y, scores = checked.labels, checked.scores[checked.main]
    nonlenses = int((~y).sum())
    measured = {rate for rate in RATES if nonlenses >= nonlenses_needed(rate)}
    rates = {0.0, checked.rate} | measured
    points: list[tuple[float | None, float]] = [
        (rate, lm.threshold_at(y, scores, rate)) for rate in sorted(rates) if nonlenses
    ]
    return [
        {
            "rule": tables.rate_rule(rate),
            "rate": rate,
            **expected_counts(y, scores, at, prevalence=prevalence, objects=objects)._asdict(),
        }
        for rate, at in [*points, (None, 0.0)]
    ]


def _leak(leak: Any) -> dict[str, str]:
    """A leak as its column and its reason."""
    column = str(leak.column)
    return {"column": column, "reason": str(leak).removeprefix(column).strip(" ()")}


def _baseline_curves(
    regressions: Mapping[str, ShortcutResult], y: NDArray[np.bool_]
) -> dict[str, lm.OperatingCurve]:
    return {
        name: lm.operating_curve(y[result.rows], lens_baselines.odds(result))
        for name, result in regressions.items()
        if result.scores is not None
    }


def _roc_curves(curves: Mapping[str, lm.OperatingCurve]) -> list[Curve]:
    result = []
    for name, curve in curves.items():
        if curve.lenses and curve.nonlenses:
            x, y = curve.false_positive_rate, curve.completeness
            result.append(Curve(name, x, y, float(np.trapezoid(y, x))))
    return result


def _thinned_thresholds(curve: lm.OperatingCurve, prevalence: float) -> dict[str, Any]:
    last = len(curve.thresholds) - 1
    keep = np.unique(np.round(np.linspace(min(1, last), last, _POINTS)).astype(int))
    return {
        "threshold": curve.thresholds[keep],
        "completeness": curve.completeness[keep],
        "purity": curve.purity()[keep],
        "purity_at_prevalence": curve.purity(prevalence)[keep],
    }
