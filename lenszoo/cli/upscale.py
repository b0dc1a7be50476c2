"""``lenszoo upscale``: super-resolution of image files."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from lenszoo.cli._options import ImageInputs, Overwrite, PathColumn, Weights, parse_scaling
from lenszoo.cli._verb import progress_bar, say, verb
from lenszoo.errors import counted


@verb(backend=True, stopped="stopped; go on with --skip-existing.")
def upscale(
    weights: Weights,
    inputs: ImageInputs,
    out: Annotated[
        Path,
        typer.Option(help="A folder; or, for one input, a file.", show_default=False),
    ],
    scale: Annotated[
        int | None, typer.Option(min=1, help="Refuse weights of another scale.")
    ] = None,
    hdu: Annotated[
        str | None, typer.Option(help="Number or name of the HDU of FITS files with several.")
    ] = None,
    scaling: Annotated[
        str,
        typer.Option(
            metavar="auto|minmax|none|LOW,HIGH",
            help="Values that the model sees as 0 and 1: the image's least and greatest (auto: of "
            "most parts of a wide field, so that no star sets the range), 0 and 1 themselves, or "
            "these.",
        ),
    ] = "auto",
    conserve_flux: Annotated[
        bool,
        typer.Option(
            "--conserve-flux/--no-conserve-flux",
            help="Make every block's mean equal its input pixel (or its sum).",
        ),
    ] = True,
    flux: Annotated[
        Literal["surface_brightness", "per_pixel"],
        typer.Option(help="What pixels hold; of flux per pixel (counts) each gets its share."),
    ] = "surface_brightness",
    png: Annotated[
        bool, typer.Option("--png", help="Write 16-bit grey PNG for PNG and JPEG, not .npy.")
    ] = False,
    path_column: PathColumn = "path",
    overwrite: Overwrite = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Keep outputs that are there, to go on.")
    ] = False,
    on_error: Annotated[
        Literal["raise", "skip"],
        typer.Option(help="Inputs that fail: stop there, or report them and go on."),
    ] = "raise",
    tile: Annotated[
        int | None,
        typer.Option(min=1, help="Side of a tile in pixels; by default what the model needs."),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(min=0, help="Edge of a tile that is not kept; by default exactly enough."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Tiles a step.")] = None,
) -> None:
    """Super-resolve images of any size: float32 npy and FITS with its coordinates scaled."""
    from lenszoo.files import check_output
    from lenszoo.inference.upscaling import upscale as upscale_files

    check_output(out, [*inputs, weights], overwrite=True)
    with progress_bar("Upscaling") as progress:
        results = upscale_files(
            weights,
            inputs,
            out,
            scale=scale,
            hdu=hdu,
            scaling=parse_scaling(scaling),
            tile=tile,
            overlap=overlap,
            batch_size=batch_size,
            conserve_flux=conserve_flux,
            flux=flux,
            png_out="png" if png else "npy",
            path_column=path_column,
            overwrite=overwrite,
            skip_existing=skip_existing,
            on_error=on_error,
            progress=progress,
        )
    counts = Counter(result.status for result in results)
    kept = f", {counts['kept']:,} were there already" if counts["kept"] else ""
    failed = f", {counts['failed']:,} failed" if counts["failed"] else ""
    say(f"{out}: {counted(counts['written'], 'file')} upscaled{kept}{failed}")
