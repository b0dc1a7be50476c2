"""Tables in files: Parquet or CSV, written whole or not at all, with their provenance."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lenszoo.errors import LenszooError
from lenszoo.files import is_writable, replacing

KEY = b"lenszoo"
TABLES = (".parquet", ".csv")
_CSV_FACTS = ("weights", "weights_sha256", "recipe", "seed", "lenszoo", "backend")


def check_target(path: str | os.PathLike[str], endings: tuple[str, ...] = TABLES) -> Path:
    """Return the path of a file to be written; raise now what would be lost work later.

    Raises:
        LenszooError: the ending is none of ``endings``, or the folder cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in endings:
        raise LenszooError(f"{target}: the name must end in {' or '.join(endings)}.")
    if target.is_dir():
        raise LenszooError(f"{target}: is a folder; give the name of a file.")
    reason = is_writable(target.parent)
    if reason is not None:
        raise LenszooError(f"{target}: cannot be written ({reason}); choose another folder.")
    return target


def write_table(table: pa.Table, path: str | os.PathLike[str]) -> Path:
    """Write a table of :func:`lenszoo.predict` as ``.parquet`` or ``.csv``.

    Parquet keeps the provenance in the schema's metadata, where :func:`provenance_of` finds it. A
    CSV has no such place: ``weights``, ``weights_sha256``, ``recipe``, ``seed``, ``lenszoo`` and
    ``backend`` are columns of their own there, the same in every row, which any reader takes and
    which survive when tables are put together. Missing values are empty.

    Raises:
        LenszooError: another ending, a column that CSV cannot hold, or a file that cannot be
            written.
    """
    target = check_target(path)
    if target.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        with replacing(target) as (_, stream):
            pq.write_table(table, stream)
        return target
    import pyarrow.csv as pc

    facts = provenance_of(table)
    for name in _CSV_FACTS:
        value = facts.get(name)
        parts = value if isinstance(value, list) else [value]  # one a member of an ensemble
        text = None if parts == [None] else " + ".join(map(str, parts))
        column = [text] * len(table)
        table = table.append_column(name, pa.array(column, pa.string()))
    content = io.BytesIO()
    try:
        pc.write_csv(table, content)
    except pa.ArrowInvalid as error:
        raise LenszooError(f"{target}: CSV cannot hold this table; write .parquet.") from error
    with replacing(target) as (_, stream):
        stream.write(content.getbuffer())
    return target


def write_features(features: np.ndarray, path: str | os.PathLike[str]) -> Path:
    """Write an array as ``.npy``, whole or not at all.

    Raises:
        LenszooError: another ending, or a file that cannot be written.
    """
    target = check_target(path, (".npy",))
    content = io.BytesIO()
    np.save(content, features, allow_pickle=False)
    with replacing(target) as (_, stream):
        stream.write(content.getbuffer())
    return target


def provenance_of(source: pa.Table | str | os.PathLike[str]) -> dict[str, Any]:
    """Return the provenance of a table of :func:`lenszoo.predict`, or of its Parquet file.

    Raises:
        LenszooError: a file that is no Parquet file.
    """
    if isinstance(source, pa.Table):
        metadata = source.schema.metadata
    else:
        import pyarrow.parquet as pq

        try:
            metadata = pq.read_schema(Path(source)).metadata
        except (OSError, pa.ArrowException) as error:
            raise LenszooError(f"{source}: no readable Parquet file ({error}).") from error
    return json.loads((metadata or {}).get(KEY, b"{}"))
