"""``lenszoo embed``: feature vectors of images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lenszoo.cli._options import (
    Bands,
    BatchSize,
    CutoutSize,
    EngineOption,
    Inputs,
    OnBad,
    OnMissing,
    Overwrite,
    PathColumn,
    PositionColumns,
    PrecisionOption,
    Resize,
    Tta,
    Weights,
    cut_option,
)
from lenszoo.cli._verb import STOPPED, band_list, progress_bar, say, verb
from lenszoo.errors import counted


@verb(backend=True, catalogue=True, stopped=STOPPED)
def embed(
    weights: Weights,
    inputs: Inputs,
    out: Annotated[
        Path,
        typer.Option(
            help="A .parquet file, or .npy with the vectors alone in the order of the inputs.",
            show_default=False,
        ),
    ],
    catalogue: dict[str, Any],
    preparing: dict[str, Any],
    on_bad: OnBad = None,
    on_missing: OnMissing = None,
    resize: Resize = False,
    bands: Bands = None,
    path_column: PathColumn = "path",
    cutout_size: CutoutSize = None,
    position_columns: PositionColumns = None,
    tta: Tta = False,
    batch_size: BatchSize = 128,
    engine: EngineOption = "keras",
    precision: PrecisionOption = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Write the feature vector of each image, the input of the model's last layer.

    Rows are written as they come, and the same command goes on where it stopped.
    """
    from lenszoo.inference import list_inputs
    from lenszoo.inference.predictor import VECTORS, embedding
    from lenszoo.inference.streaming import Output

    output = Output(out, overwrite)
    output.check([*inputs, weights], VECTORS)
    if on_missing is not None:
        catalogue["on_missing"] = on_missing
    images = list_inputs(inputs, path_column, catalogue, cut_option(cutout_size, position_columns))
    work = embedding(
        weights,
        images,
        on_bad=on_bad,
        resize=resize,
        bands=band_list(bands),
        tta=tta,
        batch_size=batch_size,
        engine=engine,
        precision=precision,
        **preparing,
    )
    with progress_bar("Embedding") as progress:
        _, rows, _ = work.write(output, progress)
    say(f"{out}: {counted(rows, 'vector')} of {work.model.output_shape[-1]}")
