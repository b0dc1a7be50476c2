"""Plan of a search: the catalogue's rows sorted to tiles and cut into parts, on disk."""

import hashlib
import json
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.errors import LenszooError
from lenszoo.files import disk_error, write_bytes
from lenszoo.survey.footprints import SkyTree, Tile
from lenszoo.survey.positions import Positions
from lenszoo.survey.unique import UniqueIds

PART_ROWS = 8192
"""Most objects of a part: what is lost when a part is cut off."""

_BUFFER_ROWS = 1 << 18
_OUTSIDE = "outside all tiles"
_VERSION = 1  # of the plan's files
_FILE = "plan.json"
_LEFT_OUT = "left_out.parquet"


@dataclass(frozen=True)
class Part:
    """Objects of one tile that are scored at once.

    Attributes:
        key: a hash of the objects and of the tile's files; the part's answers are called like it.
        tile: place of the tile in the list of tiles.
        rows: objects.
    """

    key: str
    tile: int
    rows: int


@dataclass(frozen=True)
class Plan:
    """The parts of a search, and what was left out of them.

    Attributes:
        folder: holds the objects of each part.
        parts: in the order of the tiles.
        objects: rows of the catalogue.
        left_out: counts by reason.
    """

    folder: Path
    parts: tuple[Part, ...]
    objects: int
    left_out: dict[str, int]

    def read(self, part: Part) -> pa.Table:
        """Return the objects of a part: id, ra, dec, and a model's columns."""
        with pa.OSFile(str(part_file(self.folder, part.key))) as stream:
            return pa.ipc.open_file(stream).read_all()

    @property
    def left_out_file(self) -> Path:
        """The table of objects that were left out, without those outside all tiles."""
        return self.folder / _LEFT_OUT


def part_file(folder: Path, key: str) -> Path:
    """Return the file of the objects of a part."""
    return folder / f"{key}.arrow"


def make_plan(
    out: Path, positions: Positions, tiles: Sequence[Tile], part_rows: int = PART_ROWS
) -> Plan:
    """Return the plan of a search; it is made once and read when the search goes on.

    The catalogue is streamed: its rows are collected by tile in files. A plan is written to a
    folder of its own and renamed when it is whole, so that several processes may make it at once.

    Args:
        out: the folder of results.
        positions: the catalogue.
        tiles: all tiles; those with a fault get no parts.
        part_rows: most objects of a part.

    Raises:
        LenszooError: the catalogue cannot be read, an id occurs twice, all positions lie outside
            all tiles, or are in hours.
    """
    stamp = [(tile.fault, tile.stamp) for tile in tiles]
    facts = [_VERSION, positions.fingerprint(), sorted(positions.columns.items()), part_rows, stamp]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    folder = out / f"plan-{digest}"
    if not (folder / _FILE).exists():
        temporary = out / f".plan-{digest}-{secrets.token_hex(6)}"
        try:
            temporary.mkdir()
            _write(temporary, positions, tiles, part_rows)
            if not folder.exists():  # another process may have been faster
                temporary.rename(folder)
        except OSError as error:
            if not (folder / _FILE).exists():
                raise disk_error(folder, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    plan = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    parts = tuple(Part(**part) for part in plan["parts"])
    return Plan(folder, parts, plan["objects"], plan["left_out"])


def sweep_plans(out: Path, keep: Path) -> None:
    """Remove plans that were cut off, and plans for tiles as they were before."""
    for folder in (*out.glob(".plan-*"), *out.glob("plan-*")):
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, positions: Positions, tiles: Sequence[Tile], part_rows: int) -> None:
    """Write the objects of all parts and ``plan.json`` into a folder."""
    spool = _Spool(folder)
    left_out: Counter[str] = Counter()
    objects = 0
    sound = [i for i, tile in enumerate(tiles) if tile.fault is None]
    tree = SkyTree([tiles[i] for i in sound])
    broken = SkyTree([t for t in tiles if t.fault is not None and any(t.grids)])
    with UniqueIds(folder) as unique, _LeftOut(folder / _LEFT_OUT) as table:
        for batch in positions.batches():
            if not objects:
                _check_hours(positions, batch, tree)
            objects += len(batch)
            unique.add(batch.column("id"))
            reasons = _faults(batch)
            usable = np.flatnonzero(reasons == "")
            ra, dec = (batch.column(name).to_numpy()[usable] for name in ("ra", "dec"))
            at, _ = tree.assign(ra, dec)
            reasons[usable[at < 0]] = _OUTSIDE
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
    facts = {"objects": objects, "left_out": dict(left_out), "parts": [asdict(p) for p in parts]}
    write_bytes(folder / _FILE, json.dumps(facts).encode())


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
        seed = json.dumps([tile.stamp, tile.zero_points]).encode()
        table = None
        for rows in _streams(path):
            table = rows if table is None else pa.concat_tables([table, rows])
            while len(table) >= part_rows:
                yield self._part(number, table.slice(0, part_rows), seed)
                table = table.slice(part_rows)
        if table is not None and len(table):
            yield self._part(number, table, seed)
        path.unlink()

    def _part(self, number: int, table: pa.Table, seed: bytes) -> Part:
        table = table.combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as stream:
            stream.write_table(table)
        content = sink.getvalue()
        digest = hashlib.sha256(seed)
        for name in table.column_names:
            values: Any = table[name].to_numpy()
            text = (
                "\n".join(values).encode()
                if name == "id"
                else np.ascontiguousarray(values).tobytes()
            )
            digest.update(text)
        key = digest.hexdigest()[:20]
        part_file(self._folder, key).write_bytes(content)
        return Part(key, number, len(table))

    def _path(self, number: int) -> Path:
        return self._folder / f"tile-{number}.arrows"


def _streams(path: Path) -> Iterator[pa.Table]:
    """Yield the Arrow streams that follow one another in a file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            yield pa.ipc.open_stream(file).read_all()


class _LeftOut:
    """The table of objects that were left out, without those outside all tiles."""

    _SCHEMA = pa.schema(
        [("id", pa.string()), ("ra", pa.float64()), ("dec", pa.float64()), ("reason", pa.string())]
    )

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, self._SCHEMA)

    def __enter__(self) -> "_LeftOut":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def write(self, batch: pa.RecordBatch, reasons: np.ndarray) -> None:
        rows = np.flatnonzero((reasons != "") & (reasons != _OUTSIDE))
        if len(rows):
            chosen = batch.take(pa.array(rows))
            columns = [chosen.column(name) for name in ("id", "ra", "dec")]
            columns.append(pa.array(reasons[rows].tolist(), pa.string()))
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._SCHEMA))
