"""A name of weights in, the path of a verified local file out.

Sources, in order: the cache, the wheel's own ``lenszoo/_data/weights``, a checkout's ``weights/``
(and a ``weights`` folder beside a manifest of one's own), installed packages of weights, then the
mirrors: ``LENSZOO_WEIGHTS_URL`` and the manifest's list. Every copy is checked by size and sha256
each time it is asked for.

Environment:
    LENSZOO_CACHE: the cache folder, instead of the user's own. It may be shared and read-only: what
        it lacks then goes to the user's own cache.
    LENSZOO_WEIGHTS_URL: mirrors asked first, separated by commas or spaces: addresses of a server,
        folders that hold the published files, or public repositories of the Hugging Face hub,
        ``hf://owner/name`` or ``hf://owner/name@revision``.
    LENSZOO_OFFLINE: ``1`` asks no server; folders are still read.
"""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lenszoo import files as _files
from lenszoo.errors import LenszooError
from lenszoo.pretrained.download import (
    Fault,
    Patience,
    Sink,
    copy,
    download,
    is_remote,
    join,
    shown,
)
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
from lenszoo.pretrained.packages import package_folders, package_of

logger = logging.getLogger("lenszoo")

_MAX_PUBLISHED = 4 << 30
"""The most bytes of a file whose size nobody published."""


def cache_folders() -> list[Path]:
    """Return the folders of cached weights: ``LENSZOO_CACHE`` when set, then the user's own."""
    import pooch

    chosen = os.environ.get("LENSZOO_CACHE", "").strip()
    roots = [_files.expanded(chosen).absolute()] if chosen else []
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
class _Places:
    """All places where an entry's files may be."""

    entry: WeightsEntry
    manifest: Manifest
    caches: list[Path]
    folders: list[Path]

    @property
    def cached_name(self) -> str:
        """The file's name in a cache.

        It holds the hash, so that versions of lenszoo that share a cache never overwrite each
        other's weights.
        """
        return f"{self.entry.name}-{self.entry.sha256[:8]}{SUFFIX}"

    def whole_copies(self) -> Iterator[Path]:
        """Yield every existing path that should hold the whole file, right or damaged, in order."""
        files = self.entry.files
        published = files[0].path if len(files) == 1 else self.entry.file_name
        for folder in self.caches:
            if _files.has_file(folder / self.cached_name):
                yield folder / self.cached_name
        yield from self._copies(published)

    def parts_at_hand(self, file: WeightsFile) -> list[Path]:
        """Every existing local copy of one published file."""
        return list(self._copies(file.path))

    def _copies(self, published: str) -> Iterator[Path]:
        """Yield the existing copies of a published file; packages are looked for last of all."""
        for folder in dict.fromkeys((*self.caches, *self.folders)):
            if _files.has_file(folder / published):
                yield folder / published
        for folder in package_folders():
            if _files.has_file(folder / published):
                yield folder / published

    def mirrors(self, file: WeightsFile) -> list[str]:
        """Addresses of one published file on the mirrors, in order; no server when offline."""
        addresses = [
            *(join(base, file.path) for base in own_mirrors()),
            *file.urls,
            *(join(base, file.path) for base in self.manifest.base_url),
        ]
        offline = is_offline()
        return [address for address in addresses if not (offline and is_remote(address))]

    def fault(self, path: Path) -> str | None:
        """Say how a copy of the whole file is damaged; None when it is right."""
        return _files.fault_of(path, self.entry.bytes, self.entry.sha256)

    def look(self) -> tuple[Path | None, list[str]]:
        """Return the first right copy, and the faults of those before it."""
        damaged: list[str] = []
        for path in self.whole_copies():
            fault = self.fault(path)
            if fault is None:
                return path, damaged
            damaged.append(f"{path} is damaged ({fault})")
        return None, damaged

    def unobtainable(self, missing: Sequence[WeightsFile], tried: Sequence[str]) -> LenszooError:
        """Build the error that names the file that is needed, and where to put it."""
        reasons = list(tried)
        if is_offline():
            reasons.append("LENSZOO_OFFLINE is set, so no server was asked")
        elif not any(self.mirrors(file) for file in missing):
            reasons.append("no mirror is known")
        listed = ", ".join(f"{f.path} ({f.bytes:,} bytes, sha256 {f.sha256})" for f in missing)
        return LenszooError(
            f"Cannot get the weights {self.entry.name}: {'; '.join(reasons)}. "
            f"Needed: {listed}. Put it into {self.caches[0]}, set LENSZOO_WEIGHTS_URL to a server "
            f"or folder that has it, or install the package {package_of(self.entry.name)}."
        )


def _places(name: str) -> _Places:
    where = manifest_path()
    manifest = load_manifest(where)
    root = checkout_root()
    folders = [packaged_data(), *([root] if root else []), where.absolute().parent]
    unique = list(dict.fromkeys(folder / "weights" for folder in folders))
    return _Places(get_entry(name, manifest=manifest), manifest, cache_folders(), unique)


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

    Example:
        >>> from lenszoo import fetch_weights
        >>> fetch_weights("srcnn.sr_75_150_sim").name
        'srcnn.sr_75_150_sim.weights.h5'
    """
    places = _places(name)
    path, damaged = places.look()
    if path:
        return path
    for note in damaged:
        logger.warning("%s; getting %s again", note, name)
    files = places.entry.files
    sources = [[*map(str, places.parts_at_hand(f)), *places.mirrors(f)] for f in files]
    missing = [file for file, addresses in zip(files, sources, strict=True) if not addresses]
    if missing:
        raise places.unobtainable(missing, damaged)
    folder = writable(places.caches, places.cached_name)
    target = folder / places.cached_name
    with _files.wait_for(target, lock_timeout):
        # Another process may have finished it while this one waited.
        if not (_files.has_file(target) and places.fault(target) is None):
            _files.sweep(folder)
            _assemble(places, sources, target, Patience(tries, backoff, timeout), progress)
    return target


def local_path(name: str) -> Path | None:
    """Return the path of a verified copy that is here already; None when there is none.

    Never downloads and never writes, so weights that lie here only in parts count as absent.

    Raises:
        LenszooError: for an unknown name or a bad manifest.
    """
    return _places(name).look()[0]


def state(name: str) -> str:
    """Tell whether weights lie on this machine, by the sizes of their files, without hashing them.

    Returns:
        ``"here"``; ``"here, in parts"``, which are joined in the cache when first used; or
        ``"not here"``.

    Raises:
        LenszooError: for an unknown name or a bad manifest.
    """
    places = _places(name)

    def whole(paths: Iterable[Path], size: int) -> bool:
        return any(path.stat().st_size == size for path in paths)

    if whole(places.whole_copies(), places.entry.bytes):
        return "here"
    parts = all(whole(places.parts_at_hand(file), file.bytes) for file in places.entry.files)
    return "here, in parts" if parts else "not here"


def verify(name: str) -> list[str]:
    """Hash every local copy of the named weights and return the faults; empty when all is well.

    Having no copy at all is reported too.

    Raises:
        LenszooError: for an unknown name or a bad manifest.
    """
    places = _places(name)
    copies = [(path, places.fault(path)) for path in places.whole_copies()]
    complete = bool(copies)
    if len(files := places.entry.files) > 1:
        parts = {file: places.parts_at_hand(file) for file in files}
        complete = complete or all(parts.values())
        for file, paths in parts.items():
            copies += [(path, _files.fault_of(path, file.bytes, file.sha256)) for path in paths]
    faults = [f"{path}: {fault}" for path, fault in copies if fault is not None]
    return faults if complete else [*faults, f"{name}: not here; fetch it first"]


def fetch_published(
    sources: Mapping[str, str], check: Callable[[Path], object], *, timeout: float = 30.0
) -> Path:
    """Return a local copy of a file whose hash nobody published, downloading it once.

    Args:
        sources: the file's names in the cache (``published`` beside the cache of weights) and their
            addresses, best first. The next one is asked for where a server lacks the one before.
        check: reads the file and raises LenszooError unless it is whole; run before the file
            appears under its name, and on one that is there: a damaged one is replaced.
        timeout: seconds without a byte after which the server counts as hanging.

    Raises:
        LenszooError: when it cannot be had; says where to put it by hand.
    """
    folders = [folder.with_name("published") for folder in cache_folders()]
    for path in (folder / name for name in sources for folder in folders):
        if _files.has_file(path) and _passes(path, check):
            return path
    name, url = next(iter(sources.items()))
    remedy = (
        f"Get {shown(url)} where there is a network, and give weights=PATH or put it at "
        f"{folders[0] / name}."
    )
    if is_offline():
        raise LenszooError(f"LENSZOO_OFFLINE is set. {remedy}")
    absent = []
    for other, address in sources.items():
        target = writable(folders, other) / other
        try:
            with _files.wait_for(target, 900.0):
                if _files.has_file(target) and _passes(target, check):
                    return target
                _files.sweep(target.parent)
                logger.info("Getting %s", shown(address))
                with _files.replacing(target) as (temporary, stream):
                    sink = Sink(stream, target, _MAX_PUBLISHED)
                    copy(address, sink, timeout)
                    check(temporary)
                logger.info("%s has sha256 %s", target, sink.hash.hexdigest())
                return target
        except Fault as fault:
            absent.append(f"{shown(address)}: {fault}")
            if not fault.absent:
                raise LenszooError(f"{absent[-1]}. {remedy}") from fault
    raise LenszooError(f"{'; '.join(absent)}. {remedy}")


def _passes(path: Path, check: Callable[[Path], object]) -> bool:
    """Whether a cached copy is sound; a damaged one is logged."""
    try:
        check(path)
    except LenszooError as error:
        logger.warning("%s; getting it again", error)
        return False
    return True


def own_mirrors() -> list[str]:
    """Return the mirrors of ``LENSZOO_WEIGHTS_URL``."""
    value = os.environ.get("LENSZOO_WEIGHTS_URL", "").strip()
    # A folder may have a space in its name.
    if value and "://" not in value and _files.has_folder(_files.expanded(value)):
        return [value]
    # A password may have a comma or a space in it.
    mark = r"[,\s]+(?=[A-Za-z][\w+.-]*://|[/~.])" if "@" in value else r"[,\s]+"
    return [part for part in re.split(mark, value) if part]


def writable(caches: Sequence[Path], name: str) -> Path:
    """Return the first cache where a file can be written; the choice of the second is logged."""
    refused: list[str] = []
    for folder in caches:
        reason = _files.is_writable(folder)
        if reason is None and not _files.is_replaceable(folder / name):
            reason = f"another user's {name} is in the way"
        if reason is None:
            if refused:
                logger.warning("The cache %s; using %s", "; ".join(refused), folder)
            return folder
        refused.append(f"{folder} cannot be written ({reason})")
    raise LenszooError(f"{'; '.join(refused)}. Set LENSZOO_CACHE to a folder that you can write.")


def _assemble(
    places: _Places,
    sources: Sequence[Sequence[str]],
    target: Path,
    patience: Patience,
    progress: bool | None,
) -> None:
    """Write the file's parts one after the other and move the whole into place."""
    entry = places.entry
    with (
        _files.replacing(target) as (temporary, stream),
        _progress(entry, progress) as report,
    ):
        for number, (file, addresses) in enumerate(zip(entry.files, sources, strict=True)):
            try:
                faults = download(file, addresses, stream, target, patience, report)
            except Fault as fault:
                raise places.unobtainable(entry.files[number:], [str(fault)]) from fault
            if faults:
                logger.warning("Got %s, but not at once: %s", file.path, faults)
        stream.flush()
        if damage := places.fault(temporary):
            raise LenszooError(
                f"The parts of {entry.name} are right but the whole is not ({damage}): "
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
