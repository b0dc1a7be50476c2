"""Images without labels: a file, several, a folder with all below it, or a table of paths."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from lenszoo.data.cutting import Cut
from lenszoo.data.formats import IMAGE_SUFFIXES, is_image_file
from lenszoo.data.index import DatasetIndex
from lenszoo.data.memory_table import is_table
from lenszoo.data.names import natural_key
from lenszoo.data.stacks import is_stack_file, is_store, open_stack
from lenszoo.data.table import TABLE_SUFFIXES, column_names, is_table_file
from lenszoo.data.walk import walk_files
from lenszoo.errors import LenszooError
from lenszoo.files import at_home, expanded, has_folder

Inputs: TypeAlias = (
    str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | DatasetIndex | np.ndarray | Any
)
"""Files, a folder, a table of paths (a file, or of pandas, astropy or pyarrow), or an array."""


def as_index(
    inputs: Inputs, *, id_column: str | None = None, path_column: str = "path"
) -> DatasetIndex:
    """List the images of a file, several files, a folder or a table, without labels.

    Args:
        inputs: an image file; a stack of many, see :mod:`lenszoo.data.stacks`; a list of files; a
            folder, searched with all folders below it, in
            natural order (ids are paths relative to it; hidden ones and those that begin with two
            underscores are passed over); a table as :func:`lenszoo.data.table.read_table` reads
            it, a file or in memory; or an index.
        id_column: the table's column of unique ids; by default ``id`` where there is one, else
            the paths are the ids.
        path_column: the table's column of paths, relative to the table's folder, of one
            in memory to the current folder.

    An :class:`ImageTable` names its columns itself, and may cut its images out of large ones.

    Raises:
        LenszooError: nothing there, or a table without the column or with missing files.
    """
    if isinstance(inputs, DatasetIndex):
        return inputs
    if isinstance(inputs, ImageTable):
        return replace(inputs, label_column=None).index()
    if is_table(inputs):
        return _from_table(inputs, id_column, path_column)
    if isinstance(inputs, np.ndarray):
        raise LenszooError("An array holds images, not the names of files.")
    if not isinstance(inputs, str | os.PathLike):
        if not isinstance(inputs, Sequence) or not all(
            isinstance(each, str | os.PathLike) for each in inputs
        ):
            raise LenszooError(
                "Images are given as an array (n, H, W, bands), a file, a list of files, a folder, "
                f"a table or a DatasetIndex, not as {_kind(inputs)}."
            )
        if len(inputs) != 1:
            return _from_files(inputs)
        inputs = inputs[0]
    path = expanded(inputs)
    if has_folder(path) and not is_store(path):
        return _from_folder(path)
    if is_stack_file(path) and open_stack(os.fspath(path)) is not None:
        return DatasetIndex.from_stack(path, labelled=False)
    if not is_table_file(path):
        return _from_files([path])
    return _from_table(path, id_column, path_column)


@dataclass(frozen=True)
class ImageTable:
    """A table of images in files with their labels.

    Attributes:
        table: a file or a table in memory, as :func:`lenszoo.data.table.read_table` takes it.
        id_column: its column of unique ids; by default ``id`` where there is one, else the paths.
        path_column: its column of paths, relative to the table's folder.
        label_column: its column of class names, or of positions among the model's classes.
        cut: cut squares out of the files, at positions in the table.
    """

    table: Any
    id_column: str | None = None
    path_column: str = "path"
    label_column: str | None = "label"
    cut: Cut | None = None

    def index(self, classes: Sequence[str] | None = None) -> DatasetIndex:
        """List the images; see :meth:`lenszoo.data.DatasetIndex.from_csv` for ``classes``."""
        id_column = self.id_column
        if id_column is None and "id" in column_names(self.table):
            id_column = "id"
        return DatasetIndex.from_csv(
            self.table,
            id_column=id_column,
            path_column=self.path_column,
            label_column=self.label_column,
            classes=classes,
            cut=self.cut,
        )


def _from_table(table: Any, id_column: str | None, path_column: str) -> DatasetIndex:
    return ImageTable(table, id_column, path_column, None).index()


def _kind(inputs: object) -> str:
    if isinstance(inputs, Sequence) and inputs:
        return f"a {type(inputs).__name__} with a {type(inputs[0]).__name__} in it"
    return type(inputs).__name__


def _from_files(files: Sequence[str | os.PathLike[str]]) -> DatasetIndex:
    for file in files:
        if has_folder(at_home(file)) or str(file).lower().endswith(TABLE_SUFFIXES):
            raise LenszooError(f"{file}: give one folder, one table, or image files.")
    return DatasetIndex.from_files(files)


def _from_folder(root: Path) -> DatasetIndex:
    files = ((name, name.rpartition("/")[2]) for name in walk_files(root))
    names = [name for name, file in files if is_image_file(file) and not file.startswith("__")]
    if not names:
        raise LenszooError(
            f"{root}: no images in this folder or below; read are {', '.join(IMAGE_SUFFIXES)}."
        )
    names.sort(key=lambda name: [natural_key(part) for part in name.split("/")])
    return DatasetIndex(tuple(names), tuple(root / name for name in names), source=str(root))
