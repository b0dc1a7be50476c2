"""Run folder: the files of a training, and the checks before it goes on in one."""

import csv
import io
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from lenszoo.errors import LenszooError
from lenszoo.files import check_beside, hold, is_temporary, read_json, sha256_of, write_bytes
from lenszoo.pretrained.loading import model_config, save_weights
from lenszoo.provenance import environment
from lenszoo.tasks.base import Task
from lenszoo.tasks.parts import SPLIT_FILE, Parts, encode_parts, first_change, read_parts
from lenszoo.tasks.recipes import FREE, PLACES, RecipeBase, places_of, validate
from lenszoo.training.devices import Devices
from lenszoo.training.kept_tables import is_kept_table
from lenszoo.training.state import STATE_FILE, Progress

log = logging.getLogger("lenszoo")

BEST, LAST, RECIPE, RUN, HISTORY = (
    "best.weights.h5",
    "last.weights.h5",
    "recipe.json",
    "run.json",
    "history.csv",
)
REPORT = "report.json"
_STAGED = ".next."  # beginning of files of weights that wait for the state that they belong to
_BEFORE = (".lock", RECIPE, RUN, SPLIT_FILE, "tensorboard")  # of a run that has not trained
_AGAIN = "Delete the run folder to start again."
_PLACE = {"machine": None, "devices": None, "backend": None, "shared_by": 1, "processes": 1}
"""Facts of the environment whose change a run notes, and their values where none was written."""


@contextmanager
def open_run(folder: Path, recipe: RecipeBase) -> Iterator[bool]:
    """Make or check the run folder and hold it against other processes.

    Yields:
        Whether data or weights of the run that it holds are named by another place now.
    """
    moved, fields = False, recipe.model_dump(mode="json")
    places = {name: fields["data"].get(name) for name in PLACES}
    if is_kept_table(Path(places["catalogue"] or "")):
        places["folder"] = None  # the current one, in which the run may well lie
    check_beside(folder, filter(None, places.values()))
    busy = f"Another process is training in {folder}; choose another --out."
    with hold(folder, "run folder", ".lock", busy):
        recipe_file = folder / RECIPE
        anything = not all(_is_before(p) for p in folder.iterdir())
        if anything and not recipe_file.exists():
            raise LenszooError(f"{folder} holds other files and no run; choose an empty folder.")
        if anything:
            # validated, so that a field which is new since then has its default
            old = validate(read_json(recipe_file, _AGAIN), str(recipe_file))
            moved = check_same_recipe(old.model_dump(mode="json"), fields, folder)
        if not anything:
            # also in place of a recipe that never came through an epoch: a field of it was wrong
            write_bytes(recipe_file, (json.dumps(fields, indent=2) + "\n").encode())
        yield moved


def _is_before(path: Path) -> bool:
    own = path.name in _BEFORE or path.name.startswith(_STAGED) or is_kept_table(path)
    return own or is_temporary(path)


def check_same_recipe(old: dict[str, Any], new: dict[str, Any], folder: Path) -> bool:
    """Raise LenszooError where a run would go on under another recipe.

    Data and weights may lie elsewhere since, where the run has kept their content to compare with.

    Returns:
        Whether they do: then :func:`check_same` has to follow.
    """
    before = old
    if (folder / SPLIT_FILE).is_file():
        parts = read_parts(folder / SPLIT_FILE)
        compared = {"": True, "distill": True, "data": bool(parts), "source": "source" in parts}
        places = {k: v for k, v in places_of(new).items() if compared[k.rpartition(".")[0]]}
        old = _in_place(old, places)
    for name in sorted((old.keys() | new.keys()) - FREE):
        if old.get(name) != new.get(name):
            field, there, here = _innermost(name, old.get(name), new.get(name))
            raise LenszooError(
                f"{folder} holds a run of another recipe ({field}: {there!r} there, "
                f"{here!r} here); choose another folder (to train on from this one, give "
                "it as weights), or delete it to start again."
            )
    return before != new


def _innermost(name: str, there: Any, here: Any) -> tuple[str, Any, Any]:
    """Name the first field of tables that differs, with its values."""
    while isinstance(there, dict) and isinstance(here, dict):
        part = next(k for k in sorted(there.keys() | here.keys()) if there.get(k) != here.get(k))
        name, there, here = f"{name}.{part}", there.get(part), here.get(part)
    return name, there, here


def check_same(folder: Path, task: Task) -> None:
    """Raise LenszooError unless data and weights are those that the run in a folder began with."""
    run = task.identity() | {"start": task.start}
    check_same_start(folder / RUN, run)
    check_same_data(folder / RUN, run, task.parts_of_data)


def write_run(folder: Path, task: Task, model: keras.Model, devices: Devices) -> None:
    """Write ``run.json``: the model, the machine, seed, classes and data; and the split."""
    config, here = model_config(task.answers(model)), environment()
    here |= {"shared_by": devices.count, "processes": devices.processes}
    run = {"model": config, "environment": here, "seed": task.recipe.seed} | task.identity()
    run |= {"start": task.start}
    if (folder / RUN).is_file() and (folder / STATE_FILE).is_file():
        check_same(folder, task)
        if earlier := earlier_places(folder / RUN, here):
            run["earlier"] = earlier
    content = json.dumps(run, indent=2, allow_nan=False) + "\n"
    write_bytes(folder / RUN, content.encode())
    write_bytes(folder / SPLIT_FILE, encode_parts(task.parts_of_data))
    # data and weights that lie elsewhere now, and are the same
    fields = task.recipe.model_dump(mode="json")
    write_bytes(folder / RECIPE, (json.dumps(fields, indent=2) + "\n").encode())


def stage_weights(model: keras.Model, folder: Path, name: str) -> str:
    """Save weights beside the file that they will replace; return their sha256.

    They take its place in :func:`place_weights`, once the state that they belong to is written: a
    kill between the two leaves a state and the weights of the same epoch.
    """
    return sha256_of(save_weights(model, folder / f"{_STAGED}{name}"))


def place_weights(folder: Path, names: Sequence[str]) -> None:
    """Put staged weights in their place."""
    for name in names:
        (folder / f"{_STAGED}{name}").replace(folder / name)


def settle_weights(folder: Path, progress: Progress | None) -> None:
    """Before a run goes on: finish or undo what a kill interrupted, and check the weights.

    Raises:
        LenszooError: a file of weights is missing or damaged.
    """
    files = progress.files if progress else {}
    for name in (BEST, LAST):
        staged, final = folder / f"{_STAGED}{name}", folder / name
        if staged.is_file():
            if sha256_of(staged) == files.get(name):
                staged.replace(final)
            staged.unlink(missing_ok=True)
        spare = name == LAST and (name not in files or not final.is_file())
        if progress is None or (spare and (progress.finished or name not in files)):
            continue
        fault = "is missing" if not final.is_file() else None
        if fault is None and name in files and sha256_of(final) != files[name]:
            fault = "is damaged, or was written by something else"
        if fault is None and not final.stat().st_size:
            fault = "is empty"
        if fault:
            raise LenszooError(
                f"{final} {fault}, so this run cannot go on: put the file back from a copy, or "
                "delete the run folder to train again."
            )


def read_metrics(folder: Path) -> dict[str, Any]:
    """Return the scores in the report of a finished run.

    Raises:
        LenszooError: there is no report or no ``run.json``, or a damaged one.
    """
    read_json(
        folder / RUN, "Put the file back from a copy, or delete the run folder to train again."
    )
    remedy = (
        "The run is finished, and its weights are sound: lenszoo evaluate scores them anew into "
        "another folder; or delete the run folder to train again."
    )
    metrics = read_json(folder / REPORT, remedy).get("metrics")
    if not isinstance(metrics, dict):
        raise LenszooError(f"{folder / REPORT} is damaged: it holds no metrics. {remedy}")
    return metrics


def write_history(folder: Path, progress: Progress) -> None:
    """Write the rows of all epochs as CSV."""
    text = io.StringIO()
    # rows of earlier versions may lack columns
    columns = dict.fromkeys(name for row in progress.history for name in row)
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(progress.history)
    write_bytes(folder / HISTORY, text.getvalue().encode())


def check_same_data(run_file: Path, run: dict[str, Any], parts: Parts) -> None:
    """Raise LenszooError where a run goes on and its examples are no longer those it began with.

    It would be another training; and split anew, images that it trained on would validate it.

    Args:
        run_file: the ``run.json`` of a run that has an epoch behind it.
        run: what is to be written there now.
        parts: the examples of each part now.
    """
    folder, record = run_file.parent, read_json(run_file, _AGAIN)
    split = folder / SPLIT_FILE
    change = None
    if split.is_file():
        change = first_change(read_parts(split), parts)
        if change is None and record.get("classes") != run.get("classes"):
            change = f"the classes were {record.get('classes')}, now {run.get('classes')}"
    else:  # a run of an earlier version
        before, now = (each.get("data") or {} for each in (record, run))
        if before.get("files") != now.get("files"):
            change = f"{before.get('files')} training files were there, now {now.get('files')}"
    if change:
        raise LenszooError(
            f"{folder}: the data changed since this run began: {change}. Put them back as they "
            "were, or choose another folder (to train on from this run, give it as weights)."
        )


def check_same_start(run_file: Path, run: dict[str, Any]) -> None:
    """Raise LenszooError where the weights that a run started or learns from have changed."""
    before = read_json(run_file, _AGAIN).get("start")
    for field, weights in (before or {}).items():
        now = run["start"].get(field, {"name": None, "sha256": None})
        key = "name" if None in (now["sha256"], weights["sha256"]) else "sha256"
        if now[key] != weights[key]:
            raise LenszooError(
                f"{run_file.parent}: the {field} of this run, {weights['name']}, have another "
                f"content now ({now['name']}, sha256 {str(now['sha256'])[:12]} instead of "
                f"{str(weights['sha256'])[:12]}). Put the file back, or choose another folder."
            )


def _in_place(fields: dict[str, Any], places: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's fields with others' places in the fields that have some."""
    fields = {name: dict(f) if isinstance(f, dict) else f for name, f in fields.items()}
    for key, place in places.items():
        table, _, name = key.rpartition(".")
        holder = fields.get(table) if table else fields
        if isinstance(holder, dict) and holder.get(name) is not None:
            holder[name] = place
    return fields


def earlier_places(run_file: Path, here: dict[str, Any]) -> list[dict[str, Any]]:
    """Where a run has been before, oldest first; a line in the log when it has just moved.

    The state of a run is that of Keras, the same for every backend: it goes on anywhere.

    Args:
        run_file: the ``run.json`` of a run that has an epoch behind it.
        here: the ``environment()`` it goes on in.
    """
    record = read_json(run_file, _AGAIN)
    before, earlier = record.get("environment", {}), record.get("earlier", [])
    old, new = _PLACE | before, _PLACE | here
    moved = [name for name in _PLACE if old[name] != new[name]]
    if not moved:
        return earlier
    log.info(
        "%s goes on elsewhere (%s): the same up to rounding, not bit for bit.",
        run_file.parent,
        "; ".join(f"{name} {old[name]}, now {new[name]}" for name in moved),
    )
    return [*earlier, before]
