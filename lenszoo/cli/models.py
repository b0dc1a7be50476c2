"""``lenszoo models``: what can be built."""

from typing import Annotated

import typer

from lenszoo.cli._verb import verb


@verb()
def models(
    pattern: Annotated[str, typer.Argument(help="A name with wildcards.")] = "*",
    task: Annotated[str | None, typer.Option(help="Only models of this task.")] = None,
) -> None:
    """List the models that can be built by name."""
    from lenszoo.catalog import CATALOG, list_models
    from lenszoo.errors import unknown

    names = list_models(pattern, task)
    if not names:
        raise unknown("model", pattern, CATALOG)
    width = max(map(len, names))
    for name in names:
        row = CATALOG[name]
        shape = "x".join(map(str, row.input_shape))
        typer.echo(f"{name:<{width}}  {row.task:<8}  {shape:<9}  {row.summary}")
