"""``lenszoo convert``: DeepLenseSim's pickled files become plain images."""

from pathlib import Path
from typing import Annotated

import typer

from lenszoo.cli._options import Overwrite
from lenszoo.cli._verb import say, verb
from lenszoo.errors import counted


@verb(stopped="stopped; the same command goes on from here.")
def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="A file, or a folder of .npy and .pkl files.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Another folder.", show_default=False)],
    overwrite: Overwrite = False,
) -> None:
    """Convert DeepLenseSim files, pickled ones too, to plain .npy; no pickle is ever run."""
    from lenszoo.data.convert import convert as run
    from lenszoo.files import check_output

    check_output(out, [source], overwrite=True)
    done = run(source, out, overwrite=overwrite)
    say(
        f"{out}: {counted(len(done.written), 'image')} written, "
        f"{len(done.skipped):,} were there already; masses in {done.table}"
    )
