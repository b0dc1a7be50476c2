"""Checks of the options that several families share."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from lenszoo.errors import LenszooError


def is_positive(value: Any) -> bool:
    """Whether a value is a positive integer; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def check_positive(**options: Any) -> None:
    """Raise LenszooError unless each option is a positive integer.

    >>> check_positive(width=64, depth=12)
    """
    for name, value in options.items():
        if not is_positive(value):
            raise LenszooError(f"{name} must be a positive integer, got {value!r}.")


def check_all_positive(name: str, values: Any, count: int | None = None) -> None:
    """Raise LenszooError unless an option is a list of positive integers, ``count`` of them.

    >>> check_all_positive("blocks", (2, 2, 2, 2))
    """
    listed = isinstance(values, list | tuple) and len(values) == (count or len(values) or 1)
    if not listed or not all(map(is_positive, values)):
        number = f"{count} " if count else "one or more "
        raise LenszooError(f"{name} must be {number}positive integers, got {values!r}.")


def check_names(name: str, values: Any) -> tuple[str, ...]:
    """Return names as they are; raise LenszooError unless they are a list of distinct texts.

    >>> check_names("columns", ["mag_g", "ellipticity"])
    ('mag_g', 'ellipticity')
    """
    names = tuple(values) if isinstance(values, Sequence) and not isinstance(values, str) else ("",)
    sound = all(isinstance(each, str) and each for each in names)
    if not sound or len(set(names)) < len(names):
        raise LenszooError(f"{name} must be a list of names that differ, got {values!r}.")
    return names


def check_rate(**options: Any) -> None:
    """Raise LenszooError unless each option is a number in [0, 1).

    >>> check_rate(dropout=0.1)
    """
    _check_numbers(options, lambda value: 0 <= value < 1, "[0, 1)")


def check_share(**options: Any) -> None:
    """Raise LenszooError unless each option is a number in (0, 1].

    >>> check_share(alpha=0.25)
    """
    _check_numbers(options, lambda value: 0 < value <= 1, "(0, 1]")


def _check_numbers(
    options: Mapping[str, Any], inside: Callable[[float], bool], interval: str
) -> None:
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not inside(value):
            raise LenszooError(f"{name} must be a number in {interval}, got {value!r}.")


def check_scaling(mean: Any, std: Any) -> None:
    """Raise LenszooError unless pixels can be scaled by one mean and one deviation for all bands.

    >>> check_scaling(mean=0.449, std=0.226)
    """
    for name, value in (("mean", mean), ("std", std)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise LenszooError(f"{name} must be one number for all bands, got {value!r}.")
    if std <= 0:
        raise LenszooError(f"std must be above 0, got {std!r}.")


def check_heads(heads: int, dim: int) -> None:
    """Raise LenszooError unless attention heads share the ``dim`` channels of a token evenly.

    >>> check_heads(heads=4, dim=64)
    """
    if dim % heads:
        raise LenszooError(f"heads must divide dim, got heads={heads} and tokens of dim={dim}.")
