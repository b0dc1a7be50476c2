"""Options that several verbs take."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Weights = Annotated[
    str,
    typer.Argument(
        metavar="WEIGHTS",
        help="A name of `lenszoo weights list`, a run folder, a .weights.h5 or a .keras file.",
        show_default=False,
    ),
]
WeightsList = Annotated[
    str,
    typer.Argument(
        metavar="WEIGHTS",
        help="A name of `lenszoo weights list`, a run folder, a .weights.h5 or a .keras file; "
        "several with commas between them answer together, as an ensemble.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUTS",
        help="Image files (npy, png, jpg, fits), one folder with all below it, or one CSV table.",
        show_default=False,
    ),
]
OnBad = Annotated[
    Literal["raise", "zero", "skip", "fill"],
    typer.Option(
        help="Images with NaN, infinite or constant pixels: stop, set those pixels to 0, skip the "
        "image (and any file that cannot be read), or fill in the median of the band."
    ),
]
Resize = Annotated[
    bool,
    typer.Option(
        "--resize", help="Interpolate images of another size; this changes their pixel scale."
    ),
]
Bands = Annotated[
    str | None, typer.Option(help="Positions of the bands to use, such as 0 or 2,1,0.")
]
Classes = Annotated[
    str | None,
    typer.Option(help="Names of the classes, a,b,c, for weights that do not know them."),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images a step.")]
IdColumn = Annotated[str | None, typer.Option(help="The CSV's column of ids.")]
PathColumn = Annotated[str, typer.Option(help="The CSV's column of paths.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all that is random.")]
OutFolder = Annotated[Path, typer.Option(help="The folder to write.", show_default=False)]


def weights_list(text: str) -> list[str]:
    """Split ``"A,B"`` into the weights it names; the path of a file may hold commas itself."""
    return [text] if Path(text).exists() else [part.strip() for part in text.split(",")]
