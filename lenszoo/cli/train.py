"""``lenszoo train``: a recipe or a model's name becomes a run folder."""

from typing import Annotated

import typer

from lenszoo.cli import _recipe
from lenszoo.cli._options import OnBad, OutFolder, weights_list
from lenszoo.cli._recipe import run_recipe
from lenszoo.cli._verb import comma_list, verb


@verb(recipe=True, stopped=_recipe.STOPPED)
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A model of `lenszoo models`, a recipe of lenszoo, or a file.toml.",
            show_default=False,
        ),
    ],
    out: OutFolder,
    data: Annotated[
        str | None,
        typer.Option(
            help="Class folders, a table (id, path, label), a stack with labels (npz, h5), a "
            "catalogue, or fine images."
        ),
    ] = None,
    preset: _recipe.Preset = None,
    weights: Annotated[str | None, typer.Option(help="Weights to start from.")] = None,
    epochs: _recipe.Epochs = None,
    batch_size: _recipe.BatchSize = None,
    learning_rate: _recipe.LearningRate = None,
    images: _recipe.Images = None,
    classes: Annotated[str | None, typer.Option(help="Order of the classes, a,b,c.")] = None,
    freeze: Annotated[
        str | None, typer.Option(help="Blocks that keep --weights, or 'backbone'.")
    ] = None,
    teacher: Annotated[str | None, typer.Option(help="Weights to learn from besides.")] = None,
    on_bad: OnBad = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validate over so many folds.")] = None,
    seed: _recipe.Seed = None,
    devices: _recipe.Devices = None,
    settings: _recipe.Settings = None,
) -> None:
    """Train, or go on where the run in --out stands.

    The documentation lists the fields of recipes, for --set and .toml files.
    """
    from lenszoo.tasks.settings import set_source, starting_fields

    fields = starting_fields(recipe)
    set_source(fields, data, preset)
    options = {
        "weights": weights,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "devices": devices,
        "optimizer.learning_rate": learning_rate,
        "data.images": images,
        "data.classes": comma_list(classes),
        "data.on_bad": on_bad,
        "freeze": int(freeze) if freeze is not None and freeze.isdecimal() else freeze,
        "distill.teacher": None if teacher is None else weights_list(teacher),
        "folds": folds,
    }
    run_recipe(fields, out, options, settings, fields["data"].get("preset"))
