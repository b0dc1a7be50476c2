"""Stratified splits: which rows train and which validate."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from lenszoo.errors import LenszooError


class Labelled(Protocol):
    """A dataset or an index: labels (n,) or None, and images of each class."""

    @property
    def labels(self) -> np.ndarray | None:
        """Labels (n,), or None."""

    def __len__(self) -> int: ...

    def class_counts(self) -> dict[str, int]:
        """Images of each class; empty without labels."""


def split_rows(data: Labelled, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of training and of validation, class by class, the same for the same seed.

    Args:
        data: what is split. Rows of one group, where it has ``groups``, stay together and count
            for the class of the first of them.
        fraction: the part of each class that goes to validation, in (0, 1); at least one row (or
            group) of every class that has any goes to each side.
        seed: an integer in 0..2**32 - 1.

    Raises:
        LenszooError: a class has a single image, or ``fraction`` is not in (0, 1).
    """
    if not 0 < fraction < 1:
        raise LenszooError(f"The validation fraction must lie between 0 and 1, not {fraction}.")
    _check(data, seed, 2, "a split into training and validation")
    rng = np.random.default_rng(seed)
    strata, group = _strata(data)
    held_out = np.zeros(len(strata), bool)
    for label in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == label))
        n = min(max(round(fraction * len(members)), 1), len(members) - 1)
        held_out[members[:n]] = True
    held_out = held_out[group]
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def fold_rows(data: Labelled, k: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return an iterator over k pairs of rows (train, validation), stratified by class.

    Args:
        data, seed: as for :func:`split_rows`.
        k: the number of folds, at least 2.

    Raises:
        LenszooError: at once, when k < 2 or a class has fewer than k images.
    """
    if k < 2:
        raise LenszooError(f"Cross-validation needs at least 2 folds, not {k}.")
    _check(data, seed, k, f"{k} folds")
    return _folds(data, k, seed)


def _folds(data: Labelled, k: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedKFold

    strata, group = _strata(data)
    for _, held_out in StratifiedKFold(k, shuffle=True, random_state=seed).split(strata, strata):
        held = np.isin(group, held_out)
        yield np.flatnonzero(~held), np.flatnonzero(held)


def _strata(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of each group, and the group of each row; a row is a group by itself."""
    labels = np.zeros(len(data), np.int32) if data.labels is None else data.labels
    groups = getattr(data, "groups", None)
    if groups is None:
        return labels, np.arange(len(data))
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return labels[first], group


def _check(data: Any, seed: int, least: int, purpose: str) -> None:
    if not 0 <= seed < 2**32:
        raise LenszooError(f"The seed of a split must lie in 0..2**32 - 1, not {seed}.")
    source = getattr(data, "source", None) or "The dataset"
    strata, group = _strata(data)
    names = list(data.class_counts()) or ["(no labels)"]
    counts = np.bincount(strata[strata >= 0], minlength=len(names))
    noun = "image" if len(strata) == len(group) else "different image"
    for name, n in zip(names, counts.tolist(), strict=True):
        if n < least and (n or len(names) == 1):
            raise LenszooError(
                f"{source}: class {name!r} has {n} {noun}{'s' * (n != 1)}, but {purpose} needs at "
                f"least {least} of each; add images or leave the class out."
            )
