"""Robustness of a classifier: ROC-AUC as noise, PSF, pose and pixel scale change.

    python benchmarks/robustness.py OUT [--weights resnet18_slim.common_test_sim] [--images 1500]

Simulates the scenes that releases are scored on again and again, one thing changed at a time:
noise, width of the PSF, a shift, a turn, arcsec a pixel; :func:`lenszoo.simulation.perturbed` says
how. The scenes are the same in every row, so the change against the first row is measured pair by
pair: its interval, as that of the AUC, is a bootstrap over scenes (95 %, 1,000 resamples, within
classes).

Answers are kept in OUT, so that the command goes on where it was stopped. Writes OUT/table.md and
OUT/robustness.png. To try it: --images 60 --only shift.
"""

import argparse
import json
import os
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from _machine import describe

from lenszoo import load_model
from lenszoo.errors import LenszooError
from lenszoo.files import write_bytes
from lenszoo.metrics import classification as metrics
from lenszoo.metrics.intervals import bootstrap_interval
from lenszoo.pretrained import get_entry
from lenszoo.reporting.plots import COLOURS, FAINT, new_figure, styled, to_png
from lenszoo.simulation import SPLIT_START, get_preset, perturbed, sample
from lenszoo.tasks.classify.task import predict_logits
from lenszoo.tasks.evaluate import EVALUATION_SEED


class Factor(NamedTuple):
    """One property of the observation, and its values.

    Attributes:
        title: of its panel.
        row: how a row of the table names a value.
        axis: label of its values.
        values: those measured; trained: the one the classifier knows, whose pixels are the plain
            preset's.
    """

    title: str
    row: str
    axis: str
    values: tuple[float, ...]
    trained: float


# by argument of perturbed()
FACTORS = {
    "noise": Factor("Noise", "noise x {:g}", "factor", (0.5, 1, 1.5, 2, 3, 4), 1),
    "psf": Factor("PSF width", "PSF width x {:g}", "factor", (0.5, 0.75, 1, 1.5, 2), 1),
    "shift": Factor(
        "Shift", "shift by {:g} px", "pixels along x and y", (0, 0.25, 0.5, 1, 3, 10), 0
    ),
    "angle": Factor("Rotation", "turned by {:g}°", "degrees", (0, 10, 22.5, 45, 90), 0),
    "pixel_scale": Factor(
        "Pixel scale", "arcsec a pixel x {:g}", "factor", (0.7, 0.85, 1, 1.15, 1.4), 1
    ),
}


class Point(NamedTuple):
    """Scores on the scenes under one observation."""

    auc: float
    interval: tuple[float, float]
    change: tuple[float, float]
    per_class: tuple[float, ...]
    accuracy: float


def change(factor: str, value: float) -> dict:
    """Arguments of ``perturbed``; none for the value the classifier was trained on."""
    if value == FACTORS[factor].trained:
        return {}
    return {factor: (value, value) if factor == "shift" else value}


def answers(
    model: keras.Model, preset: str, factor: str, value: float, options: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and logits (n, classes) of the scenes so changed; kept in a file."""
    changes = change(factor, value)
    key = json.dumps([options.weights, preset, options.images, options.seed, changes])
    name = f"{factor}_{value:g}" if changes else "trained"
    kept = options.out / "answers" / f"{name}.json"
    if kept.exists():
        stored = json.loads(kept.read_text(encoding="utf-8"))
        if stored["key"] == key:
            return np.array(stored["labels"]), np.array(stored["logits"])
    sky = perturbed(preset, **changes) if changes else preset
    drawn = sample(sky, options.images, options.seed, SPLIT_START["test"])
    logits = predict_logits(model, drawn.images)
    stored = {"key": key, "labels": drawn.labels.tolist(), "logits": logits.tolist()}
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(kept, (json.dumps(stored) + "\n").encode())
    return drawn.labels, logits


def measure(labels: np.ndarray, logits: np.ndarray, plain: np.ndarray, seed: int) -> Point:
    """Score answers, and compare them with those to the plain images of the same scenes."""
    classes = range(logits.shape[1])
    odds, plain_odds = metrics.log_odds(logits), metrics.log_odds(plain)

    def macro(counts: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return np.mean(
            [metrics.weighted_auc(labels == k, scores[:, k], counts) for k in classes], 0
        )

    def both(counts: np.ndarray) -> np.ndarray:
        auc = macro(counts, odds)
        return np.stack([auc, auc - macro(counts, plain_odds)], axis=1)

    interval, difference = bootstrap_interval(both, labels, seed=seed)
    return Point(
        metrics.roc_auc(labels, logits),
        tuple(interval),
        tuple(difference),
        tuple(metrics.per_class_auc(labels, logits)),
        metrics.accuracy(labels, logits),
    )


def table(points: dict[tuple[str, float], Point], classes: tuple[str, ...], plain: str) -> str:
    """The table in Markdown, the scenes as the preset has them first, called ``plain``."""
    lines = [
        f"| scenes | macro AUC | 95 % | change, 95 % | {' | '.join(classes)} | accuracy |",
        f"|---|---|---|---|{'---|' * len(classes)}---|",
    ]
    trained = next(p for (name, value), p in points.items() if not change(name, value))
    rows = {plain: trained}
    for (name, value), point in points.items():
        if change(name, value):
            rows[FACTORS[name].row.format(value)] = point
    for row, p in rows.items():
        differs = "" if p is trained else f"{p.change[0]:+.4f} to {p.change[1]:+.4f}"
        cells = [f"{p.auc:.4f}", f"{p.interval[0]:.4f} to {p.interval[1]:.4f}", differs]
        cells += [f"{auc:.4f}" for auc in p.per_class]
        lines.append(f"| {row} | {' | '.join(cells)} | {p.accuracy:.3f} |")
    return "\n".join(lines)


@styled
def figure(points: dict[tuple[str, float], Point], classes: tuple[str, ...], title: str):
    """One panel a factor: macro AUC and its interval, classes thin, the trained value ringed."""
    shown = [name for name in FACTORS if any(key[0] == name for key in points)]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    page = new_figure(2.6 * columns + 0.4, 2.5 * rows + 0.6)
    grid = page.subplots(rows, columns, sharey=True, squeeze=False)
    panels = grid.flat[: len(shown)]
    for unused in grid.flat[len(shown) :]:
        unused.set_axis_off()
    for axes, name in zip(panels, shown, strict=True):
        factor = FACTORS[name]
        own = [points[name, value] for value in factor.values]
        # shifts of parts of a pixel would fall together on a scale that shows ten
        at = np.arange(len(own)) if name == "shift" else np.array(factor.values)
        for k, label in enumerate(classes):
            curve = [p.per_class[k] for p in own]
            axes.plot(at, curve, color=COLOURS[k + 1], lw=1, label=label)
        low, high = np.array([p.interval for p in own]).T
        axes.fill_between(at, low, high, color=COLOURS[0], alpha=0.2, lw=0)
        axes.plot(at, [p.auc for p in own], "o-", ms=3.5, color=COLOURS[0], label="macro")
        trained = factor.values.index(factor.trained)
        axes.axvline(at[trained], color=FAINT, lw=1, ls=":", zorder=0)
        axes.plot(at[trained], own[trained].auc, "o", ms=9, mfc="none", mec=COLOURS[0])
        axes.axhline(0.5, color=FAINT, lw=1, ls="--", zorder=0)
        axes.set(title=factor.title, xlabel=factor.axis)
        axes.set_xticks(at, [f"{value:g}" for value in factor.values])
    page.supylabel("ROC-AUC, one against the rest", fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    page.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    page.suptitle(title, x=0.01, ha="left", fontsize=10)
    return page


def sky_of(weights: str) -> str:
    """The preset that weights by name were trained on."""
    preset = get_entry(weights).data.get("preset")
    if preset is None:
        raise LenszooError(f"{weights} were trained on no simulated sky; name one with --preset.")
    return preset


def run(options: argparse.Namespace) -> None:
    """Simulate, predict, score, write."""
    preset = options.preset or sky_of(options.weights)
    for (
        name
    ) in options.only:  # a sky that cannot be perturbed so is refused before anything is drawn
        for value in FACTORS[name].values:
            perturbed(preset, **change(name, value))
    model = load_model(options.weights)
    classes = get_preset(preset).classes
    if model.output_shape != (None, len(classes)):
        raise LenszooError(f"{options.weights} is no classifier of {', '.join(classes)}.")
    _, plain_logits = answers(model, preset, "noise", FACTORS["noise"].trained, options)
    points = {}
    for name in options.only:
        for value in FACTORS[name].values:
            labels, logits = answers(model, preset, name, value, options)
            points[name, value] = measure(labels, logits, plain_logits, options.seed)
            print(f"{name} {value:g}: {points[name, value].auc:.4f}", flush=True)
    what = f"{options.weights}: {options.images:,} test scenes of {preset}, seed {options.seed}"
    plain = "as trained" if preset == sky_of(options.weights) else "unchanged"
    text = f"{what}\n\n{table(points, classes, plain)}\n\n{describe()}\n"
    write_bytes(options.out / "table.md", text.encode())
    write_bytes(options.out / "robustness.png", to_png(figure(points, classes, what)))
    print(text)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", default="resnet18_slim.common_test_sim")
    parser.add_argument("--preset", help="the sky; default: that of the weights")
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=EVALUATION_SEED)
    parser.add_argument("--only", nargs="+", default=list(FACTORS), choices=FACTORS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        run(options)
    except LenszooError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
