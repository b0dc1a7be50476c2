"""Finished runs: recognised without a backend, whose start takes many seconds."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.files import read_json, sha256_of
from lenszoo.tasks.recipes import FREE, RecipeBase, validate

RECIPE, RUN, REPORT, STATE = "recipe.json", "run.json", "report.json", "state.npz"
BEST = "best.weights.h5"

_DAMAGED = (
    LenszooError, OSError, EOFError, ValueError, KeyError, TypeError, RecursionError,
    zipfile.BadZipFile,
)  # fmt: skip


def finished_metrics(folder: Path, recipe: RecipeBase) -> dict[str, Any] | None:
    """Return the scores of a finished run of this recipe, with sound weights.

    Of its state only the progress is read, which the archive's checksum guards; variables and
    optimizer beside it serve to go on, which a finished run never does, so damage to them is of no
    harm.

    Args:
        folder: the run folder.
        recipe: what would be trained.

    Returns:
        The ``metrics`` of its report; None where the folder holds anything else, about which
        :func:`lenszoo.training.train` says more.
    """
    try:
        old = validate(read_json(folder / RECIPE), str(folder / RECIPE))
        if old.model_dump(mode="json", exclude=set(FREE)) != recipe.model_dump(
            mode="json", exclude=set(FREE)
        ):
            return None
        progress = _progress(folder)
        read_json(folder / RUN)
        sound = sha256_of(folder / BEST) == progress["files"][BEST]
        metrics = read_json(folder / REPORT)["metrics"]
    except _DAMAGED:
        return None
    return metrics if progress["finished"] and sound and isinstance(metrics, dict) else None


def kept_score(folder: Path) -> float | None:
    """Return the validation score of the weights that a run kept; None where it is unknown."""
    try:
        best = _progress(folder)["best"]
    except _DAMAGED:
        return None
    return float(best) if isinstance(best, int | float) else None


def _progress(folder: Path) -> Any:
    with np.load(folder / STATE, allow_pickle=False) as file:
        return json.loads(str(file["progress"]))
