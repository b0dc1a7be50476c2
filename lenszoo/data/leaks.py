"""Columns of a table that give the label away.

The published tables of the Bologna lens-finding challenge 1 hold the number of lensed pixels and
their flux, both zero for every non-lens: a network that is shown them scores 1 and finds nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lenszoo.data.names import LENS_CLASSES
from lenszoo.errors import LenszooError

logger = logging.getLogger("lenszoo")

ONE_CLASS, OTHER_CLASS = 0.99, 0.5
"""A value that at least the first part of one class has, and at most the second part of the other,
is a leak, whatever the AUC."""

_ENOUGH = 10  # objects of each class that have a value


@dataclass(frozen=True)
class Leak:
    """A column that separates the classes alone.

    Attributes:
        column: its name.
        auc: the exact ROC-AUC of its values alone, in the better direction (0.5 to 1), with
            missing values as a value of their own.
        constant_class: the class that has one value (almost) always, or None.
        constant_value: that value; NaN stands for missing values.
        fraction: the part of that class that has it.
        other_fraction: the part of the other class that has it.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import find_leaks
        >>> labels = np.arange(40) % 2
        >>> find_leaks(labels[:, None].astype("float32"), ["answer"], labels)[0].column
        'answer'
    """

    column: str
    auc: float
    constant_class: str | None = None
    constant_value: float | None = None
    fraction: float = 0.0
    other_fraction: float = 0.0

    def __str__(self) -> str:
        text = f"{self.column} (AUC {self.auc:.3f}"
        if self.constant_class is not None and self.constant_value is not None:
            missing = np.isnan(self.constant_value)
            value = "missing" if missing else f"{self.constant_value:g}"
            other = LENS_CLASSES[1 - LENS_CLASSES.index(self.constant_class)]
            text += (
                f"; {value} for {100 * self.fraction:.4g} % of {self.constant_class} and "
                f"{100 * self.other_fraction:.3g} % of {other}"
            )
        return f"{text})"


def find_leaks(
    table: np.ndarray, columns: Sequence[str], labels: np.ndarray, threshold: float = 0.95
) -> list[Leak]:
    """Find columns whose values alone tell lenses from non-lenses.

    A column is found when its AUC exceeds the threshold, in either direction and with ties counted
    half; when the mere absence of its value does; or when one value stands for (almost) all of one
    class and for a minority of the other, as with a count that is zero without a lens.

    Args:
        table: (n, k) floats; NaN is a missing value.
        columns: the k names.
        labels: (n,) integers, 1 for a lens and 0 for none; objects with others are passed over.
        threshold: the AUC from which on a column is found, in [0.5, 1).

    Returns:
        The leaks, worst first.

    Raises:
        LenszooError: shapes that do not agree, one class only, or a threshold out of range.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import find_leaks
        >>> labels = np.arange(40) % 2
        >>> noise = np.random.default_rng(0).normal(size=40)
        >>> table = np.stack([noise, labels], axis=1).astype("float32")
        >>> [leak.column for leak in find_leaks(table, ["mag_g", "answer"], labels)]
        ['answer']
    """
    table, labels = np.asarray(table), np.asarray(labels)
    if table.ndim != 2 or table.shape != (len(labels), len(columns)):
        raise LenszooError(
            f"A table of shape {table.shape} needs {len(columns)} columns and {len(labels)} labels."
        )
    if not 0.5 <= threshold < 1:
        raise LenszooError(f"The threshold of a leak is an AUC in [0.5, 1), not {threshold}.")
    labelled = np.isin(labels, (0, 1))
    table, lens = table[labelled], labels[labelled] == 1
    if not columns:
        return []
    if lens.all() or not lens.any():
        raise LenszooError(
            f"Leaks show only between two classes, but all {len(lens)} labels are of one; add "
            "objects of the other."
        )
    leaks = []
    for column, values in zip(columns, table.T, strict=True):
        leak = _examine(column, values, lens)
        if leak.auc > threshold or leak.constant_class is not None:
            leaks.append(leak)
    return sorted(leaks, key=lambda leak: -leak.auc)


def check_leaks(
    table: np.ndarray,
    columns: Sequence[str],
    labels: np.ndarray,
    allow: bool = False,
    threshold: float = 0.95,
) -> list[Leak]:
    """Refuse a table with columns that give the label away.

    Args:
        table, columns, labels, threshold: as for :func:`find_leaks`.
        allow: only warn.

    Returns:
        The leaks, which are there only where they are allowed.

    Raises:
        LenszooError: the table leaks and that is not allowed; the message names the columns.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import check_leaks
        >>> table = np.random.default_rng(0).normal(size=(40, 1)).astype("float32")
        >>> check_leaks(table, ["mag_g"], np.arange(40) % 2)
        []
    """
    leaks = find_leaks(table, columns, labels, threshold)
    if not leaks:
        return []
    one = len(leaks) == 1
    message = (
        f"{'This column gives' if one else f'These {len(leaks)} columns give'} the label away: "
        f"{', '.join(map(str, leaks))}"
    )
    if not allow:
        raise LenszooError(
            f"{message}; leave {'it' if one else 'them'} out of columns=, or train on "
            f"{'it' if one else 'them'} all the same with --set allow_leaky_columns=true."
        )
    logger.warning("%s.", message)
    return leaks


def _examine(column: str, values: np.ndarray, lens: np.ndarray) -> Leak:
    auc = _auc(values, lens)
    for value, label in _candidates(values, lens):
        same = np.isnan(values) if np.isnan(value) else values == value
        of_class = lens == bool(label)
        fraction, other = float(same[of_class].mean()), float(same[~of_class].mean())
        if fraction >= ONE_CLASS and other <= OTHER_CLASS:
            return Leak(column, auc, LENS_CLASSES[label], float(value), fraction, other)
    return Leak(column, auc)


def _candidates(values: np.ndarray, lens: np.ndarray) -> list[tuple[float, int]]:
    """Return the value that is most frequent in each class, with the class."""
    pairs = []
    for label in (0, 1):
        distinct, counts = np.unique(values[lens == bool(label)], return_counts=True)
        pairs.append((float(distinct[counts.argmax()]), label))
    return pairs


def _auc(values: np.ndarray, lens: np.ndarray) -> float:
    """Return the AUC in the better direction, of all ways to rank the missing values.

    They are taken for the lowest, for the highest, for all there is to see; and left out, where
    enough values remain for an AUC that is no accident.
    """
    from sklearn.metrics import roc_auc_score

    missing = np.isnan(values)
    ranks = np.unique(values, return_inverse=True)[1]  # infinite values have one too
    rankings = [(lens, ranks)]  # NaN comes last
    if missing.any():
        rankings += [(lens, np.where(missing, -1, ranks)), (lens, missing.astype(np.int64))]
        there = lens[~missing]
        if min(there.sum(), (~there).sum()) >= _ENOUGH:
            rankings.append((there, ranks[~missing]))
    scores = [float(roc_auc_score(truth, ranking)) for truth, ranking in rankings]
    return max(max(score, 1 - score) for score in scores)
