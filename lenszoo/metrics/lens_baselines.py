"""Baselines of a lens finder: logistic regressions on image statistics and on the table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.metrics.classification import Floats
from lenszoo.metrics.shortcut import ShortcutResult, shortcut_baseline

STATISTICS, TABLE = "image statistics", "the table"
CLEAN_TABLE = "the table without leaks"


def baselines(
    images: NDArray[Any] | None,
    table: NDArray[Any] | None,
    columns: Sequence[str] | None,
    leaks: Sequence[Any] | None,
    y: NDArray[np.bool_],
    shortcut: bool | ShortcutResult,
    seed: int,
    notes: list[str],
    groups: ArrayLike | None = None,
) -> dict[str, ShortcutResult]:
    """Logistic regressions on image statistics, on the table, and on it without its leaks.

    Images that ``groups`` (n,) gives one value stay in one fold.
    """
    results: dict[str, ShortcutResult] = {}
    features = None if table is None else table_features(table, columns)
    if isinstance(shortcut, ShortcutResult):
        results[STATISTICS] = shortcut
    elif shortcut and images is not None:
        results[STATISTICS] = shortcut_baseline(images, y, 2, seed=seed, groups=groups)
    if shortcut and features is not None and table is not None:
        results[TABLE] = shortcut_baseline(features, y, 2, seed=seed, groups=groups)
        leaky = {str(leak.column) for leak in leaks or ()}
        names = [str(name) for name in columns or ()]
        clean = [k for k, name in enumerate(names) if name not in leaky]
        if 0 < len(clean) < len(names):
            without = table_features(table[:, clean], [names[k] for k in clean])
            results[CLEAN_TABLE] = shortcut_baseline(without, y, 2, seed=seed, groups=groups)
    for name, result in results.items():
        if result.reason:
            notes.append(f"No baseline on {name}: {result.reason}.")
        elif len(result.rows) < result.total:
            used = f"{len(result.rows):,} of {result.total:,}"
            notes.append(f"The baseline on {name} uses {used} objects, drawn with seed {seed}.")
    return results


def table_features(table: ArrayLike, columns: Sequence[str] | None = None) -> Floats:
    """A table as finite features: missing values become the median, and a column says where.

    Args:
        table: shape (n, k); NaN and inf are missing.
        columns: names of the k columns, for their number to be checked.

    Returns:
        Shape (n, k + the number of columns with missing values).

    Raises:
        LenszooError: another number of axes, or of names than of columns.
    """
    values = np.array(table, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise LenszooError(f"The table has shape {values.shape}; pass (n, columns).")
    if columns is not None and len(columns) != values.shape[1]:
        raise LenszooError(
            f"The table has {values.shape[1]} columns but there are {len(columns)} column names."
        )
    from sklearn.impute import SimpleImputer

    values[~np.isfinite(values)] = np.nan
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return np.asarray(imputer.fit_transform(values), np.float64)


def odds(result: ShortcutResult) -> Floats:
    """Scores of a baseline that has any as log-odds of a lens, shape (rows,)."""
    assert result.scores is not None
    return result.scores[:, 1] - result.scores[:, 0]
