"""``lenszoo adapt``: a lens finder goes from a sky with labels to one that has few."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lenszoo.cli import _recipe
from lenszoo.cli._options import OnBad, OutFolder, Weights
from lenszoo.cli._recipe import run_recipe
from lenszoo.cli._verb import verb


@verb(recipe=True, stopped=_recipe.STOPPED)
def adapt(
    weights: Weights,
    out: OutFolder,
    source: Annotated[
        str | None,
        typer.Option(
            help="The labelled sky of WEIGHTS: a simulated sky, a catalogue (.csv, .parquet), or a "
            "folder of class folders."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Adapt to this catalogue, or folder of class folders."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Adapt to this simulated sky.")] = None,
    method: Annotated[
        Literal["fine_tune", "joint", "dann", "adamatch", "mean_teacher", "batch_norm"],
        typer.Option(
            help="fine_tune and joint learn from labels alone, the target's or both skies'; dann, "
            "adamatch and mean_teacher from the unlabelled target too; batch_norm learns nothing "
            "and takes the statistics of BatchNorm anew."
        ),
    ] = "adamatch",
    label_fraction: Annotated[
        float | None, typer.Option(help="Share of the target's labels to learn by, 0.2.")
    ] = None,
    epochs: _recipe.Epochs = None,
    batch_size: _recipe.BatchSize = None,
    learning_rate: _recipe.LearningRate = None,
    images: Annotated[int | None, typer.Option(help="Images of each simulated sky.")] = None,
    on_bad: OnBad = None,
    seed: _recipe.Seed = None,
    devices: _recipe.Devices = None,
    settings: _recipe.Settings = None,
) -> None:
    """Adapt a lens finder, or go on where the run in --out stands.

    The target's validation examples keep their labels, which choose the best epoch and calibrate:
    count them as labels too.
    """
    from lenszoo.errors import LenszooError

    if (data is None) == (preset is None):
        raise LenszooError("Give the target, either --data CATALOGUE-or-FOLDER or --preset NAME.")
    skies = {"data": (data, preset)} | ({} if source is None else {"source": _named(source)})
    options: dict[str, Any] = {
        "weights": weights,
        "method": method,
        "label_fraction": label_fraction,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "devices": devices,
        "optimizer.learning_rate": learning_rate,
    }
    fields: dict[str, Any] = {"task": "adapt"}
    for name, (files, sky) in skies.items():
        fields[name] = _table(files, sky)
        options[f"{name}.images" if files is None else f"{name}.on_bad"] = (
            images if files is None else on_bad
        )
    run_recipe(fields, out, options, settings, *(sky for _, sky in skies.values()))


def _named(source: str) -> tuple[str | None, str | None]:
    """``(files, None)`` of a path, ``(None, preset)`` of anything else."""
    path = Path(source)
    files = path.exists() or len(path.parts) != 1 or bool(path.suffix)
    return (source, None) if files else (None, source)


def _table(files: str | None, preset: str | None) -> dict[str, Any]:
    """The fields of a recipe's data."""
    from lenszoo.tasks.find_lenses.recipe import LensData

    return {"preset": preset} if files is None else dict(LensData.from_path(files))
