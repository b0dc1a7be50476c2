"""Measure the images that released weights learned on.

    python tools/measure_inputs.py [NAME ...] [--images 256]

Noise, sky level and peak go into the manifest's entries of lens finders and super-resolvers as
``inputs``; noise, sharpness and place of the light into those of classifiers as ``observation``. A
training stores its own since.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from entries import add_entry
from release import release_root

from lenszoo import tasks
from lenszoo.cli._verb import verb
from lenszoo.data.input_scale import measure_scale
from lenszoo.data.observation import summarise
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.pretrained.manifest import FILE_NAME, load_manifest
from lenszoo.simulation import get_preset
from lenszoo.simulation.cutouts import sample_cutouts
from lenszoo.tasks.recipes import Recipe
from lenszoo.tasks.sources import draw_split


@verb(backend=True)
def main(
    names: Annotated[list[str] | None, typer.Argument(help="By default all.")] = None,
    images: Annotated[int, typer.Option(min=16, help="Scenes of the training split.")] = 256,
    root: Annotated[Path | None, typer.Option(help="By default the checkout.")] = None,
) -> None:
    """Measure the inputs of released weights and write them into the manifest."""
    file = release_root(root) / FILE_NAME
    for entry in load_manifest(file).entries:
        if names and entry.name not in names:
            continue
        recipe = Recipe.load(entry.recipe.removesuffix(".toml"))
        measured = _measure(recipe, entry.data.get("bands") or None, images)
        if measured is not None:
            add_entry(entry.model_copy(update=measured), file, replace=True)
            typer.echo(f"{entry.name}: {measured}")


def _measure(recipe: Any, bands: Any, images: int) -> dict[str, Any] | None:
    """Field of the manifest and what it holds, of training images; None for other tasks."""
    preset, seed = recipe.data.preset, recipe.data_seed
    if preset is None:
        return None  # trained on files, which are not here
    purpose = tasks.find(recipe.task).purpose
    if purpose == tasks.find("find_lenses").purpose:
        sky = sample_cutouts(preset, images, seed, "train", bands=bands, columns=())
        return {"inputs": measure_scale(sky.images, ZERO_POINT)}
    if purpose == tasks.find("super_resolve").purpose:
        return {"inputs": measure_scale(_drawn(preset, images, seed))}
    if purpose == tasks.find("classify").purpose:
        return {"observation": summarise(_drawn(preset, images, seed))}
    return None


def _drawn(preset: str, images: int, seed: int) -> np.ndarray:
    return draw_split(get_preset(preset), "train", images, seed).images


if __name__ == "__main__":
    typer.run(main)
