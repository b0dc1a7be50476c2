"""Regular files only: a pipe, a device or a link to one could be read for ever."""

import io
import os
import stat

from lenszoo.errors import LenszooError, unreadable


def open_regular(name: str | os.PathLike[str]) -> io.FileIO:
    """Open a regular file for reading, unbuffered.

    Raises:
        LenszooError: it is missing, may not be read, or is a folder, a pipe or a device.
    """
    try:
        # without O_NONBLOCK, opening a pipe waits for somebody who writes
        descriptor = os.open(name, os.O_RDONLY | _FLAGS)
    except OSError as error:
        raise unreadable(os.fspath(name), error) from error
    except ValueError as error:  # a null character in the name
        raise LenszooError(f"{os.fspath(name)!r}: not the name of a file ({error}).") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LenszooError(
            f"{os.fspath(name)}: not a regular file but a folder, a pipe or a device."
        )
    return io.FileIO(descriptor)


_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
