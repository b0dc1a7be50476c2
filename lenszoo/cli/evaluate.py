"""``lenszoo evaluate``: exact scores and a report with pictures."""

from typing import Annotated, Any

import typer

from lenszoo.cli._options import (
    Bands,
    BatchSize,
    Classes,
    OnBad,
    OutFolder,
    Resize,
    Seed,
    WeightsList,
    weights_list,
)
from lenszoo.cli._verb import band_list, comma_list, progress_bar, verb


@verb(backend=True)
def evaluate(
    weights: WeightsList,
    out: OutFolder,
    data: Annotated[
        str | None,
        typer.Option(help="Folder of class folders, or CSV with columns id, path and label."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Score on this simulated sky.")] = None,
    images: Annotated[int, typer.Option(min=2, help="Simulated images.")] = 1500,
    seed: Seed = 0,
    on_bad: OnBad = "raise",
    resize: Resize = False,
    bands: Bands = None,
    classes: Classes = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="Score over quarter turns and flips as well.")
    ] = False,
    batch_size: BatchSize = 128,
) -> None:
    """Score weights on labelled images, beside the shortcut baseline; write report.html."""
    from lenszoo.errors import LenszooError
    from lenszoo.prediction import evaluate as score
    from lenszoo.prediction import open_model
    from lenszoo.simulation import SPLIT_START, sample

    if (data is None) == (preset is None):
        raise LenszooError("Give --data FOLDER-or-CSV or --preset NAME, one of them.")
    opened = open_model(weights_list(weights), comma_list(classes))
    scored: Any = data
    if preset is not None:
        scored = sample(preset, images, seed, SPLIT_START["test"])
    with progress_bar("Scoring") as progress:
        report = score(
            opened,
            scored,
            on_bad=on_bad,
            resize=resize,
            bands=band_list(bands),
            tta=tta,
            batch_size=batch_size,
            seed=seed,
            provenance=None if preset is None else {"preset": preset, "data_seed": seed},
            progress=progress,
        )
    page = report.save(out)
    typer.echo(f"{report}\n\nOpen {page}")
