"""``lenszoo simulate``: lens images with known truth, in folders."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lenszoo.cli._options import Seed
from lenszoo.cli._verb import fail, progress_bar, say, verb
from lenszoo.errors import LenszooError

_PAINTING = "Painting on a survey's galaxies"


@verb(backend=True, stopped="stopped; the same command goes on from here.")
def simulate(
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
    survey: Annotated[
        str | None,
        typer.Option(
            help="A survey of `lenszoo surveys`, or a TOML file.", rich_help_panel=_PAINTING
        ),
    ] = None,
    galaxies: Annotated[
        Path | None,
        typer.Option(
            help="Their catalogue (CSV or Parquet): id, redshift, velocity_dispersion, mag_BAND.",
            rich_help_panel=_PAINTING,
        ),
    ] = None,
    images_in: Annotated[
        Path | None,
        typer.Option(
            help="Folder of their cutouts, by default the catalogue's own.",
            rich_help_panel=_PAINTING,
        ),
    ] = None,
    stamps: Annotated[
        Path | None,
        typer.Option(
            help="Folder of stamps of real galaxies, such as HST's, to use as sources.",
            rich_help_panel=_PAINTING,
        ),
    ] = None,
    law: Annotated[
        Literal["flat", "natural"],
        typer.Option(
            help="Einstein radii: evenly spread, or of each galaxy's mass.",
            rich_help_panel=_PAINTING,
        ),
    ] = "flat",
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Where a cutout lies in the folder, such as '{band}/{id}.fits'.",
            rich_help_panel=_PAINTING,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Column of what each galaxy is: empty for hosts; `lens` is no non-lens.",
            rich_help_panel=_PAINTING,
        ),
    ] = None,
    cutout_size: Annotated[
        int | None,
        typer.Option(
            help="Pixels a side of the cutouts, where the survey's differ.",
            rich_help_panel=_PAINTING,
            min=16,
        ),
    ] = None,
) -> None:
    """Simulate lens images into train/CLASS and val/CLASS, with a table of the truth.

    A simulation that was stopped goes on with the same command.

    With --survey, paint lenses on real galaxies: lenszoo simulate --survey S --galaxies CATALOGUE
    --images-in CUTOUTS OUT. Painting that was stopped does not go on; delete OUT and start again.
    """
    from lenszoo.files import check_output

    if preset is None:
        raise LenszooError("Name a sky, PRESET, and OUT, the folder to write; or paint: --survey.")
    if survey is not None:
        check_output(preset, [galaxies, images_in, stamps], overwrite=True)
        if out is not None or galaxies is None:
            raise LenszooError("With --survey give --galaxies CATALOGUE and OUT, but no PRESET.")
        try:
            _paint(
                survey, galaxies, images_in, Path(preset), stamps, pattern, kind, cutout_size, law,
                train, val, seed,
            )  # fmt: skip
        except KeyboardInterrupt:
            fail(f"stopped; painting does not go on: delete {preset} and start again.", 130)
        return
    only = {"--galaxies": galaxies, "--images-in": images_in, "--stamps": stamps}
    stray = [name for name, value in only.items() if value is not None]
    if out is None or stray:
        raise LenszooError(
            f"{', '.join(stray)} goes with --survey." if stray else "Name OUT, the folder to write."
        )
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
    images: Path | None,
    out: Path,
    stamps: Path | None,
    pattern: str | None,
    kind: str | None,
    size: int | None,
    law: Literal["flat", "natural"],
    train: int,
    val: int,
    seed: int,
) -> None:
    """Paint lenses on the galaxies of a catalogue."""
    from lenszoo.simulation import (
        PaintLaw,
        get_survey,
        read_galaxies,
        read_stamps,
        write_paintings,
    )

    chosen = get_survey(survey)
    if size is not None:
        chosen = chosen.sized(size)
    with progress_bar("Painting") as progress:
        done = write_paintings(
            read_galaxies(chosen, catalogue, images=images, pattern=pattern, kind=kind),
            out,
            n_train=train,
            n_val=val,
            seed=seed,
            law=PaintLaw(law=law),
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
