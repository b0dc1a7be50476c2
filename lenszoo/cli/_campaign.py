"""``lenszoo train --all``: a list of recipes becomes weights by name."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from lenszoo.errors import LenszooError


def train_all(
    recipes: str | None, out: Path, asked: Mapping[str, Any], single: Mapping[str, Any]
) -> None:
    """Run a campaign and say in a table what stands and what is left; exit with 1 if any failed.

    Args:
        recipes: a text file that lists them; None for the zoo's own.
        out: the folder of the run folders.
        asked: options of the campaign, by name; None where not given.
        single: options of a single training, as they are written; a campaign takes none.
    """
    from lenszoo.release import campaign, read_list, table

    for option, value in single.items():
        if value is not None:
            raise LenszooError(f"{option} does not go with --all: the recipes say it.")
    steps = campaign(
        out,
        names=None if recipes is None else read_list(recipes),
        only=asked["only"] or (),
        root=asked["root"],
        hours=asked["hours"],
        images=asked["images"],
        real=_by_preset(asked["real"] or ()),
        dry_run=bool(asked["dry_run"]),
        verbose=sys.stdout.isatty(),
    )
    typer.echo(table(steps))
    if any(step.state == "failed" for step in steps):
        raise typer.Exit(1)


def _by_preset(pairs: Sequence[str]) -> dict[str, str]:
    """Take ``PRESET=NPZ`` apart."""
    for pair in pairs:
        if "=" not in pair:
            raise LenszooError(
                f"--real {pair!r}: give PRESET=NPZ, such as common_test_sim=real.npz."
            )
    return dict(pair.split("=", 1) for pair in pairs)
