"""``lenszoo models``: list the models."""

from typing import Annotated

import typer

from lenszoo.cli._verb import say, verb


@verb()
def models(
    pattern: Annotated[str, typer.Argument(help="A name with wildcards.")] = "*",
    task: Annotated[str | None, typer.Option(help="Only models of this task.")] = None,
) -> None:
    """List the models that can be built by name."""
    from lenszoo.errors import unknown
    from lenszoo.models.registry import CATALOG, list_models

    names = list_models(pattern, task)
    if not names:
        raise unknown("model", pattern, CATALOG)
    rows = [CATALOG[name] for name in names]
    cells = [
        (row.name, row.task, _shape(row.input_shape), _millions(row.parameters), row.summary)
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(padded).rstrip())


def _shape(shape: tuple[int | None, int | None, int]) -> str:
    height, width, bands = shape
    return "x".join(map(str, shape)) if height and width else f"any size x{bands}"


def _millions(parameters: int | None) -> str:
    """Parameters in millions, as ``0.703 M``."""
    return f"{parameters / 1e6:.3g} M" if parameters else ""
