"""Errors of user input: one line with the object, the fault and the remedy."""

import difflib
import operator
from collections.abc import Iterable
from typing import Any


class LenszooError(ValueError):
    """Bad input. The message is one line; the command line prints it and exits with code 2.

    Names of files and columns stand in it as they are, but for what would break the line or steer
    a terminal: that is escaped, as ``\\n``.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Return a text with its control characters escaped, and what is no text in a file's name."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def unknown(kind: str, name: str, legal: Iterable[str], hint: str = "") -> LenszooError:
    """Build the error for an unknown name, with the nearest legal ones.

    Args:
        kind: kind of the name, such as ``"model"`` or ``"option of resnet18"``.
        name: the unknown name.
        legal: every legal name; all are listed when they are few, else the eight nearest.
        hint: an optional closing sentence.

    >>> print(unknown("model", "resnet81", ["resnet18", "vit_b16"]))
    Unknown model 'resnet81'. Did you mean 'resnet18'? Legal: resnet18, vit_b16.
    """
    names = sorted(map(str, legal))
    near = difflib.get_close_matches(str(name), names, n=8, cutoff=0.5)
    shown = names if len(names) <= 12 else near or names[:8]
    listed = ", ".join(shown) + ("." if len(shown) == len(names) else ", ...")
    meant = f" Did you mean {near[0]!r}?" if near else ""
    message = f"Unknown {kind} {name!r}.{meant} Legal: {listed if shown else 'none.'}"
    return LenszooError(f"{message} {hint}".strip())


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number that was given as an argument, of Python or NumPy.

    >>> whole_number("batch_size", 128)
    128

    Raises:
        LenszooError: it is none, such as 2.0 or True, or smaller than ``least``.
    """
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise LenszooError(f"{name} must be a whole number, at least {least}, not {value!r}.")
    return number


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "image"), counted(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def one_line(error: BaseException) -> str:
    """Return the message of another library's exception as one short line, without a full stop."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rstrip(".") if len(text) <= 160 else text[:157] + "..."


def unreadable(name: str, error: OSError) -> LenszooError:
    """Build the error for a file that the operating system refused to open or read."""
    if isinstance(error, FileNotFoundError):
        return LenszooError(f"{name}: no such file.")
    return LenszooError(f"{name}: cannot be read ({error.strerror or one_line(error)}).")
