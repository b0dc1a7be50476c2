"""``lenszoo completeness``: the selection function of a lens finder."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lenszoo.cli._options import (
    BatchSize,
    OnBad,
    OutFolder,
    Seed,
    WeightsList,
    weights_list,
)
from lenszoo.cli._verb import progress_bar, say, verb
from lenszoo.errors import counted


@verb(backend=True, stopped="stopped; the same command goes on from here.")
def completeness(
    weights: WeightsList,
    survey: Annotated[
        str,
        typer.Option(help="A survey of `lenszoo surveys`, or a TOML file.", show_default=False),
    ],
    galaxies: Annotated[
        Path,
        typer.Option(
            help="Catalogue of galaxies to paint on (CSV or Parquet): id, redshift, "
            "velocity_dispersion, mag_BAND.",
            show_default=False,
        ),
    ],
    out: OutFolder,
    images_in: Annotated[
        Path | None, typer.Option(help="Folder of their cutouts, by default the catalogue's own.")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(help="Where a cutout lies in the folder, such as '{band}/{id}.fits'."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Column of what each galaxy is: empty for hosts; `lens` is no non-lens.",
        ),
    ] = None,
    cutout_size: Annotated[
        int | None,
        typer.Option(help="Pixels a side of the cutouts, where the survey's differ.", min=16),
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option(
            help="A property of lenses and the edges of its bins, such as "
            "einstein_radius=0.5,1,2; give it again for another. By default the Einstein radius, "
            "and the magnitudes of source and lens."
        ),
    ] = None,
    per_bin: Annotated[int, typer.Option(min=1, help="Lenses to paint in each bin.")] = 200,
    law: Annotated[
        Literal["flat", "natural"],
        typer.Option(help="Einstein radii: evenly spread, or of each galaxy's mass."),
    ] = "flat",
    stamps: Annotated[
        Path | None, typer.Option(help="Folder of stamps of real galaxies to use as sources.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Logit of a lens that is found; not with --rate.")
    ] = None,
    rate: Annotated[
        float,
        typer.Option(help="Share of the galaxies, without a painted lens, above the threshold."),
    ] = 0.01,
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
    from lenszoo.simulation import PaintLaw, get_survey
    from lenszoo.tasks.find_lenses.selection import TABLE
    from lenszoo.tasks.find_lenses.selection import completeness as measure

    names = weights_list(weights)
    check_output(out, [galaxies, images_in, stamps, *names], overwrite=True)
    chosen = get_survey(survey)
    if cutout_size is not None:
        chosen = chosen.sized(cutout_size)
    preparing: dict[str, Any] = {"any_scale": True} if any_scale else {}
    preparing |= {} if crop is None else {"crop": crop}
    with progress_bar("Painting") as progress:
        table = measure(
            names if len(names) > 1 else names[0],
            chosen,
            galaxies,
            out,
            images=images_in,
            pattern=pattern,
            kind=kind,
            axes=axis or None,
            per_bin=per_bin,
            law=PaintLaw(law=law),
            stamps=stamps,
            threshold=threshold,
            false_positive_rate=rate,
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
