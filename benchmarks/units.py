"""Score a lens finder on its own sky in other units, with sky left in, and scaled one by one.

    python benchmarks/units.py [--weights NAME] [--beside NAME] [--images 1500] [--seed 2026]

Each row is the same cutouts in another form. The columns: ROC-AUC of the weights as they are (what
``predict`` refuses or warns of is let through), what ``predict`` says, ROC-AUC with the option that
brings the images to the unit of the training, and that of weights whose stretch measures the noise
of each image, without any option.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _machine import describe

from lenszoo.data.photometry import ZERO_POINT
from lenszoo.errors import LenszooError
from lenszoo.inference import OpenedModel, open_model, predict
from lenszoo.metrics.classification import roc_auc
from lenszoo.simulation import sample_cutouts

SKY = 0.1
PRESET = "lens_finding_easy"


class Form(NamedTuple):
    """A form of the images: how they become so, and the option of ``predict`` that helps."""

    name: str
    change: Callable[[np.ndarray], np.ndarray]
    options: dict[str, Any]


def in_unit(zero_point: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the change of images of zero point 25 to another."""
    factor = np.float32(10 ** (0.4 * (zero_point - ZERO_POINT)))
    return lambda images: images * factor


def one_by_one(images: np.ndarray) -> np.ndarray:
    """Scale each image to [0, 1]."""
    low, high = images.min((1, 2, 3), keepdims=True), images.max((1, 2, 3), keepdims=True)
    return (images - low) / (high - low)


FORMS = (
    Form("as in training (25)", lambda images: images, {}),
    Form("nanomaggies (22.5)", in_unit(22.5), {"zero_point": 22.5}),
    Form("nJy (31.4)", in_unit(31.4), {"zero_point": 31.4}),
    Form("Jy (8.9)", in_unit(8.9), {"zero_point": 8.9}),
    Form("erg/s/cm2/Hz (-48.6)", in_unit(-48.6), {"zero_point": -48.6}),
    Form(f"sky of {SKY:g} left in", lambda images: images + np.float32(SKY), {"sky": "border"}),
    Form("each image in [0, 1]", one_by_one, {}),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="lens_finder.easy_sim_image")
    parser.add_argument("--beside", default="lens_finder.easy_sim_image_v2")
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    first, second = open_model(options.weights), open_model(options.beside)
    sky = sample_cutouts(
        PRESET, options.images, options.seed, "test", bands=first.bands, columns=()
    )
    labels, images = sky.known_labels(), np.asarray(sky.images)
    head = (
        "images (zero point)",
        f"`{first.name}`",
        "`predict`",
        "with the option",
        f"`{second.name}`",
    )
    print("| " + " | ".join(head) + " |\n|---|---:|---|---:|---:|")
    for form in FORMS:
        changed = form.change(images)
        helped = f"{auc(first, labels, changed, form.options):.4f}" if form.options else ""
        cells = (
            form.name,
            f"{auc(first, labels, changed, {'any_scale': True}):.4f}",
            said(first, changed),
            helped,
            f"{auc(second, labels, changed, {}):.4f}",
        )
        print("| " + " | ".join(cells) + " |", flush=True)
    print(
        f"\n{options.images:,} scenes of {PRESET}, test split, seed {options.seed}; {describe()}."
    )


def auc(opened: OpenedModel, labels: np.ndarray, images: np.ndarray, options: Any) -> float:
    """ROC-AUC of a lens finder on images."""
    logging.disable(logging.WARNING)
    table = predict(opened, images, **options)
    logging.disable(logging.NOTSET)
    scores = table["logit_lens"].to_numpy() - table["logit_nonlens"].to_numpy()
    return float(roc_auc(labels, scores))


def said(opened: OpenedModel, images: np.ndarray) -> str:
    """Return what ``predict`` does with images: answers, warns or refuses."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("lenszoo")
    log.addHandler(handler)
    try:
        predict(opened, images[:32])
    except LenszooError:
        return "refuses"
    finally:
        log.removeHandler(handler)
    return "warns" if lines else "answers"


if __name__ == "__main__":
    main()
