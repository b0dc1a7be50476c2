"""A name of weights in, the path of a verified local file out.

Sources, in order: the cache, the wheel's own ``lenszoo/_data/weights``, a checkout's ``weights/``
(and a ``weights`` folder beside a manifest of one's own), then the mirrors: ``LENSZOO_WEIGHTS_URL``
and the manifest's list. Every copy is checked by size and sha256 each time it is asked for.

Environment:
    LENSZOO_CACHE: the cache folder, instead of the user's own. It may be shared and read-only: what
        it lacks then goes to the user's own cache.
    LENSZOO_WEIGHTS_URL: mirrors asked first, separated by commas or spaces: addresses of a server
        or folders that hold the published files.
    LENSZOO_OFFLINE: ``1`` asks no server; folders are still read.
"""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lenszoo import files as _files
from lenszoo.errors import LenszooError
from lenszoo.pretrained.download import NoSourceError, Patience, download, is_remote, join
from lenszoo.pretrained.manifest import (
    SUFFIX,
    Manifest,
    WeightsEntry,
    WeightsFile,
    checkout_root,
    get_entry,
    load_manifest,
    manifest_path,
    packaged_data,
)

logger = logging.getLogger("lenszoo")


def cache_folders() -> list[Path]:
    """Return the folders of cached weights: ``LENSZOO_CACHE`` when set, then the user's own."""
    import pooch

    chosen = os.environ.get("LENSZOO_CACHE", "").strip()
    roots = [Path(chosen).expanduser().absolute()] if chosen else []
    roots.append(Path(pooch.os_cache("lenszoo")))
    return [root / "weights" for root in dict.fromkeys(roots)]


def is_offline() -> bool:
    """Whether ``LENSZOO_OFFLINE`` forbids asking a server.

    Raises:
        LenszooError: when it is neither a yes nor a no.
    """
    value = os.environ.get("LENSZOO_OFFLINE", "").strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("", "0", "false", "no", "off"):
        return False
    raise LenszooError(f"LENSZOO_OFFLINE is {value!r}: use 1 or 0.")


@dataclass(frozen=True)
class _Wanted:
    """An entry together with all places where it may be."""

    entry: WeightsEntry
    manifest: Manifest
    caches: list[Path]
    folders: list[Path]

    @classmethod
    def by_name(cls, name: str) -> Self:
        where = manifest_path()
        manifest = load_manifest(where)
        root = checkout_root()
        folders = [
            packaged_data() / "weights",
            *([root / "weights"] if root else []),
            where.absolute().parent / "weights",
        ]
        entry = get_entry(name, manifest=manifest)
        return cls(entry, manifest, cache_folders(), list(dict.fromkeys(folders)))

    @property
    def cached_name(self) -> str:
        """The file's name in a cache.

        It holds the hash, so that versions of lenszoo that share a cache never overwrite each
        other's weights, whatever is published under the name.
        """
        return f"{self.entry.name}-{self.entry.sha256[:8]}{SUFFIX}"

    def whole_copies(self) -> list[Path]:
        """Every existing path that should hold the whole file, right or damaged, in order."""
        files = self.entry.files
        published = files[0].path if len(files) == 1 else self.entry.file_name
        paths = [folder / self.cached_name for folder in self.caches]
        paths += [folder / published for folder in (*self.caches, *self.folders)]
        return [path for path in dict.fromkeys(paths) if exists(path)]

    def parts_at_hand(self, file: WeightsFile) -> list[Path]:
        """Every existing local copy of one published file."""
        paths = (folder / file.path for folder in (*self.caches, *self.folders))
        return [path for path in dict.fromkeys(paths) if exists(path)]

    def mirrors(self, file: WeightsFile) -> list[str]:
        """Addresses of one published file on the mirrors, in order; no server when offline."""
        addresses = [
            *(join(base, file.path) for base in _own_mirrors()),
            *file.urls,
            *(join(base, file.path) for base in self.manifest.base_url),
        ]
        offline = is_offline()
        return [address for address in addresses if not (offline and is_remote(address))]

    def fault(self, path: Path) -> str | None:
        """Say how a copy of the whole file is damaged; None when it is right."""
        return _files.fault_of(path, self.entry.bytes, self.entry.sha256)

    def look(self) -> tuple[Path | None, list[str]]:
        """Return the first right copy, and what is wrong with those before it."""
        damaged: list[str] = []
        for path in self.whole_copies():
            fault = self.fault(path)
            if fault is None:
                return path, damaged
            damaged.append(f"{path} is damaged ({fault})")
        return None, damaged

    def unobtainable(self, missing: Sequence[WeightsFile], tried: Sequence[str]) -> LenszooError:
        """Build the error that says which file is needed and where to put it."""
        reasons = list(tried)
        if is_offline():
            reasons.append("LENSZOO_OFFLINE is set, so no server was asked")
        elif not any(self.mirrors(file) for file in missing):
            reasons.append("no mirror is known")
        listed = ", ".join(f"{f.path} ({f.bytes:,} bytes, sha256 {f.sha256})" for f in missing)
        return LenszooError(
            f"Cannot get the weights {self.entry.name}: {'; '.join(reasons)}. "
            f"Needed: {listed}. Put it into {self.caches[0]} or set LENSZOO_WEIGHTS_URL to a "
            "server or folder that has it."
        )


def fetch_weights(
    name: str,
    *,
    tries: int = 3,
    backoff: float = 1.0,
    timeout: float = 30.0,
    lock_timeout: float = 900.0,
    progress: bool | None = None,
) -> Path:
    """Return the path of a verified local file of the named weights, downloading it if need be.

    Processes and threads that ask at once share one download. The file appears under its name only
    when it is whole and its sha256 is right, whether locks work on that file system or not.

    Args:
        name: full name, ``row.tag``.
        tries: rounds over the mirrors.
        backoff: seconds before the second round; doubled before each further one.
        timeout: seconds without a byte after which a server counts as hanging.
        lock_timeout: seconds to wait for another process's download before starting an own one.
        progress: show a progress bar; by default on a terminal only.

    Raises:
        LenszooError: for an unknown name, a bad manifest, a full or read-only disk, or when no
            source has the file; names the file that is needed and where to put it.
    """
    wanted = _Wanted.by_name(name)
    found, damaged = wanted.look()
    if found:
        return found
    for note in damaged:
        logger.warning("%s; getting %s again", note, name)
    files = wanted.entry.files
    sources = [[*map(str, wanted.parts_at_hand(f)), *wanted.mirrors(f)] for f in files]
    missing = [file for file, places in zip(files, sources, strict=True) if not places]
    if missing:
        raise wanted.unobtainable(missing, damaged)
    folder = writable(wanted.caches)
    target = folder / wanted.cached_name
    with _files.wait_for(target, lock_timeout):
        # Another process may have finished it while this one waited.
        if not (exists(target) and wanted.fault(target) is None):
            _files.sweep(folder)
            _assemble(wanted, sources, target, Patience(tries, backoff, timeout), progress)
    return target


def local_path(name: str) -> Path | None:
    """Return the path of a verified copy that is here already; None when there is none.

    Never downloads and never writes, so weights that lie here only in parts count as absent.

    Raises:
        LenszooError: for an unknown name or a bad manifest.
    """
    return _Wanted.by_name(name).look()[0]


def verify(name: str) -> list[str]:
    """Hash every local copy of the named weights and return what is wrong; empty when all is well.

    Having no copy at all is reported too.

    Raises:
        LenszooError: for an unknown name or a bad manifest.
    """
    wanted = _Wanted.by_name(name)
    files = wanted.entry.files
    problems = [(path, wanted.fault(path)) for path in wanted.whole_copies()]
    whole = bool(problems)
    if len(files) > 1:
        for file in files:
            problems += [
                (path, _files.fault_of(path, file.bytes, file.sha256))
                for path in wanted.parts_at_hand(file)
            ]
        whole = whole or all(wanted.parts_at_hand(file) for file in files)
    faults = [f"{path}: {fault}" for path, fault in problems if fault is not None]
    return faults if whole else [*faults, f"{name}: not here; fetch it first"]


def _own_mirrors() -> list[str]:
    """Return the mirrors of ``LENSZOO_WEIGHTS_URL``."""
    value = os.environ.get("LENSZOO_WEIGHTS_URL", "").strip()
    # A folder may have a space in its name.
    if value and "://" not in value and Path(value).expanduser().is_dir():
        return [value]
    return [part for part in re.split(r"[,\s]+", value) if part]


def exists(path: Path) -> bool:
    """Whether a file is there and its folder may be searched."""
    try:
        return path.is_file()
    except OSError:
        return False


def writable(caches: Sequence[Path]) -> Path:
    """Return the first cache that can be written; the choice of the second is logged."""
    refused: list[str] = []
    for folder in caches:
        reason = _files.is_writable(folder)
        if reason is None:
            if refused:
                logger.warning("The cache %s; using %s", "; ".join(refused), folder)
            return folder
        refused.append(f"{folder} cannot be written ({reason})")
    raise LenszooError(f"{'; '.join(refused)}. Set LENSZOO_CACHE to a folder that you can write.")


def _assemble(
    wanted: _Wanted,
    sources: Sequence[Sequence[str]],
    target: Path,
    patience: Patience,
    progress: bool | None,
) -> None:
    """Write the file's parts one after the other and move the whole into place."""
    entry = wanted.entry
    with (
        _files.replacing(target) as (temporary, stream),
        _progress(entry, progress) as report,
    ):
        for number, (file, places) in enumerate(zip(entry.files, sources, strict=True)):
            try:
                faults = download(file, places, stream, patience, report)
            except NoSourceError as error:
                raise wanted.unobtainable(entry.files[number:], error.faults) from error
            if faults:
                logger.warning("Got %s, but not at once: %s", file.path, "; ".join(faults))
        stream.flush()
        fault = wanted.fault(temporary)
        if fault:
            raise LenszooError(
                f"The parts of {entry.name} are right but the whole is not ({fault}): "
                "the manifest contradicts itself."
            )


@contextlib.contextmanager
def _progress(entry: WeightsEntry, show: bool | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the bytes so far; it draws a bar on a terminal."""
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda position: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(entry.name, total=entry.bytes)
        yield lambda position: bar.update(task, completed=position)
