"""``lenszoo embed``: feature vectors of images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lenszoo.cli._options import (
    Bands,
    BatchSize,
    CutoutSize,
    Inputs,
    OnBad,
    OnMissing,
    Overwrite,
    PathColumn,
    PositionColumns,
    Resize,
    Weights,
    cut_option,
)
from lenszoo.cli._verb import band_list, progress_bar, say, verb
from lenszoo.errors import counted


@verb(backend=True, catalogue=True)
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
    batch_size: BatchSize = 128,
    overwrite: Overwrite = False,
) -> None:
    """Write the feature vector of each image, the input of the model's last layer."""
    from lenszoo.files import check_output
    from lenszoo.inference import embedding_table, list_inputs, write_features, write_table
    from lenszoo.inference.predictor import features_of
    from lenszoo.inference.tables import check_target

    check_target(out, (".parquet", ".npy"))
    check_output(out, [*inputs, weights], overwrite=overwrite)
    if on_missing is not None:
        catalogue["on_missing"] = on_missing
    images = list_inputs(inputs, path_column, catalogue, cut_option(cutout_size, position_columns))
    with progress_bar("Embedding") as progress:
        table = embedding_table(
            weights,
            images,
            on_bad=on_bad,
            resize=resize,
            bands=band_list(bands),
            batch_size=batch_size,
            progress=progress,
            **preparing,
        )
    features = features_of(table)
    if out.suffix.lower() == ".npy":
        write_features(features, out)
    else:
        write_table(table, out)
    say(f"{out}: {counted(features.shape[0], 'vector')} of {features.shape[1]}")
