"""Tables that list images: ids, paths, labels and groups of their rows."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.cutting import Cut
from lenszoo.data.memory_table import describe, is_table
from lenszoo.data.names import GROUP, find_label, name_classes
from lenszoo.data.part import ImagePart
from lenszoo.data.table import MISSING, check_ids, check_rows, folder_of, read_table
from lenszoo.errors import LenszooError
from lenszoo.files import at_home, expanded

IndexPath = Path | ImagePart | tuple[Path | ImagePart, ...]
"""One file or a part of it, or those that hold the bands of one image."""


class Listed(NamedTuple):
    """Rows of a table; see :class:`lenszoo.data.DatasetIndex` for the fields.

    Attributes:
        table: its name in messages.
        base: the folder that relative paths start from.
    """

    ids: tuple[str, ...]
    paths: tuple[IndexPath, ...]
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    table: str
    beside: Any
    groups: tuple[str, ...]
    base: Path


def read_listed(
    csv: str | os.PathLike[str] | Any,
    root: str | os.PathLike[str] | None,
    id_column: str | None,
    path_column: str | Sequence[str],
    label_column: str | None,
    group_column: str | None,
    classes: Sequence[str] | None,
    cut: Cut | None,
) -> Listed:
    """Read the rows; arguments and errors are those of ``DatasetIndex.from_csv``."""
    table = describe(csv) if is_table(csv) else at_home(csv)
    path_columns = [path_column] if isinstance(path_column, str) else list(path_column)
    read = read_table(csv)
    if group_column is None and label_column is not None and GROUP in read.columns:
        group_column = GROUP
    named = [("id", id_column), *(("path", column) for column in path_columns)]
    named += [("label", label_column), ("group", group_column)]
    for role, column in named:
        read.need([column] if column is not None else [], f"Name yours with {role}_column=.")
    columns = [column for _, column in named if column is not None]
    check_rows(read)
    cells = {column: read.filled(column) for column in columns}
    base = expanded(root) if root is not None else folder_of(csv)
    files = zip(*(cells[c] for c in path_columns), strict=True)
    bands = [tuple(base / file for file in row) for row in files]
    paths: tuple[IndexPath, ...] = tuple(b[0] if len(b) == 1 else b for b in bands)
    ids = tuple(cells[id_column if id_column is not None else path_columns[0]])
    if cut is not None:
        paths = cut.parts(read, bands)
        ids = ids if id_column is not None else tuple(map(str, range(len(read))))
    check_ids(ids, table)
    labels, names = None, tuple(classes or ())
    if label_column is not None:
        texts = cells[label_column]
        if classes is None:
            names = name_classes(set(texts), table)
        positions = {text: find_label(text, names, table) for text in set(texts)}
        labels = np.array([positions[t] for t in texts], np.int32)
    others = [column for column in read.columns if column not in columns]
    groups = () if group_column is None else tuple(cells[group_column])
    blank = next((row for row, text in enumerate(groups) if text in MISSING), None)
    if blank is not None:  # such as nan, which is no name of a group
        where = f"{read.where(blank)} has no value in column {group_column!r}"
        raise LenszooError(f"{table}: {where}; name each object's own group.")
    return Listed(ids, paths, labels, names, table, read.typed(others), groups, base)
