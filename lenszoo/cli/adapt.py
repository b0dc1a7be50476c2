"""``lenszoo adapt``: a lens finder goes from a sky with labels to one that has few."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lenszoo.cli._options import OnBad, OutFolder, Weights, check_images
from lenszoo.cli._verb import verb

_TABLES = (".csv", ".parquet", ".pq")


@verb(backend=True, stopped="stopped; the same command goes on from the last whole epoch.")
def adapt(
    weights: Weights,
    out: OutFolder,
    source: Annotated[
        str | None,
        typer.Option(
            help="The labelled sky that WEIGHTS know: a simulated sky, a catalogue (.csv, "
            ".parquet), or a folder of class folders."
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
    epochs: Annotated[int | None, typer.Option(help="Passes over the target.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples of each kind a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    images: Annotated[int | None, typer.Option(help="Images of each simulated sky.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is random.")] = None,
    on_bad: OnBad = None,
    allow_leaky_columns: Annotated[
        bool,
        typer.Option(
            "--allow-leaky-columns", help="Train although a column gives the answer away."
        ),
    ] = False,
) -> None:
    """Adapt a lens finder, or go on where the run in --out stands.

    The target's validation examples keep their labels, which choose the best epoch and calibrate:
    count them as labels too. Column names, bands and the like are fields of a recipe with task =
    "adapt", for `lenszoo train RECIPE.toml`.
    """
    from lenszoo.errors import LenszooError
    from lenszoo.training import Recipe
    from lenszoo.training import train as run

    if (data is None) == (preset is None):
        raise LenszooError("Give the target, either --data CATALOGUE-or-FOLDER or --preset NAME.")
    start = (None, None) if source is None else _named(source)
    check_images(images, preset, start[1])
    fields: dict[str, Any] = {
        "weights": weights,
        "method": method,
        "label_fraction": label_fraction,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "data": _sky(data, preset, images, on_bad),
        "source": None if source is None else _sky(*start, images, on_bad),
        "optimizer": None if learning_rate is None else {"learning_rate": learning_rate},
        "allow_leaky_columns": allow_leaky_columns or None,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    metrics = run(Recipe(task="adapt", **given), out, verbose=sys.stdout.isatty()).metrics
    scores = [
        f"{title} {metrics[name]:.4f} ({metrics['before'][name]:.4f} before)"
        for name, title in (("auc", "AUC"), ("tpr10", "TPR10"))
        if isinstance(metrics[name], float)  # a TPR10 of a handful of non-lenses is undefined
    ]
    typer.echo(f"{out}: {', '.join(scores) or 'done'}; open {out / 'report.html'}")


def _named(source: str) -> tuple[str | None, str | None]:
    """``(files, None)`` of what lies on the disk, ``(None, preset)`` of anything else."""
    path = Path(source)
    files = path.exists() or len(path.parts) != 1 or path.suffix.lower() in _TABLES
    return (source, None) if files else (None, source)


def _sky(
    files: str | None, preset: str | None, images: int | None, on_bad: str | None
) -> dict[str, Any]:
    """The fields of a recipe's data."""
    if files is None:
        return {"preset": preset} | ({} if images is None else {"images": images})
    kind = "catalogue" if files.lower().endswith(_TABLES) else "directory"
    return {kind: files} | ({} if on_bad is None else {"on_bad": on_bad})
