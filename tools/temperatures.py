"""Fit the temperature of released classifiers whose files hold none, into the manifest.

    python tools/temperatures.py [--images 1500] [NAME ...]

Weights that are released now carry their temperature themselves. Those of before get it here, from
validation scenes of the sky that they were trained on, which neither trained them nor score them.
"""

import argparse
import logging
from pathlib import Path

from entries import write_manifest

from lenszoo import load_model, tasks
from lenszoo.errors import LenszooError
from lenszoo.metrics.temperature import settled_temperature
from lenszoo.models.registry import model_info
from lenszoo.pretrained.manifest import FILE_NAME, WeightsEntry, load_manifest
from lenszoo.pretrained.temperature import temperature_of
from lenszoo.simulation import get_preset
from lenszoo.tasks.classify.task import predict_logits
from lenszoo.tasks.sources import draw_split
from lenszoo.training import Recipe

ROOT = Path(__file__).resolve().parents[1]
IMAGES = 1500


def classifies(entry: WeightsEntry) -> bool:
    """Whether an entry holds a classifier of labelled images."""
    info = tasks.of_figures(entry.metrics.get("test") or {}, model_info(entry.model).task)
    return info.name == tasks.DEFAULT


def fit(entry: WeightsEntry, images: int) -> float:
    """Fit the temperature of an entry on validation scenes of its recipe.

    Raises:
        LenszooError: its recipe names no simulated sky.
    """
    recipe = Recipe.load(ROOT / "lenszoo" / "recipes" / entry.recipe)
    if recipe.data.preset is None:
        raise LenszooError(f"{entry.name}: its recipe names no sky to draw validation scenes of.")
    held = draw_split(get_preset(recipe.data.preset), "val", images, recipe.data_seed)
    return settled_temperature(held.labels, predict_logits(load_model(entry.name), held.images))


def main() -> None:
    """Fit temperatures and write them into the manifest of this checkout, one by one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="By default all that lack one.")
    parser.add_argument("--images", type=int, default=IMAGES, help="Validation scenes.")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    lacking = [
        entry
        for entry in load_manifest(ROOT / FILE_NAME).entries
        if entry.temperature is None and classifies(entry)
    ]
    for entry in lacking:
        if options.names and entry.name not in options.names:
            continue
        if temperature_of(load_model(entry.name)) != 1:
            continue  # the file holds it
        fitted = round(fit(entry, options.images), 3)
        logging.info("%s: temperature %.3f", entry.name, fitted)
        manifest = load_manifest(ROOT / FILE_NAME)  # another may have written meanwhile
        entries = tuple(
            each.model_copy(update={"temperature": fitted}) if each.name == entry.name else each
            for each in manifest.entries
        )
        write_manifest(manifest.model_copy(update={"entries": entries}), ROOT / FILE_NAME)


if __name__ == "__main__":
    main()
