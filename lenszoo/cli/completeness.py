"""``lenszoo completeness``: the selection function of a lens finder."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lenszoo.cli._options import (
    BatchSize,
    OnBad,
    OutFolder,
    Seed,
    WeightsList,
    weights_list,
)
from lenszoo.cli._painting import GALAXIES, SURVEY, read_hosts
from lenszoo.cli._verb import progress_bar, say, verb
from lenszoo.errors import LenszooError, counted


@verb(backend=True, painting=True, stopped="stopped; the same command goes on from here.")
def completeness(
    weights: WeightsList,
    survey: Annotated[str, SURVEY],
    galaxies: Annotated[Path, GALAXIES],
    out: OutFolder,
    painting: dict[str, Any],
    axis: Annotated[
        list[str] | None,
        typer.Option(
            help="A property of lenses and the edges of its bins, such as "
            "einstein_radius=0.5,1,2; give it again for another. By default the Einstein radius, "
            "and the magnitudes of source and lens."
        ),
    ] = None,
    per_bin: Annotated[int, typer.Option(min=1, help="Lenses to paint in each bin.")] = 200,
    threshold: Annotated[
        float | None, typer.Option(help="Logit of a lens that is found; not with --rate.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Share of the galaxies, without a painted lens, above the threshold; 0.01 where "
            "neither is given."
        ),
    ] = None,
    on_bad: OnBad = None,
    crop: Annotated[
        int | None, typer.Option(help="Pixels a side of the central square to score.")
    ] = None,
    any_scale: Annotated[
        bool,
        typer.Option(
            "--any-scale",
            help="Go on where noise or sky are far from what the weights learned on.",
        ),
    ] = False,
    seed: Seed = 0,
    batch_size: BatchSize = 128,
) -> None:
    """Paint lenses on a survey's galaxies bin by bin, and tell which share of them is found."""
    from lenszoo.files import check_output
    from lenszoo.inference.loaded_model import open_model
    from lenszoo.simulation import PaintLaw
    from lenszoo.tasks.find_lenses.selection import RATE, TABLE
    from lenszoo.tasks.find_lenses.selection import completeness as measure

    names, stamps = weights_list(weights), painting["stamps"]
    check_output(out, [galaxies, painting["images_in"], stamps, *names], overwrite=True)
    if threshold is not None and rate is not None:
        raise LenszooError("--threshold is a logit and --rate sets one; give one of them.")
    finder = open_model(names if len(names) > 1 else names[0])  # a misspelt name is told first
    hosts = read_hosts(survey, galaxies, painting)
    preparing: dict[str, Any] = {"any_scale": True} if any_scale else {}
    preparing |= {} if crop is None else {"crop": crop}
    with progress_bar("Painting") as progress:
        table = measure(
            finder,
            hosts.survey,
            hosts,
            out,
            axes=axis or None,
            per_bin=per_bin,
            law=PaintLaw(law=painting["law"]),
            stamps=stamps,
            threshold=threshold,
            false_positive_rate=RATE if rate is None else rate,
            on_bad=on_bad or "raise",
            seed=seed,
            batch_size=batch_size,
            progress=progress,
            **preparing,
        )
    lenses, hits = (sum(table[name].to_pylist()) for name in ("lenses", "found"))
    share = f" ({hits / lenses:.1%})" if lenses else ""
    say(f"{hits:,} of {lenses:,} painted lenses found{share}")
    empty = sum(count == 0 for count in table["lenses"].to_pylist())
    if empty:
        say(f"{empty} of {counted(len(table), 'bin')} hold no lens that passes the floors")
    say(f"{out / TABLE}: completeness of each bin\n\nOpen {out / 'report.html'}")
