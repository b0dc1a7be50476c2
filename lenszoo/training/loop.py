"""The one training loop, with exact resume, for every task."""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from lenszoo import tasks
from lenszoo.errors import LenszooError
from lenszoo.files import expanded
from lenszoo.interrupt import heard
from lenszoo.pretrained.loading import load_model
from lenszoo.tasks.base import Task
from lenszoo.tasks.checks import check_weights
from lenszoo.tasks.recipes import RecipeBase, as_recipe
from lenszoo.training.deadline import Deadline
from lenszoo.training.devices import Devices, check_processes, open_devices
from lenszoo.training.freed_memory import KeepFreedMemory
from lenszoo.training.kept_tables import KeptTable, name_tables
from lenszoo.training.run_folder import (
    BEST,
    LAST,
    check_same,
    open_run,
    place_weights,
    read_metrics,
    settle_weights,
    stage_weights,
    write_history,
    write_run,
)
from lenszoo.training.state import (
    STATE_FILE,
    Progress,
    read_progress,
    restore_state,
    save_state,
)
from lenszoo.training.step_log import StepLog

log = logging.getLogger("lenszoo")

LOG_LOSS = "val_log_loss"
"""Column of the history that decides between epochs of one score."""


@dataclass(frozen=True)
class TrainingResult:
    """Result of a finished training.

    Attributes:
        run_dir: the run folder; ``load_model(run_dir)`` gives the best model.
        metrics: scores of the report, as in ``report.json``.
        history: one row an epoch.

    Example:
        >>> from lenszoo.training import train
        >>> data = {"preset": "common_test_sim", "images": 6, "val_images": 6, "test_images": 6}
        >>> recipe = {"model": "simple_cnn", "data": data, "epochs": 1, "batch_size": 3}
        >>> result = train(recipe, "run")
        >>> result.run_dir.name, len(result.history)
        ('run', 1)
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
        recipe: a recipe, its fields, the path of a TOML file or the name of a packaged one. Of
            fields, ``data`` may hold a table in memory (pandas, astropy, pyarrow) as ``csv`` or
            ``catalogue``, which is kept in the run folder.
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

    Example:
        >>> from lenszoo.training import train
        >>> data = {"preset": "common_test_sim", "images": 6, "val_images": 6, "test_images": 6}
        >>> recipe = {"model": "simple_cnn", "data": data, "epochs": 1, "batch_size": 3}
        >>> result = train(recipe, "run")
        >>> (result.run_dir / "best.weights.h5").is_file()
        True
    """
    folder = expanded(out)
    named, tables = name_tables(recipe, folder)
    plan: RecipeBase = as_recipe(named)
    folds = getattr(plan, "folds", None)
    if folds is not None and task is None:
        raise LenszooError(
            f"The recipe asks for a cross-validation (folds = {folds}): use "
            f"lenszoo.training.cross_validate, or --folds {folds}."
        )
    devices = open_devices(plan.devices, plan.batch_size)
    if devices.processes > 1:
        check_processes(plan, devices.processes, deadline)
    with devices.first_in(_opened(folder, plan, tables)) as moved:
        progress = read_progress(folder)
        if progress is not None and progress.finished:
            metrics = read_metrics(folder)
            if moved or plan.reads_files:  # scores of other files would be no answer
                check_same(folder, task or tasks.find(plan.task).task(plan))
            log.info("%s: finished already; nothing trained", folder)
            return TrainingResult(folder, metrics, progress.history)
        keras.utils.set_random_seed(plan.seed)
        task = task or tasks.find(plan.task).task(plan)
        task.devices = devices.count
        with devices.scope():
            model = task.build()
        devices.check(model, plan)
        # the state in the folder is that of the last epoch's phase
        _enter_phase(task, model, devices, max(0, progress.epoch - 1) if progress else 0)
        devices.check_same(folder / STATE_FILE)
        progress = restore_state(folder, model)
        devices.first(lambda: write_run(folder, task, model, devices))
        with heard() as check:
            _epochs(task, model, devices, progress, folder, verbose, check, Deadline(deadline))

        def finish() -> dict[str, Any]:
            metrics = task.report(load_model(folder), progress.history, folder)
            progress.finished = True
            save_state(folder, model, progress)
            return metrics

        scored = devices.first(finish)
        metrics = read_metrics(folder) if scored is None else scored
        return TrainingResult(folder, metrics, progress.history)


@contextlib.contextmanager
def _opened(folder: Path, plan: RecipeBase, tables: Sequence[KeptTable]) -> Iterator[bool]:
    """Open the run folder as :func:`open_run` does, with its tables and its weights in place."""
    with open_run(folder, plan) as moved:
        for kept in tables:
            kept.write()
        settle_weights(folder, read_progress(folder))
        yield moved


def _enter_phase(task: Task, model: keras.Model, devices: Devices, epoch: int) -> None:
    with devices.scope():
        task.compile(model, epoch)
        model.optimizer.build(model.trainable_variables)


def _epochs(
    task: Task,
    model: keras.Model,
    devices: Devices,
    progress: Progress,
    folder: Path,
    verbose: bool,
    check: Callable[[], None],
    deadline: Deadline,
) -> None:
    recipe = task.recipe
    board = _tensorboard(folder) if devices.leads else lambda row: None
    verbose = verbose and devices.leads
    if recipe.weights is not None and not progress.epoch and progress.start is None:
        _score_start(task, model, devices, progress, folder)
    while progress.epoch < recipe.epochs and not progress.stopped:
        epoch, start = progress.epoch, time.monotonic()
        if epoch and epoch in task.phases:
            _enter_phase(task, model, devices, epoch)
        rate = float(model.optimizer.learning_rate)
        fitted = devices.fit(
            model,
            task.epoch(epoch),
            initial_epoch=epoch,
            epochs=epoch + 1,
            verbose=1 if verbose else 0,
            shuffle=False,
            callbacks=[KeepFreedMemory(), deadline, *([] if verbose else [StepLog(epoch + 1)])],
        )
        row: dict[str, Any] = {"epoch": epoch + 1}
        row |= {name: float(values[-1]) for name, values in fitted.history.items()}
        answers = task.answers(model)
        check_weights(answers, epoch + 1)
        row |= devices.agree(task.validate(devices.scorer(answers)))
        row["learning_rate"] = float(model.optimizer.learning_rate)
        row["strength"] = recipe.strength(epoch)
        row["seconds"] = round(time.monotonic() - start, 1)
        progress.epoch += 1
        progress.history.append(row)
        better = _is_best(task, progress)

        def write(row: dict[str, Any] = row, better: bool = better) -> None:
            write_history(folder, progress)
            board(row)
            _save(task, model, progress, folder, (BEST, LAST) if better else (LAST,))

        devices.first(write)
        # the rate that the epoch began with: at the end of a schedule it is 0
        shown = row | {"learning_rate": rate}
        if not recipe.curriculum:
            del shown["strength"]
        if devices.leads:
            log.info("epoch %d/%d: %s", epoch + 1, recipe.epochs, _summary(shown))
        check()


def _score_start(
    task: Task, model: keras.Model, devices: Devices, progress: Progress, folder: Path
) -> None:
    """Score the weights that a run starts from; they stay the best unless an epoch beats them."""
    scores = devices.agree(task.validate(devices.scorer(task.answers(model))))
    progress.start = {"epoch": 0} | scores
    if not math.isnan(scores[task.monitor]):
        progress.best = scores[task.monitor]
    devices.first(lambda: _save(task, model, progress, folder, (BEST, LAST)))
    if devices.leads:
        log.info("start (%s): %s", task.recipe.weights, _summary(progress.start))


def _save(
    task: Task, model: keras.Model, progress: Progress, folder: Path, names: Sequence[str]
) -> None:
    """Save weights and the state that they belong to: all of it counts, or nothing."""
    answers = task.answers(model)
    progress.files |= {name: stage_weights(answers, folder, name) for name in names}
    save_state(folder, model, progress)
    place_weights(folder, names)


def _is_best(task: Task, progress: Progress) -> bool:
    """Keep the best score of the last row and decide on early stopping.

    Of epochs with the same score, such as an AUC of 1, the one with the lowest log loss is the
    best. Scores of a curriculum's stages count too: validation is always at the true strength.
    """
    row = progress.history[-1]
    score = row[task.monitor]
    if math.isnan(score):
        raise LenszooError(
            f"{task.monitor} is not a number: with these validation data no epoch can be called "
            "the best."
        )
    better = progress.best is None or score > progress.best
    if score == progress.best and LOG_LOSS in row:
        better = row[LOG_LOSS] < progress.scores(progress.best_epoch)[LOG_LOSS]
    if better:
        progress.best, progress.best_epoch = score, progress.epoch
    stopping = task.recipe.early_stopping
    if stopping:
        # a phase or a stage is over when its epochs are, however flat its scores
        staged = sum(stage.epochs for stage in task.recipe.curriculum)
        rise = _last_rise(progress, task.monitor, stopping.min_delta)
        since = max(rise, task.phases[-1], staged)
        progress.stopped = progress.epoch - since >= stopping.patience
    return better


def _last_rise(progress: Progress, monitor: str, margin: float) -> int:
    """Last epoch (1-based, 0 for the start) whose score rose by more than a margin."""
    height, epoch = -math.inf, 0
    for row in [*([progress.start] if progress.start else []), *progress.history]:
        if row[monitor] > height + margin:
            height, epoch = row[monitor], row["epoch"]
    return epoch


def _tensorboard(folder: Path) -> Callable[[dict[str, float]], None]:
    """A writer of scalars, where TensorFlow is the backend; elsewhere it does nothing."""
    if keras.backend.backend() != "tensorflow":
        return lambda row: None
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder / "tensorboard"))
    # as `tf.summary.scalar` writes it, which itself wants the tensorboard package
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"

    def write(row: dict[str, float]) -> None:
        with writer.as_default(step=int(row["epoch"])):
            for name, value in row.items():
                tf.summary.write(name, tf.constant(value, tf.float32), metadata=metadata)
        writer.flush()

    return write


def _summary(row: dict[str, Any]) -> str:
    formats = {"learning_rate": ".2g"}
    values = {name: value for name, value in row.items() if name != "epoch"}
    return ", ".join(f"{name} {v:{formats.get(name, '.4g')}}" for name, v in values.items())
