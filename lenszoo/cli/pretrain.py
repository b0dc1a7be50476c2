"""``lenszoo pretrain``: a backbone learns from images without labels."""

from typing import Annotated, Literal

import typer

from lenszoo.cli import _recipe
from lenszoo.cli._options import OnBad, OutFolder
from lenszoo.cli._recipe import run_recipe
from lenszoo.cli._verb import verb


@verb(recipe=True, stopped=_recipe.STOPPED)
def pretrain(
    model: Annotated[
        str, typer.Argument(help="A classifier, see `lenszoo models --task classify`.")
    ],
    out: OutFolder,
    method: Annotated[
        Literal["rotation", "denoising", "contrastive", "simsiam"],
        typer.Option(
            help="rotation: by which quarter turn is the image turned; denoising: how strong is "
            "the noise; contrastive and simsiam: two views of an image have the same vector."
        ),
    ] = "simsiam",
    images_in: Annotated[
        str | None,
        typer.Option(help="Folder with images in it or below, or a CSV with a column path."),
    ] = None,
    preset: _recipe.Preset = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights to start from: a name or a path.")
    ] = None,
    on_bad: OnBad = None,
    epochs: _recipe.Epochs = None,
    batch_size: _recipe.BatchSize = None,
    learning_rate: _recipe.LearningRate = None,
    images: _recipe.Images = None,
    seed: _recipe.Seed = None,
    devices: _recipe.Devices = None,
    settings: _recipe.Settings = None,
) -> None:
    """Train a backbone without labels, or go on where the run in --out stands.

    The run's weights start any training of the same model: `lenszoo train MODEL --weights RUN`.
    """
    from lenszoo.errors import LenszooError

    if (images_in is None) == (preset is None):
        raise LenszooError("Give the images, either --images-in FOLDER or --preset NAME.")
    options = {
        "model": model,
        "method": method,
        "weights": weights,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "devices": devices,
        "data.images_in": images_in,
        "data.preset": preset,
        "data.images": images,
        "data.on_bad": on_bad,
        "optimizer.learning_rate": learning_rate,
    }
    run_recipe({"task": "pretext"}, out, options, settings, preset)
