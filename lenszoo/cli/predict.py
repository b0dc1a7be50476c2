"""``lenszoo predict``: images in, a table out."""

from pathlib import Path
from typing import Annotated

import typer

from lenszoo.cli._options import (
    Bands,
    BatchSize,
    Classes,
    IdColumn,
    Inputs,
    OnBad,
    PathColumn,
    Resize,
    WeightsList,
    weights_list,
)
from lenszoo.cli._verb import band_list, comma_list, progress_bar, verb


@verb(backend=True)
def predict(
    weights: WeightsList,
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file.", show_default=False)],
    on_bad: OnBad = "raise",
    resize: Resize = False,
    bands: Bands = None,
    classes: Classes = None,
    id_column: IdColumn = None,
    path_column: PathColumn = "path",
    batch_size: BatchSize = 128,
) -> None:
    """Classify images: id, path, class, probabilities, logits, bad pixels, provenance."""
    from lenszoo.prediction import as_index, write_table
    from lenszoo.prediction import predict as classify
    from lenszoo.prediction.tables import check_target

    check_target(out)
    index = as_index(inputs, id_column=id_column, path_column=path_column)
    with progress_bar("Predicting") as progress:
        table = classify(
            weights_list(weights),
            index,
            on_bad=on_bad,
            resize=resize,
            bands=band_list(bands),
            classes=comma_list(classes),
            batch_size=batch_size,
            progress=progress,
        )
    write_table(table, out)
    counts = {
        str(row["values"]): row["counts"] for row in table["predicted"].value_counts().to_pylist()
    }
    skipped = counts.pop("None", 0)
    found = ", ".join(f"{name} {counts[name]:,}" for name in sorted(counts))
    left = f"; {skipped:,} without an answer, see the column error" if skipped else ""
    typer.echo(f"{out}: {len(table):,} images: {found or 'no answers'}{left}")
