"""``lenszoo realism``: how far painted lenses can be told from real ones."""

from typing import Annotated, Any

import typer

from lenszoo.cli._options import Bands, BatchSize, OnBad, OutFolder, Overwrite, Resize, Seed
from lenszoo.cli._verb import band_list, progress_bar, say, verb

_HELP = "lenses: files, a folder, a stack (npy, npz, h5) or a table."


@verb(backend=True, catalogue=True)
def realism(
    real: Annotated[str, typer.Argument(metavar="REAL", help=f"Real {_HELP}", show_default=False)],
    painted: Annotated[
        str, typer.Argument(metavar="PAINTED", help=f"Painted {_HELP}", show_default=False)
    ],
    weights: Annotated[
        str,
        typer.Option(help="Weights that embed the images, as for embed.", show_default=False),
    ],
    out: OutFolder,
    catalogue: dict[str, Any],
    preparing: dict[str, Any],
    on_bad: OnBad = None,
    resize: Resize = False,
    bands: Bands = None,
    seed: Seed = 0,
    batch_size: BatchSize = 128,
    overwrite: Overwrite = False,
) -> None:
    """Tell painted from real lenses by a linear probe on embeddings; write report.html."""
    from lenszoo.files import check_output
    from lenszoo.inference import list_inputs
    from lenszoo.tasks.find_lenses.realism import realism as measure

    check_output(out, [real, painted, weights], overwrite=overwrite)
    sets = [list_inputs([each], "path", catalogue) for each in (real, painted)]
    with progress_bar("Embedding") as progress:
        report = measure(
            sets[0],
            sets[1],
            weights,
            seed=seed,
            on_bad=on_bad,
            resize=resize,
            bands=band_list(bands),
            batch_size=batch_size,
            progress=progress,
            **preparing,
        )
    page = report.save(out)
    say(f"{report}\n\nOpen {page}")
