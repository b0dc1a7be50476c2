"""k-fold cross-validation: the one ``train()``, once a fold."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo import tasks
from lenszoo.errors import LenszooError
from lenszoo.files import expanded, write_bytes
from lenszoo.tasks.recipes import RecipeBase, as_recipe
from lenszoo.training.kept_tables import name_tables
from lenszoo.training.loop import train

LAST = "last_epoch_auc"
DEFAULT_FOLDS = 5


def cross_validate(
    recipe: RecipeBase | dict[str, Any] | str | Path,
    out: str | Path,
    folds: int | None = None,
) -> dict[str, Any]:
    """Train and score on each of ``folds`` stratified splits of the recipe's files.

    Of a folder with `train` and `val` only `train` is used: `val` stays unseen.

    Each fold is a run folder ``out/fold_K`` of its own and resumes like any other, so a killed
    cross-validation goes on where it stood.

    Args:
        recipe: what to train on files: a recipe, its fields, the path of a TOML file or the name
            of a packaged one.
        out: folder of the run folders and of ``folds.json``.
        folds: number of splits; by default the recipe's ``folds``, else 5.

    Returns:
        ``{"folds": [scores of each], "mean": {...}, "std": {...}}``, also in ``out/folds.json``;
        ``std`` is the sample standard deviation over folds. The scores are those of each fold's
        best epoch, which its own held-out images pick; ``last_epoch_auc`` is free of that choice.

    Raises:
        LenszooError: the data are a simulated sky, or too few files for the folds; fewer than two
            folds.

    Example:
        >>> from lenszoo.simulation import write_dataset
        >>> from lenszoo.training import cross_validate
        >>> summary = write_dataset("common_test_sim", "sky", n_train=24, n_val=0)
        >>> recipe = {"model": "simple_cnn", "data": {"directory": "sky/train"}, "epochs": 1}
        >>> scores = cross_validate(recipe, "runs", folds=2)  # doctest: +SKIP
        >>> sorted(scores)[:2]  # doctest: +SKIP
        ['folds', 'mean']
    """
    out = expanded(out)
    named, tables = name_tables(recipe, out)
    for kept in tables:
        kept.write()
    base = as_recipe(named)
    if folds is None:
        folds = getattr(base, "folds", None) or DEFAULT_FOLDS
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise LenszooError(f"A cross-validation has two folds or more, not {folds!r}.")
    kind, out, rows = tasks.find(base.task).task, out, []
    for k, task in enumerate(kind.folds(base, folds), start=1):
        result = train(task.recipe, out / f"fold_{k}", task=task)
        row = {name: result.metrics[name] for name in kind.fold_scores}
        rows.append(row | {LAST: result.history[-1][kind.monitor]})
    table = {name: [row[name] for row in rows] for name in rows[0]}
    summary = {
        "folds": rows,
        "mean": {name: float(np.mean(values)) for name, values in table.items()},
        "std": {name: float(np.std(values, ddof=1)) for name, values in table.items()},
    }
    write_bytes(out / "folds.json", (json.dumps(summary, indent=2) + "\n").encode())
    return summary
