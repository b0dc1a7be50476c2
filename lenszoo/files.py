"""Files: atomic writes, locks, hashes, and a sweep of temporary files.

Correct content never depends on a lock. A writer works in a temporary file of its own in the target
folder, and one rename puts the finished file in place, so that readers and other writers never see
half a file, also on cluster file systems where a lock is a silent no-op. The locks save work.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lenszoo.errors import LenszooError

logger = logging.getLogger("lenszoo")

BLOCK = 1 << 18
"""Bytes read or written at a time."""

STALE_HOURS = 6.0
"""A temporary file untouched for this long belongs to nobody: downloads time out long before."""

RUN_FILES = ("run.json", "recipe.json")
"""Files by which a folder is known to be that of a run."""

_DISK_FULL = {
    code for code in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", None)) if code is not None
}
_MAX_JSON = 2**26
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
    # a name has at most 255 bytes, a character up to 4
    name = f".{target.name[:50]}.{host_mark()}-{os.getpid()}-{secrets.token_hex(6)}.tmp"
    path = target.with_name(name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return path, os.fdopen(os.open(path, flags, 0o666), "w+b")


@contextlib.contextmanager
def replacing(target: Path, sync: bool = True) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a temporary file and its stream; on success it becomes ``target``, else it goes away.

    Args:
        target: the file to write or replace.
        sync: bring the content to the disk before the rename, so that a machine that loses power
            keeps the old file or the new one. This takes milliseconds; leave it out for thousands
            of files that can be made again.

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
                if sync:
                    stream.flush()
                    os.fsync(stream.fileno())
            temporary.replace(target)
        except OSError as error:
            raise disk_error(target, error) from error
    finally:
        # Gone after a success; also removed on Ctrl-C.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        LenszooError: the folder cannot be written, or the disk is full.
    """
    with replacing(target) as (_, stream):
        stream.write(content)


def at_home(path: str | os.PathLike[str]) -> str:
    """Return a path with the user's home in the place of ``~``; as it is where there is none."""
    return os.path.expanduser(os.fspath(path))  # noqa: PTH111 a Path would drop ./


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return the :class:`~pathlib.Path` of :func:`at_home`."""
    return Path(at_home(path))


def has_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to a regular file; a path that no file can have does not."""
    try:
        return Path(path).is_file()
    except OSError:  # too long, or behind a closed folder
        return False


def has_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to a folder; a path that no folder can have does not."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False


def is_written(target: Path) -> bool:
    """Whether a file is there with content: one of 0 bytes is what a full disk or a crash left."""
    try:
        return target.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError as error:
        raise disk_error(target, error) from error


def check_output(
    target: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str] | None] = (),
    *,
    overwrite: bool = False,
) -> None:
    """Check the place of an output before any work is done for it: the one check of every verb.

    Args:
        target: a file, or a folder.
        inputs: files and folders that are read; names of other things, and None, are passed over.
        overwrite: whether a file, or a folder that is not empty, may be there already. A verb that
            goes on where it stopped sets it and looks itself at what is there.

    Raises:
        LenszooError: the target is an input or a run folder, or is there already.
    """
    path = expanded(target)
    place = path.resolve()
    for each in inputs:
        if each is None or not (has_file(at_home(each)) or has_folder(at_home(each))):
            continue
        if place == expanded(each).resolve():
            raise LenszooError(f"{path}: is an input itself; choose another name or folder.")
    if any((path / name).is_file() for name in RUN_FILES):
        raise LenszooError(
            f"{path}: is the folder of a run, whose files would be overwritten; choose another."
        )
    if overwrite:
        return
    if path.is_dir():
        if any(not each.name.startswith(".") for each in path.iterdir()):
            raise LenszooError(
                f"{path}: is not empty; choose another folder, or pass overwrite=True."
            )
    elif path.exists():
        raise LenszooError(f"{path}: is there already; choose another, or pass overwrite=True.")


def check_beside(target: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Raise LenszooError where a folder of outputs lies within one that is read.

    The next call would read the outputs too.
    """
    for each in map(expanded, inputs):
        if has_folder(each) and expanded(target).resolve().is_relative_to(each.resolve()):
            raise LenszooError(
                f"{target}: lies within the folder of inputs {each}; choose a folder outside it."
            )


def read_json(path: Path, remedy: str = "", max_bytes: int = _MAX_JSON) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: the file.
        remedy: the end of the message, a sentence.
        max_bytes: size of the largest file that is read.

    Raises:
        LenszooError: it is missing, damaged, nested too deeply, or holds something else.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            raise ValueError(f"not a file of at most {max_bytes >> 20} MiB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise LenszooError(f"{path} cannot be read ({reason}). {remedy}".rstrip()) from error
    if not isinstance(content, dict):
        raise LenszooError(f"{path} is damaged: it holds no JSON object. {remedy}".rstrip())
    return content


def disk_error(target: Path, error: OSError) -> LenszooError:
    """Turn a failed write of ``target`` into one line that says what to do."""
    reason = error.strerror or str(error)
    if error.errno in _DISK_FULL:
        remedy = "Free some space or choose another folder; no half-written file was left behind."
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


def is_replaceable(path: Path) -> bool:
    """Whether a file is absent or may be replaced: not another user's in a sticky folder."""
    try:
        owners = path.lstat().st_uid, path.parent.stat().st_uid
        sticky = path.parent.stat().st_mode & stat.S_ISVTX
    except OSError:
        return True
    return not sticky or os.name == "nt" or os.geteuid() in (0, *owners)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fault_of(path: Path, size: int, sha256: str) -> str | None:
    """Describe how the file differs from its expected size and hash; None when it does not.

    The size is compared first, so that a truncated file costs no hashing.
    """
    try:
        present = path.stat().st_size
        if present != size:
            return f"{present:,} bytes instead of {size:,}"
        digest = sha256_of(path)
    except OSError as error:
        return error.strerror or str(error)
    if digest != sha256:
        return f"sha256 {digest[:12]}... instead of {sha256[:12]}..."
    return None


def is_temporary(path: Path) -> bool:
    """Whether a file is named as ``create_temporary`` names them."""
    return _TEMPORARY.match(path.name) is not None


def sweep(folder: Path, older_than_hours: float = STALE_HOURS, own: bool = False) -> list[Path]:
    """Remove temporary files that a killed process left in ``folder``; return those removed.

    Only files named as ``create_temporary`` names them, untouched for ``older_than_hours``, and
    never one whose process still lives on this machine.

    Args:
        folder: where to look.
        older_than_hours: the age from which on a file belongs to nobody.
        own: remove also those under the number of this process, which in a container an earlier
            one had too; only where no other thread writes in the folder.
    """
    removed: list[Path] = []
    limit = time.time() - 3600.0 * older_than_hours
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            match = _TEMPORARY.match(path.name)
            if match is None:
                continue
            pid = int(match["pid"])
            if _lives(match["host"], pid) and not (own and pid == os.getpid()):
                continue
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < limit or not older_than_hours:
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


@contextlib.contextmanager
def hold(folder: Path, noun: str, lock_name: str, busy: str, alone: bool = True) -> Iterator[None]:
    """Make a folder, hold it against other processes and sweep its temporary files.

    Args:
        folder: made with its parents where it is missing.
        noun: the folder's kind in an error, such as "run folder".
        lock_name: the file in it that is locked; it stays.
        busy: the error's text when another process holds it.
        alone: whether nobody else writes in the folder meanwhile. Where others do, under locks of
            their own and perhaps on other machines, only old temporary files are swept.

    Raises:
        LenszooError: another process holds it, or the folder cannot be written.
    """
    import filelock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / lock_name)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LenszooError(busy) from None
    except OSError as error:
        raise LenszooError(f"Cannot write the {noun} {folder}: {error.strerror}.") from error
    try:
        if alone:
            sweep(folder, 0, own=True)
        else:
            sweep(folder)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def wait_for(target: Path, patience: float) -> Iterator[None]:
    """Let one process at a time make a file; go on after ``patience`` seconds, or without locks.

    This saves traffic: where locks do not work, or the holder takes too long, every process writes
    a temporary file of its own and the renames follow one another.
    """
    import filelock

    lock = filelock.FileLock(target.with_name(f".{target.name}.lock"))
    try:
        try:
            lock.acquire(timeout=min(2.0, patience))
        except filelock.Timeout:
            logger.warning("Another process is getting %s; waiting for it", target.name)
            lock.acquire(timeout=max(0.0, patience - 2.0))
    except (OSError, NotImplementedError) as error:
        logger.warning("Going on without a lock on %s: %s", target.name, error)
    try:
        yield
    finally:
        lock.release()
