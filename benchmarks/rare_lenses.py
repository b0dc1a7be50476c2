"""Score lens finders on a simulated sky against as many non-lenses as a survey's candidates need.

    python benchmarks/rare_lenses.py WEIGHTS ... [--sky lens_finding_hard] [--nonlenses 100000]

A report scores some thousand scenes, which measure the share of lenses that is found at 1 % and
0.1 % false positives; 0.01 % takes 36,887 non-lenses. Here non-lenses and lenses of the test split
are drawn in blocks, scored and dropped, so that memory does not grow with their number. Printed
are the shares found at 1e-2, 1e-3 and 1e-4 false positives with 95 % intervals, and the
calibration error of the probabilities that are moved to a prevalence. Each of WEIGHTS is a name or
a run folder of a finder from images alone, in some of the bands of the sky.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from _machine import describe

from lenszoo.data.names import LENS_CLASSES
from lenszoo.inference import open_model
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.metrics.classification import roc_auc
from lenszoo.metrics.lens_rates import RATES, completeness_at
from lenszoo.metrics.lens_yield import survey_calibration
from lenszoo.metrics.prevalence import PREVALENCE
from lenszoo.simulation import SPLIT_START, get_preset, sample_scenes
from lenszoo.simulation.cutouts import lens_sky, take_bands
from lenszoo.simulation.preset import Preset
from lenszoo.tasks.find_lenses.task import lens_logits

BLOCK = 4096  # scenes in memory
SEED = 2026
FIGURES = ("auc", "tpr_1e-2", "tpr_1e-3", "tpr_1e-4", "calibration_error")


def scores(finders: dict[str, OpenedModel], sky: Preset, label: int, count: int) -> np.ndarray:
    """Logits (finders, count) of the first scenes of a class in the test split."""
    # classes alternate from one scene to the next
    scenes = SPLIT_START["test"] + label + len(LENS_CLASSES) * np.arange(count)
    parts = []
    for start in range(0, count, BLOCK):
        drawn = sample_scenes(sky, scenes[start : start + BLOCK], SEED)
        assert (drawn.labels == label).all()
        parts.append(
            [
                lens_logits(each.model, take_bands(sky, drawn.images, each.bands or sky.bands))
                for each in finders.values()
            ]
        )
        print(f"{start + len(drawn.labels):,}/{count:,}", end="\r", file=sys.stderr)
    print(file=sys.stderr)
    return np.concatenate(parts, axis=1)


def show(name: str, nonlenses: np.ndarray, lenses: np.ndarray) -> dict[str, float]:
    """Print and return the figures of a finder."""
    labels = np.repeat([0, 1], [len(nonlenses), len(lenses)])
    logits = np.concatenate([nonlenses, lenses])
    rates = [completeness_at(labels, logits, rate) for rate in RATES]
    error = survey_calibration(labels, logits).error
    auc = roc_auc(labels, logits)
    print(f"{name}: AUC {auc:.4f}, calibration error {error:.1e} at prevalence {PREVALENCE:g}")
    for at in rates:
        low, high = at.interval
        share = f"{at.completeness:.3f} ({low:.3f} to {high:.3f})"
        print(f"  found at {at.rate:g} false positives {share}")
    return dict(zip(FIGURES, (auc, *(at.completeness for at in rates), error), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--sky", default="lens_finding_hard")
    parser.add_argument("--nonlenses", type=int, default=100_000)
    parser.add_argument("--lenses", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="file of the figures")
    options = parser.parse_args()
    sky = lens_sky(get_preset(options.sky))
    finders = {name: open_model(name) for name in options.weights}
    for name, opened in finders.items():
        if not set(opened.bands or sky.bands) <= set(sky.bands):
            parser.error(f"{name}: takes bands beside {', '.join(sky.bands)}")
    print(describe())
    print(
        f"{sky.name}, seed {SEED}: {options.lenses:,} lenses, {options.nonlenses:,} non-lenses of "
        "the test split"
    )
    nonlenses = scores(finders, sky, 0, options.nonlenses)
    lenses = scores(finders, sky, 1, options.lenses)
    figures = {
        name: show(name, *each) for name, *each in zip(finders, nonlenses, lenses, strict=True)
    }
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
