"""Content of images: a hash of each image's bytes, and which images are one and the same."""

import hashlib
import os
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.fits import split_hdu
from lenszoo.data.part import ImagePart
from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError

_DIGITS = 32  # hexadecimal ones of a hash
_BY_FILE: dict[
    tuple[str, int, int, int], str
] = {}  # a file that did not change is read once a process


def hash_files(paths: Sequence[Any]) -> tuple[str, ...]:
    """Hash the bytes of each image's file, or files where each band has its own.

    Name, place and time of a file change nothing. A file that cannot be read stands for itself:
    whoever reads the image says what is wrong with it.

    Args:
        paths: files as :func:`lenszoo.data.readers.read_image` takes them; None where an image or
            a band has none.

    Returns:
        As many texts of 32 hexadecimal digits, or of others where there is no file.
    """
    return tuple(_hash_image(path) for path in paths)


def hash_arrays(*arrays: Any) -> tuple[str, ...]:
    """Hash row after row of arrays of equal length, such as images and their targets; skip None."""
    present = [array for array in arrays if array is not None]
    return tuple(
        _digest(b"".join(np.ascontiguousarray(array[i]).tobytes() for array in present))
        for i in range(len(present[0]))
    )


def same_rows(*names: Sequence[Hashable]) -> np.ndarray:
    """Return for each of n rows the first row that it belongs together with, (n,) int64.

    Rows belong together that share a name in one of the sequences, and whoever shares with them.
    """
    parent = list(range(len(names[0])))

    def first_of(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for each in names:
        seen: dict[Hashable, int] = {}
        for row, name in enumerate(each):
            pair = first_of(seen.setdefault(name, row)), first_of(row)
            parent[max(pair)] = min(pair)
    return np.array([first_of(row) for row in range(len(parent))], np.int64)


def check_one_label(
    contents: Sequence[str], labels: Any, ids: Sequence[str], classes: Sequence[str], source: str
) -> None:
    """Raise LenszooError where one image has two labels, naming both of its ids."""
    seen: dict[str, int] = {}
    for row, content in enumerate(contents):
        first = seen.setdefault(content, row)
        if labels[first] != labels[row]:
            names = [classes[labels[i]] for i in (first, row)]
            raise LenszooError(
                f"{source}: {ids[first]} and {ids[row]} are the same image, but one is "
                f"{names[0]!r} and the other {names[1]!r}; give it one label."
            )


def _hash_image(path: Any) -> str:
    if path is None or isinstance(path, str | os.PathLike):
        return _hash_file(path)
    return _digest(" ".join(map(_hash_file, path)).encode())


def _hash_file(path: Any) -> str:
    if path is None:
        return "none"
    part = path if isinstance(path, ImagePart) else None
    if part is not None and (stored := part.stored()) is not None:
        return _digest(stored)
    place = "" if part is None else part.place
    name, hdu = split_hdu(os.fspath(path))
    try:
        facts = Path(name).stat()
        # the time of a change of any kind, which nobody can set
        key = name, facts.st_ino, facts.st_size, facts.st_ctime_ns
        if key not in _BY_FILE:
            with open_regular(name) as stream:
                _BY_FILE[key] = _digest(stream.readall())
    except (OSError, ValueError, LenszooError):
        return f"unread {name}"
    return _BY_FILE[key] + ("" if hdu is None else f"[{hdu}]") + place


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
