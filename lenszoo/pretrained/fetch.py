"""One file from one address whose hash nobody published: whole, checked by its reader, cached."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lenszoo.errors import LenszooError
from lenszoo.pretrained import _files
from lenszoo.pretrained.download import Fault, copy_http, shown
from lenszoo.pretrained.store import cache_folders, is_offline, locked, writable

logger = logging.getLogger("lenszoo")


class _Counter:
    """A stream that knows how much it was given."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def write(self, block: bytes) -> None:
        self.count += len(block)
        self._stream.write(block)

    def flush(self) -> None:
        self._stream.flush()


def fetch_published(
    name: str, url: str, check: Callable[[Path], object], *, timeout: float = 30.0
) -> Path:
    """Return a local copy of ``url``, downloading it once.

    Args:
        name: the file's name in the cache (``published`` beside the cache of weights).
        url: its address.
        check: reads the file and raises LenszooError unless it is whole; run before the file
            appears under its name.
        timeout: seconds without a byte after which the server counts as hanging.

    Raises:
        LenszooError: when it cannot be had; says where to put it by hand.
    """
    folders = [folder.with_name("published") for folder in cache_folders()]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    remedy = (
        f"Get {url} where there is a network, and give weights=PATH or put it at "
        f"{folders[0] / name}."
    )
    if is_offline():
        raise LenszooError(f"LENSZOO_OFFLINE is set. {remedy}")
    target = writable(folders) / name
    with locked(target, 900.0):
        if target.is_file():  # another process got it meanwhile
            return target
        _files.sweep(target.parent)
        logger.info("Getting %s", shown(url))
        with _files.replacing(target) as (temporary, stream):
            try:
                copy_http(url, _Counter(stream), timeout)
            except Fault as fault:
                raise LenszooError(f"{shown(url)}: {fault.reason}. {remedy}") from fault
            stream.flush()
            check(temporary)
    logger.info("%s has sha256 %s", target, _files.sha256_of(target))
    return target
