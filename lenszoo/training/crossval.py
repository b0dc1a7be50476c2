"""k-fold cross-validation: the one ``train()``, once a fold."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data import DatasetIndex
from lenszoo.errors import LenszooError
from lenszoo.evaluation.report import write_atomic
from lenszoo.training.classify import ClassifyTask
from lenszoo.training.loop import train
from lenszoo.training.recipe import ClassifyRecipe
from lenszoo.training.sources import from_index

SCORES = ("macro_ovr_auc", "accuracy", "log_loss")


def cross_validate(recipe: ClassifyRecipe, out: str | Path, folds: int = 5) -> dict[str, Any]:
    """Train and score on each of ``folds`` stratified splits of the recipe's files.

    Of a folder with `train` and `val` only `train` is used: `val` stays unseen.

    Each fold is a run folder ``out/fold_K`` of its own and resumes like any other, so a killed
    cross-validation goes on where it stood.

    Returns:
        ``{"folds": [scores of each], "mean": {...}, "std": {...}}``, also in ``out/folds.json``;
        ``std`` is the sample standard deviation over folds.

    Raises:
        LenszooError: the data are a simulated sky, or too few files for the folds.
    """
    data = recipe.data
    if data.preset is not None:
        raise LenszooError(
            "Cross-validation needs files; a simulated sky has fresh images instead."
        )
    if data.csv is not None:
        index = DatasetIndex.from_csv(data.csv, classes=data.classes)
    else:
        root = Path(data.directory or "")
        root = root / "train" if (root / "train").is_dir() else root
        index = DatasetIndex.from_directory(root, classes=data.classes)
    out = Path(out)
    rows = []
    for k, (training, held_out) in enumerate(index.folds(folds, recipe.data_seed), start=1):
        task = ClassifyTask(recipe, from_index(recipe, training, held_out))
        result = train(recipe, out / f"fold_{k}", task=task)
        rows.append({name: result.metrics[name] for name in SCORES})
    summary = {
        "folds": rows,
        "mean": {name: float(np.mean([row[name] for row in rows])) for name in SCORES},
        "std": {name: float(np.std([row[name] for row in rows], ddof=1)) for name in SCORES},
    }
    write_atomic(out / "folds.json", (json.dumps(summary, indent=2) + "\n").encode())
    return summary
