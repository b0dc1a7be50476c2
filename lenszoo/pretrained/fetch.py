"""One file whose hash nobody published: whole, checked by its reader, cached."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from lenszoo import files as _files
from lenszoo.errors import LenszooError
from lenszoo.pretrained.download import DiskError, Fault, Sink, copy_http, shown
from lenszoo.pretrained.store import cache_folders, exists, is_offline, writable

logger = logging.getLogger("lenszoo")


def fetch_published(
    sources: Mapping[str, str], check: Callable[[Path], object], *, timeout: float = 30.0
) -> Path:
    """Return a local copy of a file that may go by several names, downloading it once.

    Args:
        sources: the file's names in the cache (``published`` beside the cache of weights) and their
            addresses, best first. The next one is asked for where a server lacks the one before.
        check: reads the file and raises LenszooError unless it is whole; run before the file
            appears under its name.
        timeout: seconds without a byte after which the server counts as hanging.

    Raises:
        LenszooError: when it cannot be had; says where to put it by hand.
    """
    folders = [folder.with_name("published") for folder in cache_folders()]
    for path in (folder / name for name in sources for folder in folders):
        if exists(path):
            return path
    name, url = next(iter(sources.items()))
    remedy = (
        f"Get {url} where there is a network, and give weights=PATH or put it at "
        f"{folders[0] / name}."
    )
    if is_offline():
        raise LenszooError(f"LENSZOO_OFFLINE is set. {remedy}")
    absent = []
    for other, address in sources.items():
        try:
            return _download(writable(folders) / other, address, check, timeout)
        except Fault as fault:
            absent.append(f"{shown(address)}: {fault.reason}")
            if not fault.absent:
                raise LenszooError(f"{absent[-1]}. {remedy}") from fault
    raise LenszooError(f"{'; '.join(absent)}. {remedy}")


def _download(target: Path, url: str, check: Callable[[Path], object], timeout: float) -> Path:
    """Get one address, unless another process has got it meanwhile; raise Fault if it fails."""
    with _files.wait_for(target, 900.0):
        if target.is_file():
            return target
        _files.sweep(target.parent)
        logger.info("Getting %s", shown(url))
        with _files.replacing(target) as (temporary, stream):
            try:
                copy_http(url, Sink(stream), timeout)
            except DiskError as full:
                raise full.error from full
            check(temporary)
    logger.info("%s has sha256 %s", target, _files.sha256_of(target))
    return target
