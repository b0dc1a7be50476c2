"""Files of a plan: the objects of each part, and the table of those that were left out."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

OUTSIDE = "outside all tiles"
"""Reason of objects that are counted and not listed."""

LEFT_OUT = "left_out.parquet"


@dataclass(frozen=True)
class Part:
    """Objects of one tile, or a run of cutouts, that are scored at once.

    Attributes:
        key: a hash of the objects and of the files of their pixels; the part's answers are called
            like it.
        tile: place of the tile in the list of tiles; 0 for cutouts.
        rows: objects.
    """

    key: str
    tile: int
    rows: int


def part_file(folder: Path, key: str) -> Path:
    """Return the file of the objects of a part."""
    return folder / f"{key}.arrow"


def write_objects(folder: Path, table: pa.Table, tile: int, seed: bytes) -> Part:
    """Write the objects of a part.

    Args:
        folder: of the plan.
        table: the objects.
        tile: place of their tile.
        seed: what tells the pixels from others.
    """
    table = table.combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as stream:
        stream.write_table(table)
    content = sink.getvalue()
    digest = hashlib.sha256(seed)
    for field in table.schema:
        values: Any = table[field.name].to_numpy()
        text = (
            "\n".join(values).encode(errors="surrogatepass")
            if pa.types.is_string(field.type)
            else np.ascontiguousarray(values).tobytes()
        )
        digest.update(text)
    key = digest.hexdigest()[:20]
    part_file(folder, key).write_bytes(content)
    return Part(key, tile, len(table))


class LeftOut:
    """The table of objects that were left out, without those outside all tiles."""

    _SCHEMA = pa.schema(
        [("id", pa.string()), ("ra", pa.float64()), ("dec", pa.float64()), ("reason", pa.string())]
    )

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, self._SCHEMA)

    def __enter__(self) -> "LeftOut":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def write(self, batch: pa.RecordBatch, reasons: np.ndarray) -> None:
        """List the rows that have a reason (n,), "" where there is none."""
        rows = np.flatnonzero((reasons != "") & (reasons != OUTSIDE))
        if len(rows):
            chosen = batch.take(pa.array(rows))
            columns = [chosen.column(name) for name in ("id", "ra", "dec")]
            columns.append(pa.array(reasons[rows].tolist(), pa.string()))
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._SCHEMA))
