"""The report on a lens finder: what it finds, at what price, and what needs no network at all.

This file computes; ``lens_finding_view`` puts the numbers into words, tables and figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as m
from lenszoo.metrics import lens_baselines
from lenszoo.metrics import lens_finding as lm
from lenszoo.metrics.intervals import auc_interval, sum_interval, widened_interval
from lenszoo.metrics.lens_yield import Completeness, expected_counts, lens_calibration
from lenszoo.metrics.shortcut import ShortcutResult
from lenszoo.reporting import plots
from lenszoo.reporting.report import Figure, Report
from lenszoo.tasks.classify.panels import history as history_figure
from lenszoo.tasks.classify.report import History, pair_or_none, read_history, thinned
from lenszoo.tasks.find_lenses import panels as view
from lenszoo.tasks.find_lenses import tables
from lenszoo.tasks.find_lenses.candidates import (
    Candidates,
    candidates,
    check_bands,
    completeness,
    galleries,
    matching,
)

_POINTS = 200  # of a curve in report.json
_RANKED = ("auc", "average_precision", "tpr0", "tpr10")


class LensFindingReport(Report):
    """The report of :func:`lens_finding_report`; see :class:`lenszoo.reporting.report.Report`.

    ``metrics`` holds ``n``, ``lenses``, ``nonlenses``, ``prior``, ``objects`` and the ``main``
    score's name; of the main score ``auc``, ``average_precision``, ``tpr0``, ``tpr10``,
    ``log_loss`` and ``calibration_error`` (of the probability of a lens, 15 bins), with
    ``intervals`` of the first four; ``by_score``: the same of every score; ``gains``: by how much
    the main score beats each other, with intervals from the same resamples; ``baselines``: what
    logistic regressions reach; ``uncalibrated``: log loss and calibration error before
    temperature scaling; ``operating_points``: thresholds and the counts to expect at the prior;
    ``false_positives_by_kind`` and the ``leaky_columns``. What is undefined is None.
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
    shortcut: bool | ShortcutResult = True,
    uncalibrated: ArrayLike | None = None,
    prior: float = lm.PRIOR,
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
        scores: logits (n,) by what they are from ("image and table", "image only", "table only");
            the first is the main one. Or one array.
        truth: arrays (n,) of what is known of the objects. ``einstein_radius``,
            ``arc_signal_to_noise`` and ``arc_contrast`` (NaN for non-lenses and where unknown) give
            the completeness against them, ``kind`` the false positives by kind.
        images: shape (n, H, W, bands) or (n, H, W), linear flux, in the order of the labels, for
            the galleries and the baseline on image statistics; a memory map will do.
        bands: names of the bands, for the colours.
        table: shape (n, k), NaN where a value is missing, for the baseline on the table.
        columns: names of its k columns.
        ids: n names of the objects; row numbers when absent.
        leaks: what :func:`lenszoo.data.leaks.find_leaks` found in the table.
        shortcut: False leaves the baselines out; a result computed before is that on the images.
        uncalibrated: logits (n,) of the main score before temperature scaling.
        prior: lenses an object in the survey whose yield is to be expected.
        objects: in that survey.
        false_positive_rate: where completeness and false positives by kind are given.
        history: the training history, columns or rows (as read from ``history.csv``).
        title: heading of the report.
        provenance: model, weights and their sha256, recipe, data, seed, backend ...
        seed: of the bootstrap and of the baselines.
        n_resamples: bootstrap resamples, stratified by class, the same for every score.

    Raises:
        LenszooError: lengths that do not fit together, labels other than 0 and 1, scores that are
            not finite (with the first ids), a prior outside (0, 1).
    """
    lm.check_prior(prior)
    found = candidates(labels, scores, ids, truth, false_positive_rate)
    stack = matching(images, found, "images")
    check_bands(stack, bands)
    rows = matching(table, found, "rows of the table")
    before = None if uncalibrated is None else _before(uncalibrated, found)
    notes: list[str] = []
    regressions = lens_baselines.baselines(
        stack, rows, columns, leaks, found.labels, shortcut, seed, notes
    )
    values = _metrics(found, prior, objects)
    if min(values["lenses"], values["nonlenses"]) > 1:
        _add_intervals(values, found, seed, n_resamples)
    values["baselines"] = {
        name: _baseline_metrics(result, found.labels) for name, result in regressions.items()
    }
    values["uncalibrated"] = None if before is None else _calibration(found.labels, before)
    values["leaky_columns"] = [_leak(leak) for leak in leaks or ()]
    parts = _Parts(
        curves={name: lm.operating_curve(found.labels, s) for name, s in found.scores.items()},
        baselines={
            name: lm.operating_curve(found.labels[result.rows], lens_baselines.odds(result))
            for name, result in regressions.items()
            if result.scores is not None
        },
        completeness=completeness(found),
        galleries=galleries(found),
        history=read_history(history),
    )
    return LensFindingReport(
        title=title or "Lens-finding report",
        metrics=values,
        summary=view.summary(values, found),
        cards=view.cards(values, found),
        tables=tables.tables(values, found, parts.galleries, with_images=stack is not None),
        figures=_figures(values, found, parts, before, stack, bands),
        notes=[*view.notes(values), *notes],
        details=_details(found, parts, prior),
        provenance={
            **(provenance or {}),
            "evaluation": {
                "seed": seed,
                "bootstrap_resamples": n_resamples,
                "prior": prior,
                "false_positive_rate": false_positive_rate,
            },
        },
    )


class _Parts(NamedTuple):
    """What figures and report.json are made of, beside the numbers."""

    curves: dict[str, lm.OperatingCurve]  # of each score
    baselines: dict[str, lm.OperatingCurve]
    completeness: dict[str, dict[str, Completeness]]  # by property and score
    galleries: dict[str, list[int]]  # rows
    history: dict[str, list[float]]


def _figures(
    values: Mapping[str, Any],
    found: Candidates,
    parts: _Parts,
    before: m.Floats | None,
    images: NDArray[Any] | None,
    bands: Sequence[str] | None,
) -> list[Figure]:
    y, logits = found.labels, found.scores[found.main]
    bins = lens_calibration(y, logits)
    earlier = None if before is None else lens_calibration(y, before)
    curves = _roc_curves(parts.curves)
    figures = []
    if curves:
        figures.append(view.roc(curves, _roc_curves(parts.baselines), values))
        figures.append(view.thresholds(parts.curves, values))
    if parts.completeness:
        figures.append(view.completeness(parts.completeness, found))
    if curves:
        figures.append(view.reliability(bins, earlier, values))
    figures.append(view.distribution(found))
    if found.kinds():
        figures.append(view.kinds(found))
    if images is not None:
        figures += view.galleries(found, parts.galleries, images, bands)
    if plots.group_history(parts.history):
        figures.append(history_figure(parts.history))
    return figures


def _details(found: Candidates, parts: _Parts, prior: float) -> dict[str, Any]:
    curves = _roc_curves(parts.curves)
    return {
        "roc": {curve.name: thinned(curve) for curve in curves},
        "thresholds": _thinned_thresholds(parts.curves[found.main], prior) if curves else None,
        "calibration": lens_calibration(found.labels, found.scores[found.main])._asdict(),
        "completeness": {
            key: {
                name: {**bins._asdict(), "intervals": bins.intervals}
                for name, bins in by_score.items()
            }
            for key, by_score in parts.completeness.items()
        },
        **{key: [found.describe(i) for i in rows] for key, rows in parts.galleries.items()},
        "history": parts.history,
    }


def _scores(y: NDArray[np.bool_], scores: m.Floats) -> dict[str, float]:
    return {
        "auc": m.roc_auc(y, scores),
        "average_precision": lm.average_precision(y, scores),
        "tpr0": lm.tpr0(y, scores),
        "tpr10": lm.tpr10(y, scores),
    }


def _calibration(y: NDArray[np.bool_], logits: m.Floats) -> dict[str, float]:
    # of one class alone every probability that is not 0 or 1 looks wrong
    error = float("nan") if y.all() or not y.any() else lens_calibration(y, logits).error
    return {"log_loss": m.log_loss(y, logits), "calibration_error": error}


def _before(uncalibrated: ArrayLike, found: Candidates) -> m.Floats:
    try:
        return lm.check_scores(found.labels, uncalibrated, found.ids)[1]
    except LenszooError as error:
        raise LenszooError(f"The logits before temperature scaling: {error}") from None


def _metrics(found: Candidates, prior: float, objects: int) -> dict[str, Any]:
    y = found.labels
    each = {name: _scores(y, s) | _calibration(y, s) for name, s in found.scores.items()}
    wrong = found.false_positives(found.main)
    return {
        "n": len(y),
        "lenses": int(y.sum()),
        "nonlenses": int((~y).sum()),
        "prior": prior,
        "objects": objects,
        "main": found.main,
        **each[found.main],
        "by_score": each,
        "intervals": None,
        "gains": {},
        "operating_points": _operating_points(found, prior, objects),
        "false_positives_by_kind": {
            kind: {"objects": total, "false_positives": wrong[kind]}
            for kind, total in found.kinds().items()
        },
    }


def _add_intervals(values: dict[str, Any], found: Candidates, seed: int, n_resamples: int) -> None:
    """95 % intervals of every score and of the main one's gains, from one set of resamples."""
    y, by_score = found.labels, values["by_score"]

    def ranking(weights: m.Floats) -> m.Floats:
        return np.concatenate(
            [lm.weighted_ranking(y, scores, weights) for scores in found.scores.values()], axis=1
        )

    drawn = m.bootstrap(ranking, y, n_resamples=n_resamples, seed=seed)
    resamples = drawn.reshape(n_resamples, -1, len(_RANKED))
    bounds: dict[str, dict[str, Any]] = {}
    for i, (name, scores) in enumerate(by_score.items()):
        bounds[name] = {
            key: widened_interval(scores[key], resamples[:, i, k], values["lenses"])
            for k, key in enumerate(_RANKED)
        }
        bounds[name]["auc"] = auc_interval(scores["auc"], values["lenses"], values["nonlenses"])
        scores["intervals"] = {key: pair_or_none(pair) for key, pair in bounds[name].items()}
    values["intervals"] = by_score[found.main]["intervals"]
    for i, name in enumerate(list(by_score)[1:], start=1):
        both, gain, limits = (found.main, name), {}, {}
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
        values = dict(_scores(y[result.rows], lens_baselines.odds(result)))
    nonlenses = int((~y[result.rows]).sum())
    facts = {"n": len(result.rows), "nonlenses": nonlenses, "folds": result.folds}
    return values | facts | {"reason": result.reason}


def _operating_points(found: Candidates, prior: float, objects: int) -> list[dict[str, Any]]:
    """Thresholds of the main score with the yield to expect from each."""
    y, scores = found.labels, found.scores[found.main]
    nonlenses = int((~y).sum())
    # a tenth of the rate where enough non-lenses measure it
    rates = {0.0, found.rate} | ({found.rate / 10} if nonlenses * found.rate >= 10 else set())
    points: list[tuple[float | None, float]] = [
        (rate, lm.threshold_at(y, scores, rate)) for rate in sorted(rates) if nonlenses
    ]
    points.append((None, 0.0))
    return [
        {
            "rule": tables.EVEN if rate is None else tables.rate_rule(rate),
            "rate": rate,
            **expected_counts(y, scores, at, prior=prior, objects=objects)._asdict(),
        }
        for rate, at in points
    ]


def _leak(leak: Any) -> dict[str, str]:
    """A leak as its column and what is left of its own words."""
    column = str(leak.column)
    return {"column": column, "reason": str(leak).removeprefix(column).strip(" ()")}


def _roc_curves(curves: Mapping[str, lm.OperatingCurve]) -> list[plots.Curve]:
    result = []
    for name, curve in curves.items():
        if curve.lenses and curve.nonlenses:
            x, y = curve.false_positive_rate, curve.completeness
            result.append(plots.Curve(name, x, y, float(np.trapezoid(y, x))))
    return result


def _thinned_thresholds(curve: lm.OperatingCurve, prior: float) -> dict[str, Any]:
    last = len(curve.thresholds) - 1
    keep = np.unique(np.round(np.linspace(min(1, last), last, _POINTS)).astype(int))
    return {
        "threshold": curve.thresholds[keep],
        "completeness": curve.completeness[keep],
        "purity": curve.purity()[keep],
        "purity_at_prior": curve.purity(prior)[keep],
    }
