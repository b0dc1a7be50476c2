"""Run folder: the files of a training, and the checks before it goes on in one."""

import csv
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from lenszoo.errors import LenszooError
from lenszoo.files import hold, write_bytes
from lenszoo.pretrained.loading import model_config
from lenszoo.provenance import environment
from lenszoo.tasks.base import Task
from lenszoo.tasks.recipes import RecipeBase, validate
from lenszoo.training.state import STATE_FILE, Progress

log = logging.getLogger("lenszoo")

BEST, LAST, RECIPE, RUN, HISTORY = (
    "best.weights.h5",
    "last.weights.h5",
    "recipe.json",
    "run.json",
    "history.csv",
)
_BEFORE = (".lock", RECIPE, RUN, "tensorboard")  # files of a run that has not trained
_PLACE = ("machine", "devices", "backend")


@contextmanager
def open_run(folder: Path, recipe: RecipeBase) -> Iterator[None]:
    """Make or check the run folder and hold it against other processes."""
    busy = f"Another process is training in {folder}; choose another --out."
    with hold(folder, "run folder", ".lock", busy):
        recipe_file = folder / RECIPE
        fields = recipe.model_dump(mode="json")
        anything = any(p.name not in _BEFORE for p in folder.iterdir())
        if anything and not recipe_file.exists():
            raise LenszooError(f"{folder} holds other files and no run; choose an empty folder.")
        if anything:
            # validated, so that a field which is new since then has its default
            old = validate(json.loads(recipe_file.read_text(encoding="utf-8")), str(recipe_file))
            _check_same_recipe(old.model_dump(mode="json"), fields, folder)
        else:
            # also in place of a recipe that never came through an epoch: a field of it was wrong
            write_bytes(recipe_file, (json.dumps(fields, indent=2) + "\n").encode())
        yield


def _check_same_recipe(old: dict[str, Any], new: dict[str, Any], folder: Path) -> None:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            raise LenszooError(
                f"{folder} holds a run of another recipe ({name}: {old.get(name)!r} there, "
                f"{new.get(name)!r} here); choose another folder (to train on from this one, give "
                "it as weights), or delete it to start again."
            )


def write_run(folder: Path, task: Task, model: keras.Model) -> None:
    """Write ``run.json``: the model, the machine, seed, classes and data."""
    config, here = model_config(task.answers(model)), environment()
    run = {"model": config, "environment": here, "seed": task.recipe.seed} | task.identity()
    goes_on = (folder / RUN).is_file() and (folder / STATE_FILE).is_file()
    if goes_on:
        check_same_data(folder / RUN, run)
        if earlier := earlier_places(folder / RUN, here):
            run["earlier"] = earlier
    content = json.dumps(run, indent=2, allow_nan=False) + "\n"
    write_bytes(folder / RUN, content.encode())


def write_history(folder: Path, progress: Progress) -> None:
    """Write the rows of all epochs as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(progress.history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(progress.history)
    write_bytes(folder / HISTORY, text.getvalue().encode())


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
    record = json.loads(run_file.read_text(encoding="utf-8"))
    before, earlier = record.get("environment", {}), record.get("earlier", [])
    moved = [name for name in _PLACE if before.get(name) != here.get(name)]
    if not moved:
        return earlier
    log.info(
        "%s goes on elsewhere (%s): the same up to rounding, not bit for bit.",
        run_file.parent,
        "; ".join(f"{name} {before.get(name)}, now {here.get(name)}" for name in moved),
    )
    return [*earlier, before]
