"""The files below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from lenszoo.errors import LenszooError
from lenszoo.files import has_folder


def walk_files(folder: Path, depth: int | None = None) -> Iterator[str]:
    """Yield the files below a folder, relative to it; through links, but no folder twice.

    Hidden files and folders, and folders that begin with two underscores, are passed over.

    Args:
        folder: where to begin.
        depth: how many folders to go down; None for all.

    Raises:
        LenszooError: it is no folder, or one below cannot be read.
    """
    if not has_folder(folder):
        raise LenszooError(f"{folder}: no such folder; name the folder of the images.")
    seen = {os.path.realpath(folder)}
    for at, inner, files in os.walk(folder, followlinks=True, onerror=_unreadable):
        below = Path(at).relative_to(folder)
        start = "" if below == Path() else f"{below.as_posix()}/"
        inner[:] = sorted(
            name
            for name in inner
            if not name.startswith((".", "__")) and (depth is None or start.count("/") < depth)
        )
        first = {os.path.realpath(Path(at) / name): name for name in reversed(inner)}
        inner[:] = sorted(name for real, name in first.items() if real not in seen)
        seen.update(first)
        yield from (f"{start}{name}" for name in files if not name.startswith("."))


def _unreadable(error: OSError) -> None:
    raise LenszooError(f"{error.filename}: this folder cannot be read ({error.strerror}).")
