"""Exact resume: everything that decides the rest of a run, in one file, replaced as a whole.

``BackupAndRestore`` and ``.keras`` files keep the weights but not the seeds of Dropout nor the
state of early stopping, so a run that was killed would end elsewhere. Here every variable of the
model (seeds included) and of the optimizer is saved, beside the history and the best score so far.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.files import has_file, replacing

STATE_FILE = "state.npz"


@dataclass
class Progress:
    """Where a run stands after a whole number of epochs.

    Attributes:
        epoch: epochs done.
        best: best validation score, None before the first.
        best_epoch: epoch (1-based) of the best score.
        stopped: whether early stopping ended the run.
        finished: whether nothing is left to train.
        history: one row an epoch: epoch, loss, validation scores, seconds ...
        start: validation scores of the weights that the run started from, as of an epoch 0; None
            where they were not scored.
        files: sha256 of the files of weights that belong to this state, by name.
    """

    epoch: int = 0
    best: float | None = None
    best_epoch: int = 0
    stopped: bool = False
    finished: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    start: dict[str, Any] | None = None
    files: dict[str, str] = field(default_factory=dict)

    def scores(self, epoch: int) -> dict[str, Any]:
        """Return the row of an epoch; of 0 that of the start."""
        return self.history[epoch - 1] if epoch else self.start or {}


def _variables(model: keras.Model) -> list[Any]:
    # a teacher never changes and has a file of its own
    teacher = getattr(model, "teacher", None)
    fixed = {id(v) for v in teacher.variables} if teacher is not None else set()
    own = [v for v in model.variables if id(v) not in fixed]
    return [*own, *model.optimizer.variables]


def save_state(folder: Path, model: keras.Model, progress: Progress) -> None:
    """Write the state of a compiled model; a kill leaves the old file or the new one."""
    arrays = {
        f"v{i}": np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(_variables(model))
    }
    arrays["progress"] = np.array(json.dumps(asdict(progress)))
    try:
        with replacing(folder / STATE_FILE) as (_, stream):
            # no allow_pickle=False: NumPy before 2.2 would write it as an array
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    except LenszooError as error:
        raise LenszooError(
            f"{error} Then run the same command again: it goes on from the last whole epoch."
        ) from error


def read_progress(folder: Path) -> Progress | None:
    """Progress of the run in ``folder``, None when it has not finished an epoch yet."""
    path = folder / STATE_FILE
    if not path.exists():
        return None
    try:
        if not has_file(path):
            raise ValueError("not a regular file")
        with np.load(path, allow_pickle=False) as file:
            progress = Progress(**json.loads(str(file["progress"])))
        if type(progress.epoch) is not int or len(progress.history) != progress.epoch:
            raise ValueError("its history is not that of its epochs")
        return progress
    except Exception as error:
        raise _damaged(path, error) from error


def restore_state(folder: Path, model: keras.Model) -> Progress:
    """Set every variable of ``model`` and its optimizer from ``folder``.

    Raises:
        LenszooError: the file is damaged or is of another model.
    """
    progress = read_progress(folder)
    if progress is None:
        return Progress()
    variables, path = _variables(model), folder / STATE_FILE
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files if name != "progress"}
    except Exception as error:
        raise _damaged(path, error) from error
    names = [f"v{i}" for i in range(len(variables))]
    if len(stored) != len(variables) or any(
        name not in stored or stored[name].shape != tuple(variable.shape)
        for name, variable in zip(names, variables, strict=True)
    ):
        raise LenszooError(f"{path} is of another model; choose another run folder.")
    for name, variable in zip(names, variables, strict=True):
        variable.assign(stored[name])
    return progress


def _damaged(path: Path, error: Exception) -> LenszooError:
    return LenszooError(
        f"{path} is damaged ({type(error).__name__}); delete the run folder to start again."
    )
