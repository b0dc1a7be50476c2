"""``lenszoo train``: a recipe or a model's name becomes a run folder."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import typer

from lenszoo.cli._options import (
    CATALOGUE,
    LabelColumn,
    OnBad,
    OnMissing,
    OutFolder,
    check_images,
    weights_list,
)
from lenszoo.cli._verb import verb

# the scores of all tasks that are worth a line: their names in report.json, and how they read
_SCORES = {
    "macro_ovr_auc": "AUC {:.4f}",
    "accuracy": "accuracy {:.4f}",
    "auc": "AUC {:.4f}",
    "tpr0": "TPR0 {:.3f}",
    "tpr10": "TPR10 {:.3f}",
    "nonlenses": "{:,} non-lenses",
    "psnr": "PSNR {:.2f} dB",
    "ssim": "SSIM {:.4f}",
    "share_of_way": "{:.1%} of the way from bicubic to the floor",
}
# options that are no field of their own name: the table of the recipe they belong to
_PLACES = {
    "images": ("data", "images"),
    "on_bad": ("data", "on_bad"),
    "learning_rate": ("optimizer", "learning_rate"),
    "teacher": ("distill", "teacher"),
    "teacher_weight": ("distill", "weight"),
}
# what a recipe's data may come from, whatever its task
_SOURCES = ("preset", "directory", "csv", "low", "high", "catalogue", "images_in")
# options of a catalogue that are called otherwise in a recipe
_CATALOGUE = {"images": "folder"}
_OPTION_NAMES = {"label": "--label-column", "on_missing": "--on-missing"} | {
    name: f"--{option.replace('_', '-')}" for option, (name, _) in CATALOGUE.items()
}
# ... and that mean something elsewhere too
_ELSEWHERE = {"columns": "preset", "bands": "directory"}


@verb(
    backend=True,
    catalogue=True,
    stopped="stopped; the same command goes on from the last whole epoch.",
)
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
    catalogue: dict[str, Any],
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder of class folders, or CSV with id, path, label. To super-resolve: folder "
            "of fine images, or of the folders low and high. To find lenses: a catalogue (CSV or "
            "Parquet), or folder of class folders."
        ),
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
    teacher: Annotated[
        str | None,
        typer.Option(help="Weights to learn from besides; several with commas, as an ensemble."),
    ] = None,
    teacher_weight: Annotated[
        float | None, typer.Option(help="Share of the loss on the teacher's answers.")
    ] = None,
    tta: Annotated[
        bool | None, typer.Option("--tta", help="Score over turns and flips as well.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validate over this many folds of --data.")
    ] = None,
    on_bad: OnBad = None,
    use: Annotated[
        Literal["both", "image", "table"] | None,
        typer.Option(help="What a lens finder is given.", rich_help_panel="Catalogues"),
    ] = None,
    label_column: LabelColumn = None,
    on_missing: OnMissing = None,
    allow_leaky_columns: Annotated[
        bool | None,
        typer.Option(
            "--allow-leaky-columns",
            help="Train although a column gives the answer away.",
            rich_help_panel="Catalogues",
        ),
    ] = None,
) -> None:
    """Train, or go on where the run in --out stands: the same command resumes exactly."""
    changes = {
        "weights": weights,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "learning_rate": learning_rate,
        "images": images,
        "freeze": int(freeze) if freeze is not None and freeze.isdecimal() else freeze,
        "unfreeze_after": unfreeze_after,
        "teacher": None if teacher is None else weights_list(teacher),
        "teacher_weight": teacher_weight,
        "tta": tta,
        "folds": folds,
        "on_bad": on_bad,
        "use": use,
        "allow_leaky_columns": allow_leaky_columns,
    }
    more = {"label": label_column, "on_missing": on_missing}
    catalogue |= {name: value for name, value in more.items() if value is not None}
    _train_one(recipe, out, (data, preset), changes, catalogue)


def _train_one(
    recipe: str,
    out: Path,
    source: tuple[str | None, str | None],
    changes: dict[str, Any],
    catalogue: dict[str, Any],
) -> None:
    """Train one recipe, or cross-validate it."""
    from lenszoo.training import Recipe, cross_validate
    from lenszoo.training import train as run

    fields = _with(_fields(recipe), *source, changes, catalogue)
    checked = Recipe(**fields)
    if getattr(checked, "folds", None) is not None:
        summary = cross_validate(checked, out)
        for name, mean in summary["mean"].items():
            spread = summary["std"][name]
            typer.echo(f"{name} {mean:.4f} +- {spread:.4f} over {checked.folds} folds")
        return
    result = run(checked, out, verbose=sys.stdout.isatty())
    typer.echo(f"{out}: {_scores(result.metrics) or 'done'}; open {out / 'report.html'}")


def _scores(metrics: Mapping[str, Any]) -> str:
    """What a report says in a line; scores that are undefined are left out."""
    return ", ".join(
        text.format(metrics[name])
        for name, text in _SCORES.items()
        if isinstance(metrics.get(name), int | float)
    )


def _fields(recipe: str) -> dict[str, Any]:
    """The fields of a recipe by name or file, or those of a model's name."""
    from lenszoo.errors import unknown
    from lenszoo.models.registry import CATALOG
    from lenszoo.tasks.recipes import recipe_files
    from lenszoo.training import Recipe

    if recipe in CATALOG:
        return {"task": CATALOG[recipe].task, "model": recipe, "data": {}}
    names = [path.stem for path in recipe_files()]
    if recipe in names or recipe.endswith(".toml"):
        return Recipe.load(recipe).model_dump(mode="json", exclude_unset=True)
    raise unknown(
        "model or recipe", recipe, [*CATALOG, *names], "Or give the path of a .toml file."
    )


def _with(
    fields: dict[str, Any],
    data: str | None,
    preset: str | None,
    changes: dict[str, Any],
    catalogue: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Put the command line's wishes into a recipe's fields."""
    from lenszoo.errors import LenszooError

    if data is not None and preset is not None:
        raise LenszooError("Give --data or --preset, not both.")
    source = dict(fields.get("data", {}))
    if data is not None or preset is not None:
        source = {k: v for k, v in source.items() if k not in _SOURCES}
    if preset is not None:
        source["preset"] = preset
        fields.pop("folds", None)  # a sky has fresh images instead
    elif data is not None:
        source |= _files(fields.get("task", "classify"), data)
        fields.pop("curriculum", None)  # files have no strength to change
    if all(source.get(name) is None for name in _SOURCES):
        raise LenszooError("Nothing to train on: give --data FOLDER-or-CSV or --preset NAME.")
    check_images(changes.get("images"), source.get("preset"))
    source |= _catalogue_fields(fields.get("task", "classify"), source, catalogue)
    tables = {"data": source} | {
        name: dict(fields.get(name) or {}) for name in ("optimizer", "distill")
    }
    for name, value in changes.items():
        if value is not None:
            table, key = _PLACES.get(name, (None, name))
            (fields if table is None else tables[table])[key] = value
    if tables["distill"] and "teacher" not in tables["distill"]:
        raise LenszooError("--teacher-weight needs --teacher.")
    return {**fields, **{name: table for name, table in tables.items() if table}}


def _files(task: str, data: str) -> dict[str, str]:
    """The fields of a recipe's data that ``--data`` stands for."""
    if task == "pretext":
        return {"images_in": data}
    if task in ("adapt", "find_lenses"):
        from lenszoo.data.table import PARQUET_SUFFIXES

        table = data.lower().endswith((".csv", *PARQUET_SUFFIXES))
        return {"catalogue" if table else "directory": data}
    if task != "super_resolve":
        return {"csv" if data.lower().endswith(".csv") else "directory": data}
    pair = {name: Path(data, name) for name in ("low", "high")}
    if all(folder.is_dir() for folder in pair.values()):
        return {name: str(folder) for name, folder in pair.items()}
    return {"high": data}


def _catalogue_fields(
    task: str, source: Mapping[str, Any], catalogue: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of a recipe's data that options of a catalogue stand for."""
    from lenszoo.errors import LenszooError

    for name in catalogue:
        option = _OPTION_NAMES[name]
        if task != "find_lenses":
            raise LenszooError(f"{option} is for lens finders; this is a recipe to {task}.")
        places = ("catalogue", _ELSEWHERE.get(name, "catalogue"))
        if all(source.get(place) is None for place in places):
            raise LenszooError(
                f"{option} is said of a catalogue: give --data TABLE, CSV or Parquet."
            )
    return {_CATALOGUE.get(name, name): value for name, value in catalogue.items()}
