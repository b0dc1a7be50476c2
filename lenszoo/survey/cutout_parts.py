"""Parts of a search on cutouts that are made already: runs of rows of their catalogue."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from lenszoo.data.matching import Matched, match_by_name, match_by_pattern
from lenszoo.errors import LenszooError, counted
from lenszoo.survey.part_files import LEFT_OUT, LeftOut, Part, write_objects
from lenszoo.survey.positions import Positions, as_ids
from lenszoo.survey.ready_cutouts import BETWEEN, FolderTable, ReadyCutouts, StackTable
from lenszoo.survey.unique import UniqueIds

PATH = "path"
"""Column of the names of cutouts."""


class _Matches(NamedTuple):
    """Names of the cutouts of all rows, "" where there is none; and warnings."""

    names: list[str]
    notes: list[str]


def write_cutout_parts(
    folder: Path, positions: Positions, cutouts: ReadyCutouts, part_rows: int
) -> dict[str, Any]:
    """Write the objects of all parts into a folder; return the facts of the plan.

    The rows of a catalogue are the images of a stack in their order, of which there must be as
    many; where the stack holds ids too they must be the same. In a folder the image of an object is
    called like its id, or lies where the pattern says; rows without an image are left out.

    Raises:
        LenszooError: the catalogue cannot be read or has no rows, an id stands twice, it has other
            rows than the stack, or two of its ids mean one file.
    """
    matches = None if cutouts.is_stack else _in_folder(positions, cutouts)
    own = _own_ids(positions, cutouts)
    writer = _Writer(folder, cutouts, part_rows)
    left_out: Counter[str] = Counter()
    objects = placed = misplaced = 0
    with UniqueIds(folder) as unique, LeftOut(folder / LEFT_OUT) as table:
        for batch in positions.batches():
            start, objects = objects, objects + len(batch)
            unique.add(batch.column("id"))
            if matches is None:
                _check_rows(positions, cutouts, batch, start, own)
                names = cutouts.names(range(start, objects))
            else:
                names = matches.names[start:objects]
            batch, wrong = _on_sky(batch)
            misplaced += wrong
            reasons = np.full(len(batch), "", object)
            reasons[np.array(names, object) == ""] = f"no image in {cutouts.path}"
            reasons[np.asarray(batch.column("id").to_pylist(), object) == ""] = "no id"
            left_out.update(reason for reason in reasons.tolist() if reason)
            table.write(batch, reasons)
            placed += int(np.isfinite(batch.column("ra").to_numpy()).sum())
            writer.add(batch.append_column(PATH, pa.array(names, pa.string())), reasons == "")
        unique.check(positions)
    if not objects:
        raise LenszooError(f"{positions.path}: the table has no rows.")
    if matches is None and objects != (count := len(cutouts.stack().images)):
        raise LenszooError(_other_length(positions, cutouts, f"{objects:,}", count))
    notes = [] if matches is None else matches.notes
    if misplaced:
        notes.append(
            f"{positions.path}: ra or dec of {counted(misplaced, 'row')} is no position on the sky "
            "(0 to 360, -90 to 90 degrees) and counts as missing."
        )
    return {
        "objects": objects, "left_out": dict(left_out), "placed": bool(placed), "notes": notes,
        "parts": [asdict(part) for part in writer.finish()],
    }  # fmt: skip


def _other_length(positions: Positions, cutouts: ReadyCutouts, rows: str, count: int) -> str:
    return (
        f"{positions.path} has {rows} rows, but {cutouts.path} {count:,} images; the rows of a "
        "catalogue are the images of its stack, in the same order."
    )


def _own_ids(positions: Positions, cutouts: ReadyCutouts) -> np.ndarray | None:
    """Return the array ``id`` of a stack, to be compared with its catalogue."""
    if not cutouts.is_stack or isinstance(positions, StackTable):
        return None
    stack = cutouts.stack()
    return stack.beside("id") if "id" in stack.columns else None


def _check_rows(
    positions: Positions,
    cutouts: ReadyCutouts,
    batch: pa.RecordBatch,
    start: int,
    own: np.ndarray | None,
) -> None:
    """Refuse rows beyond the end of a stack, and ids that are not its own."""
    count, stop = len(cutouts.stack().images), start + len(batch)
    if stop > count:
        raise LenszooError(_other_length(positions, cutouts, f"{stop:,} or more", count))
    if own is None:
        return
    pairs = zip(batch.column("id").to_pylist(), as_ids(own[start:stop], cutouts.path), strict=True)
    for row, (here, there) in enumerate(pairs):
        if here != there:
            raise LenszooError(
                f"{positions.path}: row {start + row + 1} is {here!r}, but {there!r} in "
                f"{cutouts.path}; sort the catalogue as the stack is."
            )


def _on_sky(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    """Make positions that are none NaN; count those that were given."""
    ra, dec = (batch.column(name).to_numpy().copy() for name in ("ra", "dec"))
    with np.errstate(invalid="ignore"):
        sound = (ra >= 0) & (ra <= 360) & (dec >= -90) & (dec <= 90)
    wrong = int((~sound & np.isfinite(ra) & np.isfinite(dec)).sum())
    ra[~sound], dec[~sound] = np.nan, np.nan
    for name, values in (("ra", ra), ("dec", dec)):
        batch = batch.set_column(batch.schema.get_field_index(name), name, pa.array(values))
    return batch, wrong


def _in_folder(positions: Positions, cutouts: ReadyCutouts) -> _Matches:
    """Match all ids to the images of a folder, which is listed once."""
    ids = [name for batch in positions.batches() for name in batch.column("id").to_pylist()]
    root, notes = cutouts.root, list[str]()
    if cutouts.pattern is not None:
        matched = match_by_pattern(root, ids, cutouts.pattern, cutouts.bands)
    elif isinstance(positions, FolderTable):
        return _Matches(ids, notes)
    else:
        matched = match_by_name(root, ids)
    names = [_name(files, root) for files in matched.files]
    _check_single(positions, ids, names)
    if not any(names):
        raise LenszooError(_none_found(positions, cutouts, ids, matched))
    if matched.strangers:
        notes.append(
            f"{cutouts.path}: {counted(len(matched.strangers), 'image')} of no row of "
            f"{positions.path} (the first: {matched.strangers[0]}), not searched."
        )
    return _Matches(names, notes)


def _name(files: Sequence[str | None], root: Path) -> str:
    """Return the name of an object's cutout; "" where it lacks a band."""
    parts = [None if file is None else Path(file).relative_to(root).as_posix() for file in files]
    if any(part is None or (len(parts) > 1 and BETWEEN in part) for part in parts):
        return ""
    return BETWEEN.join(part for part in parts if part is not None)


def _check_single(positions: Positions, ids: Sequence[str], names: Sequence[str]) -> None:
    owner: dict[str, str] = {}
    for id, name in zip(ids, names, strict=True):
        if name and owner.setdefault(name, id) != id:
            raise LenszooError(
                f"{positions.path}: ids {owner[name]!r} and {id!r} both mean the image {name}; an "
                "image belongs to one row."
            )


def _none_found(
    positions: Positions, cutouts: ReadyCutouts, ids: Sequence[str], matched: Matched
) -> str:
    here = f" (there is {matched.strangers[0]})" if matched.strangers else ""
    return (
        f"{cutouts.path}: no image of {positions.path}, whose first id is {ids[0] if ids else ''!r}"
        f"{here}; say where they lie with pattern=, such as '{{id}}.fits'."
    )


class _Writer:
    """Collects rows and writes them part by part."""

    def __init__(self, folder: Path, cutouts: ReadyCutouts, part_rows: int) -> None:
        self._folder, self._cutouts, self._part_rows = folder, cutouts, part_rows
        self._table: pa.Table | None = None
        self._parts: list[Part] = []

    def add(self, batch: pa.RecordBatch, usable: np.ndarray) -> None:
        rows = pa.Table.from_batches([batch]).filter(pa.array(usable))
        table = rows if self._table is None else pa.concat_tables([self._table, rows])
        while len(table) >= self._part_rows:
            self._write(table.slice(0, self._part_rows))
            table = table.slice(self._part_rows)
        self._table = table

    def finish(self) -> list[Part]:
        if self._table is not None and len(self._table):
            self._write(self._table)
        return self._parts

    def _write(self, table: pa.Table) -> None:
        seed = json.dumps(self._cutouts.stamps(table[PATH].to_pylist())).encode()
        self._parts.append(write_objects(self._folder, table, 0, seed))
