"""Numbers, intervals and names as the reports write them."""

import math
from collections.abc import Sequence
from typing import Any

from lenszoo.errors import counted as counted

UNDEFINED = "n/a"


def show(value: float | None, form: str = ".4f") -> str:
    """A number by its format; ``n/a`` for None and for values that are not finite.

    Args:
        value: to be written.
        form: a format of Python's mini-language; ``.1%`` gives ``41.7 %``.
    """
    if value is None or not math.isfinite(value):
        return UNDEFINED
    return format(value, form).replace("%", " %")


def show_interval(bounds: Sequence[float] | None, form: str = ".4f") -> str:
    """``0.912 to 0.934``, ``3.1 to 4.2 %``; empty where there is no interval."""
    if bounds is None or not all(map(math.isfinite, bounds)):
        return ""
    return f"{show(bounds[0], form).removesuffix(' %')} to {show(bounds[1], form)}"


def number(value: float | None, digits: int = 4) -> str:
    """A number with fixed decimals."""
    return show(value, f".{digits}f")


def interval(bounds: Sequence[float] | None, digits: int = 4) -> str:
    """An interval with fixed decimals; empty where there is none."""
    return show_interval(bounds, f".{digits}f")


def percent(value: float | None, digits: int = 1) -> str:
    """A share in per cent."""
    return show(value, f".{digits}%")


def probability(value: float) -> str:
    """A probability that does not pretend to be 0 or 1."""
    if value > 0.9995:
        return "> 0.999"
    return "< 0.001" if value < 0.0005 else f"{value:.3f}"


def plain(text: object, limit: int = 28) -> str:
    """One line of at most ``limit`` characters that matplotlib shows as it is (no mathtext)."""
    line = " ".join(str(text).encode("utf-8", "replace").decode().split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    if len(line) > limit:
        line = f"{line[: limit // 2]}…{line[len(line) - (limit - limit // 2 - 1) :]}"
    return line.replace("$", r"\$")


def listed(values: Any) -> str:
    """A value, or several with commas between."""
    if values is None:
        return "none"
    if isinstance(values, list | tuple):
        return ", ".join(map(listed, values))
    return str(values)
