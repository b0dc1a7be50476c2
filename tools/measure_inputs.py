"""Measure noise, sky level and peak of the images that released weights learned on.

    python tools/measure_inputs.py [NAME ...] [--images 256]

Those of lens finders and super-resolvers go into the manifest's entries as ``inputs``; a training
stores its own since.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from entries import add_entry
from release import release_root

from lenszoo import tasks
from lenszoo.cli._verb import verb
from lenszoo.data.input_scale import measure_scale
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.pretrained.manifest import FILE_NAME, load_manifest
from lenszoo.simulation import get_preset
from lenszoo.simulation.cutouts import sample_cutouts
from lenszoo.tasks.recipes import Recipe
from lenszoo.tasks.sources import draw_split
from lenszoo.trained_scale import InputScale


@verb(backend=True)
def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="By default all that find lenses.")
    ] = None,
    images: Annotated[int, typer.Option(min=16, help="Scenes of the training split.")] = 256,
    root: Annotated[Path | None, typer.Option(help="By default the checkout.")] = None,
) -> None:
    """Measure the inputs of released weights and write them into the manifest."""
    file = release_root(root) / FILE_NAME
    for entry in load_manifest(file).entries:
        if names and entry.name not in names:
            continue
        recipe = Recipe.load(entry.recipe.removesuffix(".toml"))
        scale = _measure(recipe, entry.data.get("bands") or None, images)
        if scale is not None:
            add_entry(entry.model_copy(update={"inputs": scale}), file, replace=True)
            typer.echo(f"{entry.name}: {scale}")


def _measure(recipe: Any, bands: Any, images: int) -> InputScale | None:
    """Scale of the training images of a finder or of a super-resolver; None for other tasks."""
    preset, seed = recipe.data.preset, recipe.data_seed
    purpose = tasks.find(recipe.task).purpose
    if purpose == tasks.find("find_lenses").purpose:
        sky = sample_cutouts(preset, images, seed, "train", bands=bands, columns=())
        return measure_scale(sky.images, ZERO_POINT)
    if purpose == tasks.find("super_resolve").purpose:
        return measure_scale(draw_split(get_preset(preset), "train", images, seed).images)
    return None


if __name__ == "__main__":
    typer.run(main)
