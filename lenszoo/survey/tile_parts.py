"""Parts of a search on tiles: the rows of the catalogue, streamed and sorted to tiles."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lenszoo.errors import LenszooError
from lenszoo.survey.footprints import SkyTree, Tile
from lenszoo.survey.part_files import LEFT_OUT, OUTSIDE, LeftOut, Part, write_objects
from lenszoo.survey.positions import Positions
from lenszoo.survey.unique import UniqueIds

_BUFFER_ROWS = 1 << 18


def write_tile_parts(
    folder: Path, positions: Positions, tiles: Sequence[Tile], part_rows: int
) -> dict[str, Any]:
    """Write the objects of all parts into a folder; return the facts of the plan.

    The catalogue is streamed: its rows are collected by tile in files.

    Raises:
        LenszooError: the catalogue cannot be read, has no rows, an id twice, or positions in hours.
    """
    spool = _Spool(folder)
    left_out: Counter[str] = Counter()
    objects = 0
    sound = [i for i, tile in enumerate(tiles) if tile.fault is None]
    tree = SkyTree([tiles[i] for i in sound])
    broken = SkyTree([t for t in tiles if t.fault is not None and any(t.grids)])
    with UniqueIds(folder) as unique, LeftOut(folder / LEFT_OUT) as table:
        for batch in positions.batches():
            if not objects:
                _check_hours(positions, batch, tree)
            objects += len(batch)
            unique.add(batch.column("id"))
            reasons = _faults(batch)
            usable = np.flatnonzero(reasons == "")
            ra, dec = (batch.column(name).to_numpy()[usable] for name in ("ra", "dec"))
            at, _ = tree.assign(ra, dec)
            reasons[usable[at < 0]] = OUTSIDE
            lost = np.flatnonzero(at < 0)
            near, _ = broken.assign(ra[lost], dec[lost])
            for row, tile in zip(lost[near >= 0], near[near >= 0], strict=True):
                reasons[usable[row]] = f"in no sound tile: {broken.tiles[tile].fault}"
            left_out.update(r for r in reasons.tolist() if r)
            table.write(batch, reasons)
            rows = usable[at >= 0]
            spool.add(batch.take(pa.array(rows)), np.array(sound)[at[at >= 0]])
        unique.check(positions)
    if not objects:
        raise LenszooError(f"{positions.path}: the table has no rows.")
    parts = [part for i in sound for part in spool.cut(i, tiles[i], part_rows)]
    return {"objects": objects, "left_out": dict(left_out), "parts": [asdict(p) for p in parts]}


def _faults(batch: pa.RecordBatch) -> np.ndarray:
    """Return (n,) reasons why rows cannot be searched; "" where they can."""
    ra, dec = (batch.column(name).to_numpy() for name in ("ra", "dec"))
    ids = np.asarray(batch.column("id").to_numpy(zero_copy_only=False), object)
    reasons = np.full(len(batch), "", object)
    reasons[ids == ""] = "no id"
    with np.errstate(invalid="ignore"):
        reasons[(ra < 0) | (ra > 360)] = "ra is not within 0 and 360 degrees"
        reasons[(dec < -90) | (dec > 90)] = "dec is not within -90 and 90 degrees"
    reasons[~(np.isfinite(ra) & np.isfinite(dec))] = "ra or dec is missing"
    return reasons


def _check_hours(positions: Positions, batch: pa.RecordBatch, tree: SkyTree) -> None:
    """Refuse positions that lie in tiles only when their right ascensions are hours."""
    usable = _faults(batch) == ""
    ra, dec = (batch.column(name).to_numpy()[usable] for name in ("ra", "dec"))
    if not len(ra) or ra.max() > 24 or (tree.assign(ra, dec)[0] >= 0).any():
        return
    inside = int((tree.assign(ra * 15, dec)[0] >= 0).sum())
    if inside:
        raise LenszooError(
            f"{positions.path}: ra seems to be in hours: no position lies in a tile, but "
            f"{inside:,} of {len(ra):,} do when ra is multiplied by 15; give degrees."
        )


class _Spool:
    """Rows of each tile, collected in a file a tile and then cut into parts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buffer: dict[int, list[pa.RecordBatch]] = {}
        self._rows = 0

    def add(self, batch: pa.RecordBatch, tiles: np.ndarray) -> None:
        if not len(tiles):
            return
        order = np.argsort(tiles, kind="stable")
        numbers, starts = np.unique(tiles[order], return_index=True)
        ends = np.append(starts[1:], len(order))
        for number, start, end in zip(numbers.tolist(), starts, ends, strict=True):
            rows = batch.take(pa.array(order[start:end]))
            self._buffer.setdefault(number, []).append(rows)
        self._rows += len(batch)
        if self._rows >= _BUFFER_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Append to each tile's file one Arrow stream; streams may follow one another."""
        for number, batches in self._buffer.items():
            with (
                self._path(number).open("ab") as file,
                pa.ipc.new_stream(file, batches[0].schema) as stream,
            ):
                for batch in batches:
                    stream.write_batch(batch)
        self._buffer.clear()
        self._rows = 0

    def cut(self, number: int, tile: Tile, part_rows: int) -> Iterator[Part]:
        """Write the rows of a tile part by part; its file goes away."""
        self._flush()
        path = self._path(number)
        if not path.exists():
            return
        seed = json.dumps(tile.stamp).encode()
        table = None
        for rows in _streams(path):
            table = rows if table is None else pa.concat_tables([table, rows])
            while len(table) >= part_rows:
                yield write_objects(self._folder, table.slice(0, part_rows), number, seed)
                table = table.slice(part_rows)
        if table is not None and len(table):
            yield write_objects(self._folder, table, number, seed)
        path.unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"tile-{number}.arrows"


def _streams(path: Path) -> Iterator[pa.Table]:
    """Yield the Arrow streams that follow one another in a file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            yield pa.ipc.open_stream(file).read_all()
