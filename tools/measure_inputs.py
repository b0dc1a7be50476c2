"""Measure noise, sky level and peak of the sky that released lens finders learned on.

    python tools/measure_inputs.py [NAME ...] [--images 256]

The figures go into the manifest's entries as ``inputs``; a training stores them by itself since.
"""

from pathlib import Path
from typing import Annotated

import typer
from entries import add_entry
from release import release_root

from lenszoo import tasks
from lenszoo.cli._verb import verb
from lenszoo.data.input_scale import measure_scale
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.pretrained.manifest import FILE_NAME, load_manifest
from lenszoo.simulation.cutouts import sample_cutouts
from lenszoo.tasks.recipes import Recipe


@verb(backend=True)
def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="By default all that find lenses.")
    ] = None,
    images: Annotated[int, typer.Option(min=16, help="Scenes of the training split.")] = 256,
    root: Annotated[Path | None, typer.Option(help="By default the checkout.")] = None,
) -> None:
    """Measure the inputs of released lens finders and write them into the manifest."""
    file = release_root(root) / FILE_NAME
    for entry in load_manifest(file).entries:
        if names and entry.name not in names:
            continue
        recipe = Recipe.load(entry.recipe.removesuffix(".toml"))
        if tasks.find(recipe.task).purpose != tasks.find("find_lenses").purpose:
            continue
        bands = entry.data.get("bands") or None
        seed, preset = recipe.data_seed, recipe.data.preset
        sky = sample_cutouts(preset, images, seed, "train", bands=bands, columns=())
        scale = measure_scale(sky.images, ZERO_POINT)
        add_entry(entry.model_copy(update={"inputs": scale}), file, replace=True)
        typer.echo(f"{entry.name}: {scale}")


if __name__ == "__main__":
    typer.run(main)
