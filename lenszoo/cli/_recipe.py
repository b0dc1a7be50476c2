"""Options that the verbs which train share, and the training itself."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

STOPPED = "stopped; the same command goes on from the last whole epoch."

Preset = Annotated[str | None, typer.Option(help="Learn from this simulated sky.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training data.")]
BatchSize = Annotated[int | None, typer.Option(help="Images a step.")]
LearningRate = Annotated[float | None, typer.Option(help="Highest learning rate.")]
Images = Annotated[int | None, typer.Option(help="Simulated images an epoch.")]
Seed = Annotated[int | None, typer.Option(help="Seed of all random numbers.")]
Devices = Annotated[
    str | None,
    typer.Option(metavar="N|all", help="Devices that share each batch.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="F=V",
        help="Any other field of a recipe, as optimizer.clip_norm=1.",
        show_default=False,
    ),
]


def run_recipe(
    fields: dict[str, Any],
    out: Path,
    options: dict[str, Any],
    settings: Sequence[str] | None,
    *presets: str | None,
) -> None:
    """Train or cross-validate a recipe and print its scores in a line.

    Args:
        fields: fields of the recipe.
        out: the run folder.
        options: values by dotted names of fields; None changes nothing.
        settings: further fields as ``FIELD=VALUE``.
        *presets: the simulated skies among the data, which ``data.images`` counts.
    """
    from lenszoo import tasks
    from lenszoo.cli._options import check_images
    from lenszoo.cli._verb import say, start_backend
    from lenszoo.tasks.finished import finished_metrics
    from lenszoo.tasks.recipes import Recipe
    from lenszoo.tasks.settings import set_field, set_text

    check_images(options.get("data.images"), *presets)
    for name, value in options.items():
        whole = name == "devices" and value is not None and value.isdecimal()
        set_field(fields, name, int(value) if whole else value)
    for setting in settings or ():
        set_text(fields, setting)
    recipe = Recipe(**fields)
    kind, page = tasks.find(recipe.task), out / "report.html"
    metrics = finished_metrics(out, recipe)
    before = "" if metrics is None else "finished already; nothing trained. "
    if metrics is None or recipe.reads_files:  # files may have changed since
        start_backend()
        from lenszoo.training import cross_validate, train

        if getattr(recipe, "folds", None) is not None:
            summary = cross_validate(recipe, out)
            for name, mean in summary["mean"].items():
                spread = summary["std"][name]
                say(f"{name} {mean:.4f} +- {spread:.4f} over {recipe.folds} folds")
            return
        metrics = train(recipe, out, verbose=sys.stdout.isatty()).metrics
    say(f"{out}: {before}{kind.line(metrics) or 'done'}; open {page}")
