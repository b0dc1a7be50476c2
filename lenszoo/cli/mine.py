"""``lenszoo mine``: the hardest false positives of a lens finder, for its next training."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lenszoo.cli._options import BatchSize, Inputs, OnBad, Overwrite, PathColumn
from lenszoo.cli._verb import progress_bar, say, verb
from lenszoo.errors import counted


@verb(backend=True, catalogue=True)
def mine(
    weights: Annotated[
        str, typer.Argument(help="A lens finder: a name or a run.", show_default=False)
    ],
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="A .csv or .parquet file.", show_default=False)],
    catalogue: dict[str, Any],
    preparing: dict[str, Any],
    number: Annotated[int, typer.Option(min=1, help="The most objects to keep.")] = 500,
    label: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column that is 1 for known lenses, left out."),
    ] = None,
    on_bad: OnBad = None,
    path_column: PathColumn = "path",
    batch_size: BatchSize = 128,
    overwrite: Overwrite = False,
) -> None:
    """Keep the objects that a finder wrongly takes for lenses, to train on as non-lenses.

    Look through them before you do: a lens among the negatives teaches the wrong thing.
    """
    from lenszoo.files import check_output
    from lenszoo.inference import list_inputs, write_table
    from lenszoo.inference.mining import mine as hardest
    from lenszoo.inference.tables import check_target

    check_target(out)
    check_output(out, [*inputs, weights], overwrite=overwrite)
    objects = list_inputs(inputs, path_column, catalogue)
    with progress_bar("Mining") as progress:
        table = hardest(
            weights,
            objects,
            number,
            label=label,
            on_bad=on_bad or "skip",
            batch_size=batch_size,
            progress=progress,
            **preparing,
        )
    write_table(table, out)
    lowest, highest = table["prob_lens"][-1].as_py(), table["prob_lens"][0].as_py()
    say(f"{out}: {counted(len(table), 'object')}, probabilities {highest:.3f} to {lowest:.3f}")
