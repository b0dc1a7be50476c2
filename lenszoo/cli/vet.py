"""``lenszoo vet``: a local page to grade lens candidates."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from lenszoo.cli._verb import comma_list, say, verb
from lenszoo.errors import counted


@verb()
def vet(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS",
            help="The folder that `lenszoo search` wrote, or a table of `lenszoo predict`.",
            show_default=False,
        ),
    ],
    top: Annotated[int, typer.Option(min=1, help="The most candidates to list.")] = 10_000,
    tiles: Annotated[
        Path | None, typer.Option(help="Where the tiles lie now, where they were moved.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images-in", help="Folder of cutouts: called like the candidates, or in the table."
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(help="Where a cutout lies in that folder, such as '{band}/{id}.fits'."),
    ] = None,
    band_names: Annotated[
        str | None, typer.Option(help="Names of the bands of cutouts, in order, such as g,r,i.")
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind", help="Never show scores, ranks or marks of known lenses.")
    ] = False,
    controls: Annotated[
        str | None,
        typer.Option(
            help="Images of known truth to mix into blind grading: a simulated sky such as "
            "lens_finding_hard, or a catalogue with labels."
        ),
    ] = None,
    n_controls: Annotated[int, typer.Option(min=2, help="Controls, half of them lenses.")] = 40,
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Print the agreement between graders, and end.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Write votes as a catalogue with cutouts, for `lenszoo train`, and end."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port; by default 8765, or a free one.", show_default=False)
    ] = None,
) -> None:
    """Grade lens candidates on a local page: A, B, C or X with one key.

    Every grade is in RESULTS/vetting/grades.sqlite before the page shows it as saved. Ctrl-C ends
    the page; the same command goes on.
    """
    from lenszoo.vetting.server import serve
    from lenszoo.vetting.session import open_session
    from lenszoo.vetting.votes import write_votes

    session = open_session(
        results,
        top=top,
        tiles=tiles,
        images=images,
        pattern=pattern,
        bands=comma_list(band_names) or (),
        controls=controls,
        n_controls=n_controls,
        always_blind=blind,
    )
    store = session.grades
    if agreement:
        say(session.agreement())
    elif export is not None:
        written = write_votes(store.grades(), session.candidates, session.images, export)
        say(
            f"{written.table}: lenses {written.lenses:,}, others {written.others:,}; "
            f"{written.undecided:,} undecided left out"
        )
        if written.faults:
            typer.echo(
                f"{counted(len(written.faults), 'candidate')} without a sound image left out; the "
                f"first: {written.faults[0]}",
                err=True,
            )
    else:
        with contextlib.suppress(KeyboardInterrupt):
            serve(session, host=host, port=port, ready=_ready)
        grades = store.grades()
        graders = {grade.grader for grade in grades}
        say(f"{store.path}: {counted(len(grades), 'grade')} of {counted(len(graders), 'grader')}")
    store.close()


def _ready(address: str) -> None:
    say(f"Open {address}\nCtrl-C ends the page; grades are saved as they are given.")
