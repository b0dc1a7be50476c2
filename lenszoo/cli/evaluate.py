"""``lenszoo evaluate``: exact scores and a report with pictures."""

from typing import Annotated, Any, Literal

import typer

from lenszoo.cli._options import (
    Bands,
    BatchSize,
    Classes,
    CutoutSize,
    LabelColumn,
    OnBad,
    OnMissing,
    OutFolder,
    Overwrite,
    PathColumn,
    PositionColumns,
    Resize,
    Seed,
    WeightsList,
    cut_option,
    weights_list,
)
from lenszoo.cli._verb import band_list, comma_list, progress_bar, say, verb


@verb(backend=True, catalogue=True)
def evaluate(
    weights: WeightsList,
    out: OutFolder,
    catalogue: dict[str, Any],
    preparing: dict[str, Any],
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder of class folders, or table (csv, parquet, fits, votable, ecsv) with "
            "columns id, path and label, or a stack (npz, h5) with labels; to find lenses, also a "
            "catalogue."
        ),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Score on this simulated sky.")] = None,
    split: Annotated[
        Literal["train", "val", "test"] | None,
        typer.Option(help="Score a run on this part of the data that it was trained with."),
    ] = None,
    images: Annotated[int, typer.Option(min=2, help="Simulated images.")] = 1500,
    seed: Seed = 0,
    label_column: LabelColumn = None,
    path_column: PathColumn = "path",
    cutout_size: CutoutSize = None,
    position_columns: PositionColumns = None,
    on_bad: OnBad = None,
    on_missing: OnMissing = None,
    resize: Resize = False,
    bands: Bands = None,
    classes: Classes = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="Score over quarter turns and flips as well.")
    ] = False,
    prevalence: Annotated[
        float | None,
        typer.Option(
            help="Share of lenses in the survey whose purity and inspections per lens are "
            "reported, by default 1e-3; for lens finders."
        ),
    ] = None,
    batch_size: BatchSize = 128,
    overwrite: Overwrite = False,
) -> None:
    """Score weights on labelled data, beside the shortcut baseline; write report.html."""
    from lenszoo.data.listing import ImageTable
    from lenszoo.data.table import column_names, is_table_file
    from lenszoo.errors import LenszooError
    from lenszoo.files import check_output
    from lenszoo.inference import Catalogue
    from lenszoo.inference.candidates import image_table
    from lenszoo.tasks.evaluate import evaluate as score

    if sum(each is not None for each in (data, preset, split)) != 1:
        raise LenszooError(
            "Give --data FOLDER-or-CSV, --preset NAME, or --split val of a run folder: one of them."
        )
    check_output(out, [data, *weights_list(weights)], overwrite=overwrite)
    more = {"label": label_column, "on_missing": on_missing}
    catalogue |= {name: value for name, value in more.items() if value is not None}
    scored: Any = data
    cut = cut_option(cutout_size, position_columns)
    if cut is not None:
        if data is None:
            raise LenszooError("--cutout-size cuts at the positions of a table: give --data.")
        label = catalogue.pop("label", "label")
        scored = image_table([data], path_column, catalogue, cut, label)
    elif data is not None and is_table_file(data):
        columns_alone = set(catalogue) and not set(catalogue) - {"id", "label"}
        if path_column != "path" or (columns_alone and "path" in column_names(data)):
            label = catalogue.get("label", "label")
            scored = ImageTable(data, catalogue.get("id"), path_column, label)
        elif catalogue:
            scored = Catalogue(data, **catalogue)
    elif catalogue and data is not None:
        raise LenszooError(f"{data}: {min(catalogue)}= is said of a table.")
    with progress_bar("Scoring") as progress:
        report = score(
            weights_list(weights),
            scored,
            preset=preset,
            split=split,
            images=images,
            classes=comma_list(classes),
            on_bad=on_bad,
            resize=resize,
            bands=band_list(bands),
            tta=tta,
            prevalence=prevalence,
            batch_size=batch_size,
            seed=seed,
            progress=progress,
            **preparing,
        )
    page = report.save(out)
    say(f"{report}\n\nOpen {page}")
