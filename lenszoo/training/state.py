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
from lenszoo.files import replacing

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
    """

    epoch: int = 0
    best: float | None = None
    best_epoch: int = 0
    stopped: bool = False
    finished: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)


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
            np.savez(stream, allow_pickle=False, **arrays)
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
        with np.load(path, allow_pickle=False) as file:
            return Progress(**json.loads(str(file["progress"])))
    except Exception as error:
        raise LenszooError(
            f"{path} is damaged ({type(error).__name__}); delete the run folder to start again."
        ) from error


def restore_state(folder: Path, model: keras.Model) -> Progress:
    """Set every variable of ``model`` and its optimizer from ``folder``.

    Raises:
        LenszooError: the file is damaged or is of another model.
    """
    progress = read_progress(folder)
    if progress is None:
        return Progress()
    variables = _variables(model)
    with np.load(folder / STATE_FILE, allow_pickle=False) as file:
        if len(file.files) != len(variables) + 1 or any(
            file[f"v{i}"].shape != tuple(v.shape) for i, v in enumerate(variables)
        ):
            raise LenszooError(
                f"{folder / STATE_FILE} is of another model; choose another run folder."
            )
        for i, variable in enumerate(variables):
            variable.assign(file[f"v{i}"])
    return progress
