"""One process at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from lenszoo.errors import LenszooError


@contextmanager
def hold(folder: Path, what: str, lock_name: str, busy: str) -> Iterator[None]:
    """Make a folder and hold it against other processes, until the block is left or killed.

    Args:
        folder: made with its parents where it is missing.
        what: what an error calls it.
        lock_name: the file in it that is locked; it stays.
        busy: what to say when another process holds it.

    Raises:
        LenszooError: another process holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / lock_name)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LenszooError(busy) from None
    except OSError as error:
        raise LenszooError(f"Cannot write the {what} {folder}: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()
