"""``lenszoo train``: a recipe or a model's name becomes a run folder."""

import sys
from typing import Annotated, Any

import typer

from lenszoo.cli._options import OutFolder
from lenszoo.cli._verb import verb


@verb(backend=True, stopped="stopped; the same command goes on from the last whole epoch.")
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A model of `lenszoo models`, a recipe of lenszoo, or a .toml file.",
            show_default=False,
        ),
    ],
    out: OutFolder,
    data: Annotated[
        str | None, typer.Option(help="Folder of class folders, or CSV with id, path, label.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Train on this simulated sky.")] = None,
    weights: Annotated[str | None, typer.Option(help="Weights to start from.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    images: Annotated[int | None, typer.Option(help="Simulated images an epoch.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is random.")] = None,
    freeze: Annotated[
        str | None, typer.Option(help="'backbone', or the number of blocks that keep --weights.")
    ] = None,
    unfreeze_after: Annotated[
        int | None, typer.Option(help="Epochs after which all layers train.")
    ] = None,
    tta: Annotated[
        bool | None, typer.Option("--tta", help="Score over turns and flips as well.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validate over this many folds of --data.")
    ] = None,
) -> None:
    """Train, or go on where the run in --out stands: the same command resumes exactly."""
    from lenszoo.training import Recipe, cross_validate
    from lenszoo.training import train as run

    changes = {
        "weights": weights,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "learning_rate": learning_rate,
        "images": images,
        "freeze": int(freeze) if freeze is not None and freeze.isdecimal() else freeze,
        "unfreeze_after": unfreeze_after,
        "tta": tta,
        "folds": folds,
    }
    fields = _with(_fields(recipe), data, preset, changes)
    checked = Recipe(**fields)
    if checked.folds is not None:
        summary = cross_validate(checked, out)
        for name, mean in summary["mean"].items():
            spread = summary["std"][name]
            typer.echo(f"{name} {mean:.4f} +- {spread:.4f} over {checked.folds} folds")
        return
    result = run(checked, out, verbose=sys.stdout.isatty())
    scores = ", ".join(
        f"{label} {result.metrics[name]:.4f}"
        for name, label in (("macro_ovr_auc", "AUC"), ("accuracy", "accuracy"))
        if result.metrics.get(name) is not None
    )
    typer.echo(f"{out}: {scores or 'done'}; open {out / 'report.html'}")


def _fields(recipe: str) -> dict[str, Any]:
    """The fields of a recipe by name or file, or those of a model's name."""
    from lenszoo.catalog import CATALOG
    from lenszoo.errors import unknown
    from lenszoo.training import Recipe
    from lenszoo.training.recipe import recipe_files

    if recipe in CATALOG:
        return {"model": recipe, "data": {}}
    names = [path.stem for path in recipe_files()]
    if recipe in names or recipe.endswith(".toml"):
        return Recipe.load(recipe).model_dump(mode="json", exclude_unset=True)
    raise unknown(
        "model or recipe", recipe, [*CATALOG, *names], "Or give the path of a .toml file."
    )


def _with(
    fields: dict[str, Any], data: str | None, preset: str | None, changes: dict[str, Any]
) -> dict[str, Any]:
    """Put the command line's wishes into a recipe's fields."""
    from lenszoo.errors import LenszooError

    if data is not None and preset is not None:
        raise LenszooError("Give --data or --preset, not both.")
    source = dict(fields["data"])
    if data is not None or preset is not None:
        source = {k: v for k, v in source.items() if k not in ("preset", "directory", "csv")}
    if preset is not None:
        source["preset"] = preset
        fields.pop("folds", None)  # a sky has fresh images instead
    elif data is not None:
        source["csv" if data.lower().endswith(".csv") else "directory"] = data
        fields.pop("curriculum", None)  # files have no strength to change
    if not {"preset", "directory", "csv"} & {k for k, v in source.items() if v is not None}:
        raise LenszooError("Nothing to train on: give --data FOLDER-or-CSV or --preset NAME.")
    optimizer = dict(fields.get("optimizer", {}))
    for name, value in changes.items():
        if value is None:
            continue
        place = {"images": source, "learning_rate": optimizer}.get(name, fields)
        place[name] = value
    return {**fields, "data": source, **({"optimizer": optimizer} if optimizer else {})}
