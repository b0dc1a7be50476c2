"""A run that was begun on another machine or backend, or on other data."""

import json
import logging
from pathlib import Path
from typing import Any

from lenszoo.errors import LenszooError

log = logging.getLogger("lenszoo")

_PLACE = ("machine", "devices", "backend")


def check_same_data(run_file: Path, run: dict[str, Any]) -> None:
    """Raise LenszooError where a run goes on and its files are no longer those it began with.

    They would be split anew: images that it trained on would then validate it.

    Args:
        run_file: the ``run.json`` of a run that has an epoch behind it.
        run: what is to be written there now.
    """
    before = json.loads(run_file.read_text(encoding="utf-8")).get("data") or {}
    now = run.get("data") or {}
    if before.get("digest") in (None, now.get("digest")):
        return
    raise LenszooError(
        f"{run_file.parent}: {before.get('files')} training files were there when this run began, "
        f"now {now.get('files')}, or they have other names or labels. Put the data back as they "
        "were, or choose another folder (to train on from this run, give it as weights)."
    )


def earlier_places(run_file: Path, here: dict[str, Any]) -> list[dict[str, Any]]:
    """Where a run has been before, oldest first; a line in the log when it has just moved.

    The state of a run is that of Keras, the same for every backend: it goes on anywhere.

    Args:
        run_file: the ``run.json`` of a run that has an epoch behind it.
        here: the ``environment()`` it goes on in.
    """
    known = json.loads(run_file.read_text(encoding="utf-8"))
    before, earlier = known.get("environment", {}), known.get("earlier", [])
    moved = [name for name in _PLACE if before.get(name) != here.get(name)]
    if not moved:
        return earlier
    log.info(
        "%s goes on elsewhere (%s): the same up to rounding, not bit for bit.",
        run_file.parent,
        "; ".join(f"{name} {before.get(name)}, now {here.get(name)}" for name in moved),
    )
    return [*earlier, before]
