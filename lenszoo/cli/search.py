"""``lenszoo search``: ranked lens candidates from tiles and a catalogue."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lenszoo.cli._options import (
    SEVERAL,
    WEIGHTS_HELP,
    AnyScale,
    BatchSize,
    EngineOption,
    MaskValue,
    OutFolder,
    PrecisionOption,
    SkyLevel,
    ZeroPoint,
    named_columns,
    weights_list,
)
from lenszoo.cli._verb import STOPPED, band_list, comma_list, progress_bar, say, verb
from lenszoo.errors import LenszooError, counted


@verb(backend=True, stopped=STOPPED)
def search(
    weights: Annotated[
        str,
        typer.Option(help=f"{WEIGHTS_HELP}{SEVERAL}.", show_default=False),
    ],
    out: OutFolder,
    catalogue: Annotated[
        Path | None,
        typer.Argument(
            metavar="CATALOGUE",
            help="Positions: CSV, Parquet, a folder of either (HATS too), a FITS table, a VOTable. "
            "May be left out with --cutouts.",
            show_default=False,
        ),
    ] = None,
    tiles: Annotated[
        Path | None,
        typer.Option(
            help="A folder of FITS tiles, or a table with columns tile, band, path, zero_point, "
            "weight_map, mask.",
            show_default=False,
        ),
    ] = None,
    cutouts: Annotated[
        Path | None,
        typer.Option(
            help="Instead of tiles a stack (npy, npz, h5, zarr; FILE.h5[ARRAY]) whose images are "
            "the catalogue's rows, or a folder of images that are called like the ids.",
            show_default=False,
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Where tiles lie in the folder, such as '{tile}/{band}.fits.fz' or "
            "'{tile}.fits[{band}]', by default '{tile}/{band}.fits'; of cutouts '{id}.fits'."
        ),
    ] = None,
    band_names: Annotated[
        str | None,
        typer.Option(help="The survey's bands in the order of the weights', such as g,r,i."),
    ] = None,
    bands: Annotated[
        str | None,
        typer.Option(help="Positions of the bands of cutouts to use, such as 2,1,0."),
    ] = None,
    crop: Annotated[
        int | None,
        typer.Option(min=1, help="Pixels a side of the central square to take of cutouts."),
    ] = None,
    resize: Annotated[
        bool,
        typer.Option(
            "--resize", help="Interpolate cutouts of another size; this changes their pixel scale."
        ),
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(help="The catalogue's names, such as id=objid,ra=RAJ2000,dec=DEJ2000."),
    ] = None,
    resample: Annotated[
        bool,
        typer.Option(
            "--resample", help="Interpolate to the pixel scale that the weights learned at."
        ),
    ] = False,
    on_bad: Annotated[
        Literal["skip", "zero", "fill"],
        typer.Option(help="Cutouts with bad pixels: no score, set to 0, or fill in the median."),
    ] = "skip",
    zero_point: ZeroPoint = None,
    mask_value: MaskValue = None,
    weight_maps: Annotated[
        str | None,
        typer.Option(
            help="Where weight images lie, such as '{tile}/{band}.weight.fits'; pixels without a "
            "positive weight are bad."
        ),
    ] = None,
    masks: Annotated[
        str | None,
        typer.Option(help="Where mask images lie; pixels that are not 0 there are bad."),
    ] = None,
    mask_bits: Annotated[
        int | None, typer.Option(min=1, help="Sum of the bits of masks that count; else all do.")
    ] = None,
    sky: SkyLevel = None,
    lens_class: Annotated[
        str, typer.Option(help="The class to search for, for weights that call it otherwise.")
    ] = "lens",
    any_scale: AnyScale = False,
    top: Annotated[int, typer.Option(min=1, help="Candidates to list.")] = 1000,
    known_lenses: Annotated[
        Path | None,
        typer.Option("--known", help="A list of lenses; candidates within 2 arcsec are marked."),
    ] = None,
    prevalence: Annotated[
        float | None,
        typer.Option(help="Share of lenses among the objects, such as 1e-4, for probabilities."),
    ] = None,
    features: Annotated[
        bool,
        typer.Option("--features", help="Keep the vector of each object, for `lenszoo similar`."),
    ] = False,
    previews: Annotated[
        bool, typer.Option("--previews", help="Draw the candidates: JPEG in a column 'preview'.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 works in this one.")] = 0,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Score on a Ray cluster: its address, 'auto' for this machine's, or 'local' to "
            "begin one.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(help="I/N: the I-th of N commands of a batch system that share the work."),
    ] = None,
    batch_size: BatchSize = 128,
    engine: EngineOption = "keras",
    precision: PrecisionOption = "auto",
) -> None:
    """Search a survey for lenses: a catalogue and tiles, or cutouts, in; ranked candidates out.

    Writes OUT/candidates.parquet, the scores of all objects in OUT/parts, and OUT/summary.json. The
    same command goes on where it stopped.
    """
    from lenszoo.survey import search as search_survey

    with progress_bar("Searching") as progress:
        result = search_survey(
            catalogue,
            tiles,
            weights_list(weights),
            out,
            pattern=pattern,
            cutouts=cutouts,
            bands=_bands(band_names, bands),
            crop=crop,
            resize=resize,
            columns=named_columns("--columns", columns),
            resample=resample,
            on_bad=on_bad,
            zero_point=zero_point,
            mask_value=mask_value,
            weight_maps=weight_maps,
            masks=masks,
            mask_bits=mask_bits,
            sky=sky,
            lens_class=lens_class,
            any_scale=any_scale,
            top=top,
            known_lenses=known_lenses,
            prevalence=prevalence,
            features=features,
            previews=previews,
            workers=workers,
            ray=ray,
            shard=_shard(shard),
            batch_size=batch_size,
            engine=engine,
            precision=precision,
            progress=progress,
        )
    counts = f"{result.scored:,} of {result.objects:,} objects scored"
    if result.candidates is None:
        say(f"{out}: {counts}; {result.parts_done:,} of {result.parts:,} parts are done")
    else:
        say(f"{out / 'candidates.parquet'}: {result.candidates:,} candidates; {counts}")
    faults = len(result.bad_tiles) + len(result.failures)
    if faults:
        typer.echo(
            f"{counted(faults, 'fault')} of {'tiles' if cutouts is None else 'cutouts'}: see "
            f"{out / 'summary.json'}; mend them and run the same command again.",
            err=True,
        )
        raise typer.Exit(1)


def _bands(names: str | None, positions: str | None) -> list[str] | list[int] | None:
    """Return names or positions of bands."""
    if names is not None and positions is not None:
        raise LenszooError("--band-names names bands and --bands counts them; give one of them.")
    return comma_list(names) if positions is None else band_list(positions)


def _shard(text: str | None) -> tuple[int, int] | None:
    """Split ``"3/16"``."""
    if text is None:
        return None
    first, _, count = text.partition("/")
    if not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
        raise LenszooError(f"--shard {text!r}: write I/N with I from 1 to N, such as 3/16.")
    return int(first), int(count)
