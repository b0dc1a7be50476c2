"""Zarr stores of strangers (versions 2 and 3): checked before zarr-python reads them."""

import json
import logging
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lenszoo.data.chunked import Arrays, by_chunks
from lenszoo.errors import LenszooError, one_line

log = logging.getLogger("lenszoo")

_METADATA = (".zarray", "zarr.json")
_MAX_METADATA = 2**20  # bytes
_MAX_ARRAYS, _MAX_DEPTH = 1000, 50
_MAX_RATIO, _SLACK = 100, 2**20  # as of HDF5: bytes of an array for each that is stored
_CODECS = {
    *("bytes", "endian", "transpose", "sharding_indexed", "vlen-utf8"),
    *("blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma"),
    *("shuffle", "delta", "bitround", "fixedscaleoffset", "quantize"),
    *("crc32", "crc32c", "adler32", "fletcher32"),
}
"""Codecs that compute; others, such as pickle, may run what the store holds."""


@dataclass
class _Node:
    """One array: its metadata, and the number and bytes of its files of chunks."""

    facts: dict[str, Any]
    files: int = 0
    size: int = 0


def open_zarr(path: Path) -> Arrays:
    """Open the arrays of a store; needs the extra ``lenszoo[zarr]``.

    Arrays that lack chunks are warned of: these read as the fill value, which is right where a
    writer left out blank ones and wrong where a copy was cut short.

    Raises:
        LenszooError: zarr is not installed; the folder is no Zarr store or a damaged one; it holds
            links, pipes or devices, an array that claims far more than is stored, or one by a codec
            that is not known.
    """
    try:
        import zarr
    except ImportError as error:
        raise LenszooError(
            f"{path}: Zarr needs the package zarr: pip install 'lenszoo[zarr]'; or save the array "
            "with numpy.save or as HDF5."
        ) from error
    nodes = _look_through(path)
    if not nodes:
        raise LenszooError(f"{path}: no Zarr store, or one without arrays.")
    try:
        shapes = {name: tuple(map(int, node.facts["shape"])) for name, node in nodes.items()}
        for name, node in nodes.items():
            _check_codecs(f"{path}: {name}", node.facts)
            _check_size(f"{path}: {name}", node)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LenszooError(f"{path}: its metadata are damaged ({one_line(error)}).") from error

    def open_array(name: str) -> Any:
        try:
            array = zarr.open_array(str(path), path=name, mode="r")
            _tell_missing(f"{path}: {name}".rstrip(": "), nodes[name], array)
            return by_chunks(array, None)
        except Exception as error:  # zarr raises nearly anything for damaged metadata
            raise LenszooError(f"{path}: {name} cannot be read ({one_line(error)}).") from error

    return Arrays(shapes, open_array)


def stamp_of_store(path: Path) -> list[Any]:
    """Return the number and the bytes of all files of a store, and when the last one changed."""
    count, size, changed = 0, 0, 0
    for entry in _entries(path):
        status = entry.stat()
        count, size = count + 1, size + status.st_size
        changed = max(changed, status.st_mtime_ns)
    return [count, size, changed]


def _look_through(path: Path) -> dict[str, _Node]:
    """Return the arrays of a store by name, each file of which was looked at."""
    nodes: dict[str, _Node] = {}
    for entry in _entries(path):
        if entry.name in _METADATA and (facts := _metadata(entry)) is not None:
            nodes[_name(path, entry)] = _Node(facts)
    if len(nodes) > _MAX_ARRAYS:
        raise LenszooError(f"{path}: more than {_MAX_ARRAYS:,} arrays: refused.")
    for entry in _entries(path):
        if entry.name.startswith(".z") or entry.name == "zarr.json":
            continue
        name = _name(path, entry)
        while name and name not in nodes:
            name = name.rpartition("/")[0]
        if name in nodes:
            nodes[name].files += 1
            nodes[name].size += entry.stat().st_size
    return nodes


def _entries(path: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all files of a store.

    Raises:
        LenszooError: one of them is a link, a pipe or a device.
    """
    folders = [str(path)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.is_symlink() or folder.count(os.sep) > _MAX_DEPTH + len(path.parts):
                        raise LenszooError(f"{entry.path}: a link, or too deep: refused.")
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry
                    else:
                        raise LenszooError(f"{entry.path}: a pipe or a device: refused.")
        except OSError as error:
            raise LenszooError(f"{folder}: cannot be read ({one_line(error)}).") from error


def _name(path: Path, entry: os.DirEntry[str]) -> str:
    return Path(entry.path).parent.relative_to(path).as_posix().removeprefix(".")


def _metadata(entry: os.DirEntry[str]) -> dict[str, Any] | None:
    """Return what a file says of an array; None of a group."""
    if entry.stat().st_size > _MAX_METADATA:
        raise LenszooError(f"{entry.path}: more than {_MAX_METADATA:,} bytes: refused.")
    try:
        facts = json.loads(Path(entry.path).read_bytes())
        is_array = entry.name == ".zarray" or facts["node_type"] == "array"
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LenszooError(f"{entry.path}: damaged ({one_line(error)}); copy it again.") from error
    return facts if is_array else None


def _check_codecs(where: str, facts: dict[str, Any]) -> None:
    """Refuse codecs that are not known, also inside of shards."""
    open_codecs = [*(facts.get("codecs") or ()), *(facts.get("filters") or ())]
    open_codecs += [facts["compressor"]] if facts.get("compressor") else []
    while open_codecs:
        codec = open_codecs.pop()
        name = codec if isinstance(codec, str) else codec.get("id") or codec["name"]
        if name.removeprefix("numcodecs.") not in _CODECS:
            raise LenszooError(f"{where} is stored by codec {name!r}, which is not read: refused.")
        inner = {} if isinstance(codec, str) else codec.get("configuration") or {}
        open_codecs += [*inner.get("codecs", ()), *inner.get("index_codecs", ())]
    if facts.get("storage_transformers"):
        raise LenszooError(f"{where} has storage transformers, which are not read: refused.")


def _check_size(where: str, node: _Node) -> None:
    """Refuse chunks that would unpack to far more than the array stores."""
    chunks = _chunk_shape(node.facts)
    claimed = 8 * math.prod(chunks) * min(node.files, _count(node.facts))
    if min(chunks) < 1 or claimed > 2 * _MAX_RATIO * node.size + 8 * _SLACK:
        raise LenszooError(f"{where} claims {claimed:,} bytes and stores {node.size:,}: refused.")


def _chunk_shape(facts: dict[str, Any]) -> list[int]:
    chunks = facts.get("chunks") or facts["chunk_grid"]["configuration"]["chunk_shape"]
    return [int(size) for size in chunks] or [1]


def _count(facts: dict[str, Any]) -> int:
    """Return the number of chunks, or of shards, of an array."""
    shape = [int(size) for size in facts["shape"]] or [1]
    return math.prod(-(-n // c) for n, c in zip(shape, _chunk_shape(facts), strict=True))


def _tell_missing(where: str, node: _Node, array: Any) -> None:
    expected = _count(node.facts)
    if node.files < expected:
        log.warning(
            "%s: %s of %s chunks are not there and read as %s: right where they are blank, wrong "
            "where the copy was cut short.",
            where, f"{expected - node.files:,}", f"{expected:,}", array.fill_value,
        )  # fmt: skip
