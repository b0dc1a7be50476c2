"""``lenszoo embed``: images in, feature vectors out."""

from pathlib import Path
from typing import Annotated

import typer

from lenszoo.cli._options import (
    Bands,
    BatchSize,
    IdColumn,
    Inputs,
    OnBad,
    PathColumn,
    Resize,
    Weights,
)
from lenszoo.cli._verb import band_list, progress_bar, verb


@verb(backend=True)
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
    on_bad: OnBad = "raise",
    resize: Resize = False,
    bands: Bands = None,
    id_column: IdColumn = None,
    path_column: PathColumn = "path",
    batch_size: BatchSize = 128,
) -> None:
    """Write the feature vector of each image: what the model sees before it decides."""
    from lenszoo.prediction import as_index, embedding_table, write_features, write_table
    from lenszoo.prediction.predictor import features_of
    from lenszoo.prediction.tables import check_target

    check_target(out, (".parquet", ".npy"))
    index = as_index(inputs, id_column=id_column, path_column=path_column)
    with progress_bar("Embedding") as progress:
        table = embedding_table(
            weights,
            index,
            on_bad=on_bad,
            resize=resize,
            bands=band_list(bands),
            batch_size=batch_size,
            progress=progress,
        )
    features = features_of(table)
    if out.suffix.lower() == ".npy":
        write_features(features, out)
    else:
        write_table(table, out)
    typer.echo(f"{out}: {features.shape[0]:,} vectors of {features.shape[1]}")
