"""Cutouts that are made already, a stack in one file or a folder, as the pixels of a search."""

import functools
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from lenszoo.data.fits import split_hdu
from lenszoo.data.formats import is_image_file
from lenszoo.data.listing import as_index
from lenszoo.data.matching import match_by_pattern
from lenszoo.data.readers import ImagePath
from lenszoo.data.stacks import Stack, is_stack_file, is_store, open_stack, split_row, stack_file
from lenszoo.data.walk import walk_files
from lenszoo.errors import LenszooError, unreadable
from lenszoo.files import expanded, has_folder
from lenszoo.survey.footprints import Tile
from lenszoo.survey.positions import BATCH_ROWS, Positions, content_hash, native

BETWEEN = " + "
"""Stands between the files of the bands of one cutout, as in the tables of ``lenszoo predict``."""


@dataclass(frozen=True)
class ReadyCutouts:
    """A stack or a folder of cutouts.

    Attributes:
        path: the stack, as :func:`lenszoo.data.stacks.open_stack` takes it, or the folder.
        pattern: where in the folder a cutout lies; None where it is called like its object.
        bands: names of the bands that stand for ``{band}`` in the pattern.
        mark: sizes and times of the files, or a hash of them.
    """

    path: str
    pattern: str | None = None
    bands: tuple[str, ...] = ()
    mark: str = ""
    fault: None = None

    @property
    def label(self) -> str:
        """Its name in messages."""
        return self.path

    @property
    def is_stack(self) -> bool:
        """Whether it is one file, or a Zarr store, of many images."""
        return not has_folder(self.path) or is_store(self.path)

    @property
    def root(self) -> Path:
        """Folder that the names of cutouts start from."""
        return Path(stack_file(self.path)).parent if self.is_stack else Path(self.path)

    @property
    def stamp(self) -> list[Any]:
        """Path, sizes and times of all files."""
        return [self.path, self.pattern, list(self.bands), self.mark]

    def stack(self) -> Stack:
        """Open the stack; this process keeps the last one open.

        Raises:
            LenszooError: it cannot be read, holds one image, or changed since the search began.
        """
        mark = _mark_of_stack(self.path)
        if mark != self.mark:
            raise LenszooError(f"{self.path}: changed during the search; start again.")
        return _opened(self.path, mark)

    def names(self, rows: range) -> list[str]:
        """Return the names of the cutouts of a stack, such as ``"stack.h5[images][17]"``."""
        file = stack_file(self.path)
        start = Path(file).name + self.path[len(file) :]
        return [f"{start}[{row}]" for row in rows]

    def images(self, names: Sequence[str]) -> list[ImagePath]:
        """Return what :func:`lenszoo.data.read_image` reads of cutouts, by their names.

        Raises:
            LenszooError: as :meth:`stack`.
        """
        if self.is_stack:
            images = self.stack().images
            splits = [split_row(name) for name in names]
            return [images[split[1]] for split in splits if split is not None]
        files = (self.files(name) for name in names)
        return [each[0] if len(each) == 1 else each for each in files]

    def files(self, name: str) -> list[str]:
        """Return the files of a cutout of a folder."""
        parts = name.split(BETWEEN) if self.pattern and "{band}" in self.pattern else [name]
        return [str(self.root / part) for part in parts]

    def stamps(self, names: Sequence[str]) -> list[Any]:
        """Return sizes and times of the files of some cutouts; of a stack those of all."""
        if self.is_stack:
            return self.stamp
        return [_status(file) for name in names for file in self.files(name)]


PixelSource: TypeAlias = Tile | ReadyCutouts
"""Pixels of a search: a tile, or cutouts that are made already."""


def find_cutouts(
    path: str | os.PathLike[str], pattern: str | None, bands: Sequence[str]
) -> ReadyCutouts:
    """Find a stack or a folder of cutouts, before a catalogue says which they are.

    Raises:
        LenszooError: there is neither, a pattern for a stack, or one without ``{id}``.
    """
    text = str(expanded(path).resolve())
    if not has_folder(text) or is_store(text):
        if not is_stack_file(text):
            raise LenszooError(
                f"{path}: cutouts are a stack (.npy, .npz, .h5, .zarr) or a folder of images."
            )
        if pattern is not None:
            raise LenszooError(f"{path}: a stack has no pattern; leave it out.")
        return ReadyCutouts(text, mark=_mark_of_stack(text))
    names = tuple(bands) if pattern is not None and "{band}" in pattern else ()
    if pattern is not None:
        match_by_pattern(Path(text), (), pattern, names)  # refuses what is no pattern
    digest, count = hashlib.sha256(), 0
    for name in sorted(name for name in walk_files(Path(text)) if is_image_file(name)):
        count += 1
        digest.update(json.dumps([name, _status(str(Path(text) / name))]).encode())
    if not count:
        raise LenszooError(f"{path}: no images in this folder or below.")
    return ReadyCutouts(text, pattern, names, digest.hexdigest())


def open_positions(
    catalogue: str | os.PathLike[str] | None,
    cutouts: ReadyCutouts,
    columns: Mapping[str, str],
    extra: Sequence[str],
) -> Positions:
    """Return the catalogue of cutouts, where there is none what they say of themselves."""
    if catalogue is not None:
        return Positions(catalogue, columns, extra, optional_place=True)
    kind = StackTable if cutouts.is_stack else FolderTable
    return kind(cutouts.path, columns, extra, optional_place=True, cutouts=cutouts)


@dataclass(frozen=True)
class StackTable(Positions):
    """The arrays ``id``, ``ra`` and ``dec`` beside the images of a stack, and a model's columns.

    Without ids they are the numbers of the rows, from 0.
    """

    cutouts: ReadyCutouts = ReadyCutouts("")

    def _raw(self) -> Iterator[pa.RecordBatch]:
        stack = self.cutouts.stack()
        numbered = self._is_numbered(stack)
        names = self._names([*stack.columns, *["id"] * numbered])
        count = len(stack.images)
        columns = {key: stack.beside(name) for key, name in names.items()}
        if numbered:
            columns["id"] = np.arange(count)
        for start in range(0, count, BATCH_ROWS):
            rows = slice(start, start + BATCH_ROWS)
            arrays = [_as_arrow(values[rows]) for values in columns.values() if values is not None]
            yield pa.RecordBatch.from_arrays(arrays, list(columns))

    def _is_numbered(self, stack: Stack) -> bool:
        """Whether the ids are the numbers of the rows, which are the same of any stack."""
        return "id" not in self.columns and "id" not in map(str.casefold, stack.columns)

    def fingerprint(self) -> str:
        """Return a hash of the arrays; where ids are row numbers, of the images as well."""
        digest = hashlib.sha256()
        if self._is_numbered(self.cutouts.stack()):
            digest.update(_content(self.cutouts).encode())
        for batch in self.batches():
            for column in batch.columns:
                digest.update(json.dumps(column.to_pylist()).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class FolderTable(Positions):
    """The images of a folder: ids are their paths in it, or what a pattern says."""

    cutouts: ReadyCutouts = ReadyCutouts("")

    def _raw(self) -> Iterator[pa.RecordBatch]:
        names = list(self._names(["id"]))
        root, pattern = self.cutouts.root, self.cutouts.pattern
        if pattern is None:
            ids = as_index(root).ids
        else:
            ids = match_by_pattern(root, (), pattern, self.cutouts.bands).strangers
        for name in ids:
            if not name.isprintable() and "\\udc" in ascii(name):
                raise LenszooError(f"{root}: the name {name!r} is not Unicode; rename the file.")
        for start in range(0, len(ids), BATCH_ROWS):
            rows = pa.array(ids[start : start + BATCH_ROWS], pa.string())
            yield pa.RecordBatch.from_arrays([rows], names)

    def fingerprint(self) -> str:
        """Return a hash of the names."""
        digest = hashlib.sha256()
        for batch in self.batches():
            digest.update(json.dumps(batch.column("id").to_pylist()).encode())
        return digest.hexdigest()


def _content(cutouts: ReadyCutouts) -> str:
    """Return what tells the images of a stack from others, wherever it lies."""
    file = Path(stack_file(cutouts.path))
    if not file.is_dir():
        return content_hash(file)
    digest = hashlib.sha256()
    for each in sorted(part for part in file.rglob("*") if part.is_file()):
        digest.update(f"{each.relative_to(file).as_posix()}:{content_hash(each)}:".encode())
    return digest.hexdigest()


def _as_arrow(values: np.ndarray) -> pa.Array:
    kinds = {
        "S": lambda: values.astype("U"),
        "f": lambda: native(values),
        "i": lambda: native(values),
        "u": lambda: native(values),
    }
    plain = kinds.get(values.dtype.kind, lambda: values)()
    return pa.array(plain.tolist() if plain.dtype.kind in "UOT" else plain)


def _mark_of_stack(path: str) -> str:
    if is_store(path):
        from lenszoo.data.zarr_store import stamp_of_store

        return str(stamp_of_store(Path(stack_file(path))))
    return str(_status(stack_file(path)))


def _status(name: str) -> list[int]:
    """Return size and time of a file, whose HDU may stand in brackets."""
    try:
        status = Path(split_hdu(name)[0]).stat()
    except OSError as error:
        raise unreadable(name, error) from error
    return [status.st_size, status.st_mtime_ns]


@functools.lru_cache(maxsize=1)
def _opened(path: str, mark: str) -> Stack:
    stack = open_stack(path)
    if stack is None:
        raise LenszooError(
            f"{path}: no stack of images (n, H, W, bands); give one, or a folder of images."
        )
    return stack
