"""``lenszoo weights``: what is pretrained, where it lies and whether it is sound."""

import sys
from typing import Annotated

import typer

from lenszoo.cli._verb import say, verb

weights = typer.Typer(no_args_is_help=True, help="List, show, fetch and verify pretrained weights.")

_WIDEST = 120  # columns of a card; longer lines are hard to read

Name = Annotated[str, typer.Argument(help="A full name, model.tag.", show_default=False)]


@weights.command("list", epilog="Example: lenszoo weights list 'resnet*'")
@verb()
def list_(pattern: Annotated[str, typer.Argument(help="A name with wildcards.")] = "*") -> None:
    """List the weights: size, measured score, whether they are on this machine, classes."""
    from lenszoo import tasks
    from lenszoo.errors import unknown
    from lenszoo.models.registry import model_info
    from lenszoo.pretrained import get_entry, list_weights
    from lenszoo.pretrained.store import state

    names = list_weights(pattern)
    if not names:
        raise unknown("weights", pattern, list_weights())
    rows = [("name", "size", "score", "where", "classes")]
    for name in names:
        entry = get_entry(name)
        test = entry.metrics.get("test") or {}
        headline = tasks.of_figures(test, model_info(entry.model).task).headline
        key = headline.key
        shown = headline.text.format(test[key]) if key in test else "not scored"
        rows.append((name, _size(entry.bytes), shown, state(name), ", ".join(entry.classes)))
    name_width, size_width, score_width, where_width, _ = (
        max(map(len, column)) for column in zip(*rows, strict=True)
    )
    for name, size, score, where, classes in rows:
        say(
            f"{name:<{name_width}}  {size:>{size_width}}  {score:<{score_width}}  "
            f"{where:<{where_width}}  {classes}".rstrip()
        )


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"


@weights.command(epilog="Example: lenszoo weights show resnet18_slim.common_test_sim_v2")
@verb()
def show(
    name: Name,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest's entry.")] = False,
) -> None:
    """Show the model card: input, scores beside baselines, data, training, limits, licence."""
    from lenszoo.pretrained import get_entry
    from lenszoo.pretrained.cards import read_card

    if json:
        say(get_entry(name).model_dump_json(indent=2))
        return
    text = read_card(name)
    if not sys.stdout.isatty():
        typer.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(text), width=min(console.width, _WIDEST))


@weights.command(epilog="Example: lenszoo weights fetch resnet18_slim.common_test_sim_v2")
@verb()
def fetch(name: Name) -> None:
    """Get weights, check them, and print the path of the file."""
    from lenszoo.pretrained import fetch_weights

    typer.echo(fetch_weights(name))


@weights.command(epilog="Example: lenszoo weights path resnet18_slim.common_test_sim_v2")
@verb()
def path(name: Name) -> None:
    """Print the path of a sound copy that is here already; download nothing."""
    from lenszoo.errors import LenszooError
    from lenszoo.pretrained import local_path

    file = local_path(name)
    if file is None:
        raise LenszooError(f"{name} is not on this machine: lenszoo weights fetch {name}.")
    typer.echo(file)


@weights.command(epilog="Example: lenszoo weights verify")
@verb()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Full names; by default all that are here.")
    ] = None,
) -> None:
    """Hash every local copy; exit with 1 when one is damaged."""
    from lenszoo.pretrained import list_weights
    from lenszoo.pretrained.store import verify as check

    damaged = False
    for name in names or list_weights():
        faults = check(name)
        absent = len(faults) == 1 and faults[0].startswith(f"{name}: not here")
        for fault in faults:
            say(fault)
        if not faults:
            say(f"{name}: sound")
        damaged = damaged or (bool(faults) and not (absent and not names))
    if damaged:
        raise typer.Exit(1)
