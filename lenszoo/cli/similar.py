"""``lenszoo similar``: the objects of a search that look like one of them."""

from pathlib import Path
from typing import Annotated

import typer

from lenszoo.cli._options import Overwrite
from lenszoo.cli._verb import say, verb

_SHOWN = ("rank", "id", "similarity", "ra", "dec", "prob", "path")


@verb()
def similar(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS",
            help="The folder of `lenszoo search --features`, or a .parquet file of "
            "`lenszoo embed`.",
            show_default=False,
        ),
    ],
    id: Annotated[
        str, typer.Argument(metavar="ID", help="The id of an object.", show_default=False)
    ],
    count: Annotated[int, typer.Option(min=1, help="Neighbours to list.")] = 20,
    out: Annotated[
        Path | None, typer.Option(help="A .parquet, .csv, .fits or .ecsv file for the list.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """List the objects that look most like one of them, by the angle between their features."""
    from lenszoo.files import check_output
    from lenszoo.inference.tables import check_target, write_table
    from lenszoo.survey import similar as find

    if out is not None:
        check_target(out)
        check_output(out, [results], overwrite=overwrite)
    table = find(results, id, count)
    if out is not None:
        write_table(table, out)
        say(f"{out}: {len(table):,} objects like {id}")
        return
    names = [name for name in _SHOWN if name in table.column_names]
    lines = [names]
    for row in table.select(names).to_pylist():
        lines.append([_text(value) for value in row.values()])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(padded).rstrip())


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) >= 1 else f"{value:.4f}"
    return "" if value is None else str(value)
