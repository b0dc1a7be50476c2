"""Files that appear whole or not at all: unique temporary names, hashes, a sweep of what was left.

Nothing here relies on file locks. A writer works in a temporary file of its own in the target
folder, and one rename puts the finished file in place, so that readers and other writers never see
half a file, also on cluster file systems where a lock is a silent no-op.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lenszoo.errors import LenszooError

BLOCK = 1 << 18
"""Bytes read or written at a time."""

STALE_HOURS = 6.0
"""A temporary file untouched for this long belongs to nobody: downloads time out long before."""

_DISK_FULL = {
    code for code in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", None)) if code is not None
}
_TEMPORARY = re.compile(r"^\..+\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{12}\.tmp$")


def host_mark() -> str:
    """Return eight hexadecimal digits that stand for this machine in temporary names."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def create_temporary(target: Path) -> tuple[Path, BinaryIO]:
    """Open a new file beside ``target`` that no other process or thread has.

    It gets the mode that the umask allows (``tempfile`` would give 0600, which locks the other
    users of a shared cache out).

    Raises:
        OSError: when the folder does not exist or cannot be written.
    """
    name = f".{target.name}.{host_mark()}-{os.getpid()}-{secrets.token_hex(6)}.tmp"
    path = target.with_name(name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return path, os.fdopen(os.open(path, flags, 0o666), "w+b")


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a temporary file and its stream; on success it becomes ``target``, else it goes away.

    Raises:
        LenszooError: when the folder cannot be written, the disk is full or the move fails.
    """
    try:
        temporary, stream = create_temporary(target)
    except OSError as error:
        raise disk_error(target, error) from error
    try:
        try:
            with stream:
                yield temporary, stream
            temporary.replace(target)
        except OSError as error:
            raise disk_error(target, error) from error
    finally:
        # Gone after a success; also removed on Ctrl-C.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def disk_error(target: Path, error: OSError) -> LenszooError:
    """Turn a failed write of ``target`` into one line that says what to do."""
    reason = error.strerror or str(error)
    if error.errno in _DISK_FULL:
        remedy = "Free some space or choose another folder; nothing was left behind."
    else:
        remedy = "Choose a folder that exists and that you can write."
    return LenszooError(f"Cannot write {target}: {reason}. {remedy}")


def is_writable(folder: Path) -> str | None:
    """Make ``folder`` if need be and try it; return None when files can be made, else the reason.

    A real attempt, because permission bits say nothing on read-only mounts and for root.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path, stream = create_temporary(folder / "probe")
        stream.close()
        path.unlink(missing_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    return None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fault_of(path: Path, size: int, sha256: str) -> str | None:
    """Say how the file differs from what is expected; None when it is right.

    The size is compared first, so that a truncated file costs no hashing.
    """
    try:
        found = path.stat().st_size
        if found != size:
            return f"{found:,} bytes instead of {size:,}"
        digest = sha256_of(path)
    except OSError as error:
        return error.strerror or str(error)
    if digest != sha256:
        return f"sha256 {digest[:12]}... instead of {sha256[:12]}..."
    return None


def sweep(folder: Path, older_than_hours: float = STALE_HOURS) -> list[Path]:
    """Remove temporary files that a killed process left in ``folder``; return those removed.

    Only files named as ``create_temporary`` names them, untouched for ``older_than_hours``, and
    never one whose process still lives on this machine.
    """
    removed: list[Path] = []
    limit = time.time() - 3600.0 * older_than_hours
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            match = _TEMPORARY.match(path.name)
            if match is None or _lives(match["host"], int(match["pid"])):
                continue
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed.append(path)
    return removed


def _lives(host: str, pid: int) -> bool:
    """Whether the process that made a temporary file is known to run on this machine."""
    if host != host_mark() or os.name == "nt":  # os.kill(pid, 0) would end it on Windows
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
