"""``lenszoo simulate``: lens images with known truth, in folders."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lenszoo.cli._options import Seed
from lenszoo.cli._verb import progress_bar, verb


@verb(backend=True, stopped="stopped; the same command goes on from here.")
def simulate(
    preset: Annotated[
        str,
        typer.Argument(metavar="PRESET", help="A sky, as `common_test_sim`.", show_default=False),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder.", show_default=False)],
    train: Annotated[int, typer.Option(min=0, help="Training images.")] = 3000,
    val: Annotated[int, typer.Option(min=0, help="Validation images.")] = 750,
    seed: Seed = 0,
    format: Annotated[Literal["npy", "png"], typer.Option(help="Kind of image file.")] = "npy",
    strength: Annotated[
        float, typer.Option(min=0, help="Factor on the mass of the substructure.")
    ] = 1.0,
) -> None:
    """Simulate lens images into train/CLASS and val/CLASS, with a table of the truth."""
    from lenszoo.simulation import write_dataset

    with progress_bar("Simulating") as progress:
        done = write_dataset(
            preset,
            out,
            n_train=train,
            n_val=val,
            seed=seed,
            format=format,
            strength=strength,
            progress=progress,
        )
    for split, counts in done.counts.items():
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        typer.echo(f"{done.path / split}: {shown}")
    typer.echo(f"{done.truth}: what was drawn and measured, for every image")
