"""``lenszoo predict``: a table of predictions for images."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lenszoo.cli._options import (
    Bands,
    BatchSize,
    Classes,
    CutoutSize,
    Inputs,
    OnBad,
    OnMissing,
    Overwrite,
    PathColumn,
    PositionColumns,
    Resize,
    WeightsList,
    cut_option,
    weights_list,
)
from lenszoo.cli._verb import band_list, comma_list, fail, progress_bar, say, verb
from lenszoo.errors import counted


@verb(backend=True, catalogue=True)
def predict(
    weights: WeightsList,
    inputs: Inputs,
    out: Annotated[
        Path, typer.Option(help="A .parquet, .csv, .fits or .ecsv file.", show_default=False)
    ],
    catalogue: dict[str, Any],
    preparing: dict[str, Any],
    on_bad: OnBad = None,
    on_missing: OnMissing = None,
    resize: Resize = False,
    bands: Bands = None,
    classes: Classes = None,
    path_column: PathColumn = "path",
    cutout_size: CutoutSize = None,
    position_columns: PositionColumns = None,
    tta: Annotated[
        bool,
        typer.Option(
            "--tta", help="Average over quarter turns and flips, in eight times the time."
        ),
    ] = False,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Sort by a column, such as logit_lens, highest first."),
    ] = None,
    csv_formulas: Annotated[
        Literal["keep", "quote"],
        typer.Option(help="Text in a CSV that spreadsheets run (=, +, -, @): put ' before it."),
    ] = "keep",
    batch_size: BatchSize = 128,
    overwrite: Overwrite = False,
) -> None:
    """Classify images, or find lenses: id, path, class, probabilities, logits, provenance.

    A model that looks at a table finds its columns in a catalogue by name. The probability of a
    lens is calibrated for data like those the model was trained on. Other columns of a table, such
    as ra and dec, are carried along.
    """
    from lenszoo.files import check_output
    from lenszoo.inference import list_inputs, sort_table, write_table
    from lenszoo.inference import predict as classify
    from lenszoo.inference.predictor import PredictionStopped
    from lenszoo.inference.tables import check_target

    check_target(out)
    check_output(out, [*inputs, *weights_list(weights)], overwrite=overwrite)
    if on_missing is not None:
        catalogue["on_missing"] = on_missing
    images = list_inputs(inputs, path_column, catalogue, cut_option(cutout_size, position_columns))
    try:
        with progress_bar("Predicting") as progress:
            table = classify(
                weights_list(weights),
                images,
                on_bad=on_bad,
                resize=resize,
                bands=band_list(bands),
                classes=comma_list(classes),
                tta=tta,
                batch_size=batch_size,
                progress=progress,
                **preparing,
            )
    except PredictionStopped as stop:
        if not stop.done:
            raise
        part = out.with_name(f"{out.stem}.partial{out.suffix}")
        write_table(stop.table, part, csv_formulas=csv_formulas)
        fail(f"stopped; the {counted(stop.done, 'row')} until then are in {part}.", 130)
    if sort is not None:
        table = sort_table(table, sort)
    write_table(table, out, csv_formulas=csv_formulas)
    counts = {
        str(row["values"]): row["counts"] for row in table["predicted"].value_counts().to_pylist()
    }
    skipped = counts.pop("None", 0)
    classes_text = ", ".join(f"{name} {counts[name]:,}" for name in sorted(counts))
    left = f"; {skipped:,} without an answer, see the column error" if skipped else ""
    say(f"{out}: {counted(len(table), 'image')}: {classes_text or 'no answers'}{left}")
