"""Checks of the options that several families share."""

from typing import Any

from lenszoo.errors import LenszooError


def check_positive(**options: Any) -> None:
    """Raise LenszooError unless each option is a positive integer.

    >>> check_positive(width=64, depth=12)
    """
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise LenszooError(f"{name} must be a positive integer, got {value!r}.")


def check_rate(**options: Any) -> None:
    """Raise LenszooError unless each option is a number in [0, 1).

    >>> check_rate(dropout=0.1)
    """
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise LenszooError(f"{name} must be a number in [0, 1), got {value!r}.")
