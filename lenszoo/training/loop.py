"""The one training loop, with exact resume, for every task."""

import csv
import io
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from lenszoo.data.batches import feed
from lenszoo.errors import LenszooError
from lenszoo.files import hold, write_bytes
from lenszoo.pretrained.loading import load_model, model_config, save_weights
from lenszoo.provenance import environment
from lenszoo.tasks.base import Task
from lenszoo.tasks.checks import check_weights
from lenszoo.tasks.classify.task import ClassifyTask
from lenszoo.tasks.find_lenses.adapt import AdaptTask
from lenszoo.tasks.find_lenses.task import FindLensesTask
from lenszoo.tasks.pretext.task import PretextTask
from lenszoo.tasks.recipes import RecipeBase, as_recipe, validate
from lenszoo.tasks.super_resolve.task import SuperResolveTask
from lenszoo.training.build_loss import settle
from lenszoo.training.deadline import Deadline
from lenszoo.training.interrupt import heard
from lenszoo.training.moved import check_same_data, earlier_places
from lenszoo.training.state import (
    STATE_FILE,
    Progress,
    read_progress,
    restore_state,
    save_state,
)

log = logging.getLogger("lenszoo")

BEST, LAST, RECIPE, RUN, HISTORY = (
    "best.weights.h5",
    "last.weights.h5",
    "recipe.json",
    "run.json",
    "history.csv",
)
_BEFORE = (".lock", RECIPE, RUN, "tensorboard")  # what stands before anything is trained
# one row a task: what the `task` field of a recipe names
TASKS: dict[str, Callable[[Any], Task]] = {
    "adapt": AdaptTask,
    "classify": ClassifyTask,
    "find_lenses": FindLensesTask,
    "pretext": PretextTask,
    "super_resolve": SuperResolveTask,
}


@dataclass(frozen=True)
class TrainingResult:
    """What a finished training leaves.

    Attributes:
        run_dir: the run folder; ``load_model(run_dir)`` gives the best model.
        metrics: scores of the report, as in ``report.json``.
        history: one row an epoch.
    """

    run_dir: Path
    metrics: dict[str, Any]
    history: list[dict[str, Any]]


def train(
    recipe: RecipeBase | dict[str, Any] | str | Path,
    out: str | Path,
    *,
    verbose: bool = False,
    task: Task | None = None,
    deadline: float | None = None,
) -> TrainingResult:
    """Train what a recipe says into a run folder, or go on where that folder stands.

    Killed in any epoch and called again, it ends with the same weights, bit for bit, as if it had
    never stopped; on another machine or backend, up to rounding. Called on a finished run, it
    returns at once.

    Args:
        recipe: a recipe, its fields, the path of a TOML file or the name of a packaged one.
        out: the run folder: ``recipe.json``, ``run.json``, ``history.csv``, ``best.weights.h5``,
            ``last.weights.h5``, ``state.npz``, ``report.html``; TensorBoard logs on TensorFlow.
        verbose: show a progress bar for each epoch.
        task: a task made beforehand, as the folds of a cross-validation do.
        deadline: the moment of ``time.monotonic()`` by which to stop, see
            :class:`lenszoo.training.deadline.Deadline`; the report of a finished training is
            written all the same.

    Raises:
        OutOfTime: the deadline came first.
        LenszooError: bad recipe or data; ``out`` is another run's or cannot be written; another
            process is training there; the recipe is one of a cross-validation.
    """
    wanted: RecipeBase = as_recipe(recipe)
    folds = getattr(wanted, "folds", None)
    if folds is not None and task is None:
        raise LenszooError(
            f"The recipe asks for a cross-validation (folds = {folds}): use "
            f"lenszoo.training.cross_validate, or --folds {folds}."
        )
    folder = Path(out)
    with _open_run(folder, wanted):
        progress = read_progress(folder)
        if progress is not None and progress.finished:
            metrics = json.loads((folder / "report.json").read_text(encoding="utf-8"))["metrics"]
            return TrainingResult(folder, metrics, progress.history)
        keras.utils.set_random_seed(wanted.seed)
        task = task or TASKS[wanted.task](wanted)
        model = task.build()
        # the state in the folder is that of the last epoch's phase
        _enter_phase(task, model, max(0, progress.epoch - 1) if progress else 0)
        progress = restore_state(folder, model)
        _write_run(folder, task, model)
        with heard() as check:
            _epochs(task, model, progress, folder, verbose, check, Deadline(deadline))
        metrics = task.report(load_model(folder), progress.history, folder)
        progress.finished = True
        save_state(folder, model, progress)
        return TrainingResult(folder, metrics, progress.history)


def _enter_phase(task: Task, model: keras.Model, epoch: int) -> None:
    task.compile(model, epoch)
    model.optimizer.build(model.trainable_variables)


def _epochs(
    task: Task,
    model: keras.Model,
    progress: Progress,
    folder: Path,
    verbose: bool,
    check: Callable[[], None],
    deadline: Deadline,
) -> None:
    recipe = task.recipe
    board = _tensorboard(folder)
    while progress.epoch < recipe.epochs and not progress.stopped:
        epoch, start = progress.epoch, time.monotonic()
        if epoch and epoch in task.phases:
            _enter_phase(task, model, epoch)
        data = feed(task.epoch(epoch))
        settle(model, data)
        fitted = model.fit(
            data,
            initial_epoch=epoch,
            epochs=epoch + 1,
            verbose=1 if verbose else 0,
            shuffle=False,
            callbacks=[deadline],
        )
        row: dict[str, Any] = {"epoch": epoch + 1}
        row |= {name: float(values[-1]) for name, values in fitted.history.items()}
        answers = task.answers(model)
        check_weights(answers, epoch + 1)
        row |= task.validate(answers)
        row["learning_rate"] = float(model.optimizer.learning_rate)
        row["strength"] = recipe.strength(epoch)
        row["seconds"] = round(time.monotonic() - start, 1)
        progress.epoch += 1
        progress.history.append(row)
        if _is_best(task, progress, row[task.monitor]):
            save_weights(answers, folder / BEST)
        save_weights(answers, folder / LAST)
        _write_history(folder, progress)
        board(row)
        save_state(folder, model, progress)
        log.info("epoch %d/%d: %s", epoch + 1, recipe.epochs, _summary(row))
        check()


def _is_best(task: Task, progress: Progress, score: float) -> bool:
    """Keep the best score and decide on early stopping.

    Scores of a curriculum's stages count too: validation is always at the true strength.
    """
    if math.isnan(score):
        raise LenszooError(
            f"{task.monitor} is not a number: with these validation data no epoch can be called "
            "the best."
        )
    stopping = task.recipe.early_stopping
    margin = stopping.min_delta if stopping else 0.0
    better = progress.best is None or score > progress.best + margin
    if better:
        progress.best, progress.best_epoch = score, progress.epoch
    elif stopping:
        # a phase or a stage is over when its epochs are, however flat its scores
        staged = sum(stage.epochs for stage in task.recipe.curriculum)
        since = max(progress.best_epoch, task.phases[-1], staged)
        progress.stopped = progress.epoch - since >= stopping.patience
    return better


@contextmanager
def _open_run(folder: Path, recipe: RecipeBase) -> Iterator[None]:
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
            _check_same(old.model_dump(mode="json"), fields, folder)
        else:
            # also in place of a recipe that never came through an epoch: a field of it was wrong
            write_bytes(recipe_file, (json.dumps(fields, indent=2) + "\n").encode())
        yield


def _check_same(old: dict[str, Any], new: dict[str, Any], folder: Path) -> None:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            raise LenszooError(
                f"{folder} holds a run of another recipe ({name}: {old.get(name)!r} there, "
                f"{new.get(name)!r} here); choose another folder (to train on from this one, give "
                "it as weights), or delete it to start again."
            )


def _write_run(folder: Path, task: Task, model: keras.Model) -> None:
    known, here = model_config(task.answers(model)), environment()
    run = {"model": known, "environment": here, "seed": task.recipe.seed} | task.identity()
    goes_on = (folder / RUN).is_file() and (folder / STATE_FILE).is_file()
    if goes_on:
        check_same_data(folder / RUN, run)
        if earlier := earlier_places(folder / RUN, here):
            run["earlier"] = earlier
    content = json.dumps(run, indent=2, allow_nan=False) + "\n"
    write_bytes(folder / RUN, content.encode())


def _write_history(folder: Path, progress: Progress) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(progress.history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(progress.history)
    write_bytes(folder / HISTORY, text.getvalue().encode())


def _tensorboard(folder: Path) -> Callable[[dict[str, float]], None]:
    """A writer of scalars, where TensorFlow is the backend; elsewhere it does nothing."""
    if keras.backend.backend() != "tensorflow":
        return lambda row: None
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder / "tensorboard"))
    # what `tf.summary.scalar` writes, which itself wants the tensorboard package
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"

    def write(row: dict[str, float]) -> None:
        with writer.as_default(step=int(row["epoch"])):
            for name, value in row.items():
                tf.summary.write(name, tf.constant(value, tf.float32), metadata=metadata)
        writer.flush()

    return write


def _summary(row: dict[str, Any]) -> str:
    return ", ".join(f"{k} {v:.4g}" for k, v in row.items() if k != "epoch")
