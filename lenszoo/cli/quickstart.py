"""``lenszoo quickstart``: the main job at small scale."""

from pathlib import Path
from typing import Annotated

import typer

from lenszoo.cli._verb import verb


@verb(backend=True, stopped="stopped; the same command starts afresh in another folder.")
def quickstart(
    out: Annotated[
        Path, typer.Argument(metavar="[OUT]", help="The folder; one that is in use is left alone.")
    ] = Path("quickstart"),
) -> None:
    """Simulate, load weights by name, score, fine-tune, predict, report: about two minutes."""
    from lenszoo.quickstart import quickstart as run

    run(out)
