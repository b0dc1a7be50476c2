"""``lenszoo simulate``: lens images with known truth, in folders."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lenszoo.cli._options import Seed
from lenszoo.cli._painting import GALAXIES, PAINTING, SURVEY, read_hosts
from lenszoo.cli._verb import fail, progress_bar, say, verb
from lenszoo.errors import LenszooError


@verb(backend=True, painting=True, stopped="stopped; the same command goes on from here.")
def simulate(
    painting: dict[str, Any],
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET",
            help="A sky, as `common_test_sim`; not with --survey, which takes OUT alone.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="The folder.", show_default=False)
    ] = None,
    train: Annotated[int, typer.Option(min=0, help="Training images, or painted lenses.")] = 3000,
    val: Annotated[int, typer.Option(min=0, help="Validation images, or painted lenses.")] = 750,
    seed: Seed = 0,
    format: Annotated[Literal["npy", "png"], typer.Option(help="Kind of image file.")] = "npy",
    strength: Annotated[
        float, typer.Option(min=0, help="Factor on the mass of the substructure.")
    ] = 1.0,
    survey: Annotated[str | None, SURVEY] = None,
    galaxies: Annotated[Path | None, GALAXIES] = None,
) -> None:
    """Simulate lens images into train/CLASS and val/CLASS, with a table of the truth.

    A simulation that was stopped goes on with the same command.

    With --survey, paint lenses on real galaxies: lenszoo simulate --survey S --galaxies CATALOGUE
    --images-in CUTOUTS OUT. Painting that was stopped does not go on; delete OUT and start again.
    """
    if preset is None:
        raise LenszooError("Name a sky, PRESET, and OUT, the folder to write; or paint: --survey.")
    if survey is not None:
        if out is not None or galaxies is None:
            raise LenszooError("With --survey give --galaxies CATALOGUE and OUT, but no PRESET.")
        if (format, strength) != ("npy", 1.0):
            raise LenszooError("--format and --strength go with a PRESET, not with --survey.")
        try:
            _paint(survey, galaxies, painting, Path(preset), train, val, seed)
        except KeyboardInterrupt:
            fail(f"stopped; painting does not go on: delete {preset} and start again.", 130)
        return
    options = painting | {"galaxies": galaxies}
    stray = [
        name for name, value in options.items() if value != PAINTING.get(name, (None, None))[1]
    ]
    if stray:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in stray)
        raise LenszooError(f"{names}: only with --survey, to paint on its galaxies.")
    if out is None:
        raise LenszooError("Name OUT, the folder to write.")
    _simulate(preset, out, train, val, seed, format, strength)


def _simulate(
    preset: str, out: Path, train: int, val: int, seed: int, format: str, strength: float
) -> None:
    """Simulate a sky of its own."""
    from lenszoo.files import check_output
    from lenszoo.simulation import write_dataset

    check_output(out, overwrite=True)
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
        _echo_counts(done.path / split, counts)
    say(f"{done.truth}: what was drawn and measured, for every image")


def _paint(
    survey: str,
    catalogue: Path,
    painting: dict[str, Any],
    out: Path,
    train: int,
    val: int,
    seed: int,
) -> None:
    """Paint lenses on the galaxies of a catalogue."""
    from lenszoo.files import check_output
    from lenszoo.simulation import PaintLaw, read_stamps, write_paintings

    stamps = painting["stamps"]
    check_output(out, [catalogue, painting["images_in"], stamps], overwrite=True)
    with progress_bar("Painting") as progress:
        done = write_paintings(
            read_hosts(survey, catalogue, painting),
            out,
            n_train=train,
            n_val=val,
            seed=seed,
            law=PaintLaw(law=painting["law"]),
            stamps=None if stamps is None else read_stamps(stamps),
            progress=progress,
        )
    for split, counts in done.counts.items():
        _echo_counts(done.path / split, counts)
    if done.not_painted:
        say(f"{done.path / 'not_painted.csv'}: {done.not_painted:,} lenses were given up")
    say(f"{done.path / 'truth.parquet'}: what was drawn and measured, for every image")


def _echo_counts(folder: Path, counts: dict[str, int]) -> None:
    shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    say(f"{folder}: {shown}")
