"""``lenszoo predict``: a table of predictions for images."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lenszoo.cli._options import (
    Bands,
    BatchSize,
    Classes,
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
    WeightsList,
    cut_option,
    weights_list,
)
from lenszoo.cli._verb import STOPPED, band_list, comma_list, progress_bar, say, verb
from lenszoo.errors import counted


@verb(backend=True, catalogue=True, stopped=STOPPED)
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
    tta: Tta = False,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Sort by a column, such as logit_lens, highest first."),
    ] = None,
    csv_formulas: Annotated[
        Literal["keep", "quote"],
        typer.Option(help="Text in a CSV that spreadsheets run (=, +, -, @): put ' before it."),
    ] = "keep",
    batch_size: BatchSize = 128,
    engine: EngineOption = "keras",
    precision: PrecisionOption = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Classify images, or find lenses: id, path, class, probabilities, logits, provenance.

    A model that looks at a table finds its columns in a catalogue by name. The probability of a
    lens is calibrated for data like those the model was trained on. Other columns of a table, such
    as ra and dec, are carried along. Rows are written as they come, and the same command goes on
    where it stopped.
    """
    from lenszoo.inference import list_inputs
    from lenszoo.inference.predictor import prediction
    from lenszoo.inference.streaming import Output

    output = Output(out, overwrite, sort, csv_formulas)
    output.check([*inputs, *weights_list(weights)])
    if on_missing is not None:
        catalogue["on_missing"] = on_missing
    images = list_inputs(inputs, path_column, catalogue, cut_option(cutout_size, position_columns))
    work = prediction(
        weights_list(weights),
        images,
        on_bad=on_bad,
        resize=resize,
        bands=band_list(bands),
        classes=comma_list(classes),
        tta=tta,
        batch_size=batch_size,
        engine=engine,
        precision=precision,
        **preparing,
    )
    with progress_bar("Predicting") as progress:
        _, rows, counts = work.write(output, progress)
    skipped = counts.pop(None, 0)
    classes_text = ", ".join(f"{name} {counts[name]:,}" for name in sorted(map(str, counts)))
    left = f"; {skipped:,} without an answer, see the column error" if skipped else ""
    say(f"{out}: {counted(rows, 'image')}: {classes_text or 'no answers'}{left}")
