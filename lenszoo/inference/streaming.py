"""Predictions as a table in memory, or streamed to a file by way of parts on disk."""

import functools
import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lenszoo.data.stacks import is_store, stack_file
from lenszoo.errors import LenszooError
from lenszoo.files import check_output, expanded, has_folder, hold, write_bytes
from lenszoo.inference.answers import (
    Answerer,
    Answers,
    PredictionStopped,
    Progress,
    answer_batches,
    joined,
    run,
)
from lenszoo.inference.candidates import Candidates
from lenszoo.inference.engines.opening import COST
from lenszoo.inference.parts import check_same, count_rows, write_part
from lenszoo.inference.tables import (
    KEY,
    TABLES,
    CsvFormulas,
    check_target,
    sort_table,
    write_tables,
)
from lenszoo.interrupt import heard

log = logging.getLogger("lenszoo")

PART_ROWS = 2048
PART_SECONDS = 30.0
"""A part is written after so many rows or seconds: what is lost when a process is killed."""

_IDENTITY = "prediction.json"
_NOT_SAME = ("notes", COST)  # facts in which two calls of one prediction may differ
_BLOCK = 1 << 24  # bytes of an array that are hashed at a time


@dataclass(frozen=True)
class Output:
    """File that a prediction is written to.

    Attributes:
        path: the file; its ending names the format.
        overwrite: replace a file that is there, and parts of another prediction.
        sort: column to sort by, highest first; the table is in memory then.
        csv_formulas: see :func:`lenszoo.inference.write_table`.
    """

    path: str | os.PathLike[str]
    overwrite: bool = False
    sort: str | None = None
    csv_formulas: CsvFormulas = "keep"

    def check(self, reads: Sequence[Any] = (), endings: tuple[str, ...] = TABLES) -> None:
        """Raise LenszooError where the file cannot be written, see ``check_output``."""
        target = check_target(self.path, endings)
        names = [each for each in reads if isinstance(each, str | os.PathLike)]
        check_output(target, names, overwrite=self.overwrite)


class Written(NamedTuple):
    """A file that was written, its rows, and how many of each class were predicted."""

    path: Path
    rows: int
    counts: dict[str | None, int]


@dataclass(frozen=True)
class Prediction:
    """A model with its inputs, before it answers.

    Attributes:
        model: the model.
        candidates: its inputs.
        batch_size: images a step.
        table_of: makes a table of answers, the first of which is to a given row.
        facts: the provenance.
    """

    model: Answerer
    candidates: Candidates
    batch_size: int
    table_of: Callable[[Answers, int], pa.Table]
    facts: dict[str, Any]

    def answers(self, progress: Progress | None = None) -> Answers:
        """Answer to all inputs.

        Raises:
            LenszooError: an image is bad, or an answer is not finite.
            PredictionStopped: after Ctrl-C.
        """
        return run(self.model, self.candidates, self.batch_size, progress)

    def table(self, progress: Progress | None = None) -> pa.Table:
        """Return the answers to all inputs as a table.

        Raises:
            LenszooError, PredictionStopped: as :meth:`answers`; the latter with a table.
        """
        try:
            return self._with_facts(self.table_of(self.answers(progress), 0))
        except PredictionStopped as stop:
            if stop.answers is not None:
                stop.table = self._with_facts(self.table_of(stop.answers, 0))
            raise

    def write(self, output: Output, progress: Progress | None = None) -> Written:
        """Write the answers to a file, in memory that does not grow with their number.

        Finished rows are kept in ``OUTPUT.parts`` until all are done; the same call goes on from
        them after Ctrl-C or when the process was killed.

        Raises:
            LenszooError: as :meth:`answers`; the parts are of another prediction, or another
                process is writing them; the file cannot be written.
            PredictionStopped: after Ctrl-C.
        """
        target = expanded(output.path)
        folder = target.with_name(f"{target.name}.parts")
        busy = f"{folder}: another process is writing it; wait for it, or choose another name."
        counts: Counter[str | None] = Counter()
        held = False
        _check_own(folder)
        try:
            with hold(folder, "folder of parts", ".lock", busy):
                held = True
                self._settle(folder, output.overwrite)
                starts = self._finish_parts(folder, progress)
                tables = _tables(folder, starts, counts)
                if output.sort is not None:
                    tables = iter([sort_table(pa.concat_tables(tables), output.sort)])
                write_tables(tables, target, output.csv_formulas)
                _remove(folder)
        finally:
            if held and not any(folder.glob("*.parquet")):  # nothing that could be gone on from
                shutil.rmtree(folder, ignore_errors=True)
        return Written(target, len(self.candidates), dict(counts))

    def _with_facts(self, table: pa.Table) -> pa.Table:
        return table.replace_schema_metadata({KEY: json.dumps(self.facts, default=str)})

    def _settle(self, folder: Path, overwrite: bool) -> None:
        """Check that the parts in a folder are of this prediction, or mark it as its own."""
        file = folder / _IDENTITY
        facts = {name: value for name, value in self.facts.items() if name not in _NOT_SAME}
        facts |= {"inputs": len(self.candidates), "inputs_sha256": fingerprint(self.candidates)}
        if not isinstance(facts.get("weights_sha256"), str):  # a model in memory, or several
            digest = hashlib.sha256()
            for weights in self.model.weights:
                digest.update(np.ascontiguousarray(weights).data)
            facts["values_sha256"] = digest.hexdigest()
        if file.exists() and any(folder.glob("*.parquet")):
            remedy = "choose another name, or start anew with overwrite=True"
            try:
                check_same(file, facts, "prediction", remedy)
                return
            except LenszooError:
                if not overwrite:
                    raise
        _remove(folder)
        write_bytes(file, json.dumps(facts, indent=1, default=str).encode())

    def _finish_parts(self, folder: Path, progress: Progress | None) -> list[int]:
        """Answer what is not in parts yet; return the first row of each part."""
        total, starts, done = len(self.candidates), list[int](), 0
        while rows := count_rows(_part(folder, done)):
            starts.append(done)
            done += rows
        if done:
            log.info("Going on: %s of %s rows are done.", f"{done:,}", f"{total:,}")
        batches: list[Answers] = []

        def keep() -> None:
            if batches:
                start = done - sum(len(batch.kept) for batch in batches)
                write_part(_part(folder, start), self.table_of(joined(batches), start), self.facts)
                starts.append(start)
                batches.clear()

        last = time.monotonic()
        try:
            with heard() as check:
                for batch in answer_batches(self.model, self.candidates, self.batch_size, done):
                    batches.append(batch)
                    done += len(batch.kept)
                    waiting = sum(len(each.kept) for each in batches)
                    if waiting >= PART_ROWS or time.monotonic() - last > PART_SECONDS:
                        keep()
                        last = time.monotonic()
                    if progress is not None:
                        progress(done, total)
                    check()
        except KeyboardInterrupt as stop:
            keep()
            raise PredictionStopped(done) from stop
        keep()
        return starts


def _check_own(folder: Path) -> None:
    """Raise LenszooError where a folder of parts holds something else, which would be lost."""
    own = re.compile(rf"[0-9]{{12}}\.parquet|{re.escape(_IDENTITY)}|\..*")
    for path in sorted(folder.iterdir()) if has_folder(folder) else ():
        if not own.fullmatch(path.name):
            raise LenszooError(
                f"{folder}: holds {path.name}, which is no part of a prediction and would be lost; "
                "move it, or choose another name."
            )


def _remove(folder: Path) -> None:
    """Remove all parts."""
    for part in folder.glob("*.parquet"):
        part.unlink()


def _part(folder: Path, start: int) -> Path:
    return folder / f"{start:012d}.parquet"


def _tables(folder: Path, starts: Sequence[int], counts: Counter[str | None]) -> Iterator[pa.Table]:
    """Yield the parts in order; count the classes that were predicted."""
    for start in starts:
        table = pq.read_table(_part(folder, start))
        if "predicted" in table.column_names:
            for row in pc.value_counts(table["predicted"]).to_pylist():
                counts[row["values"]] += row["counts"]
        yield table


def fingerprint(candidates: Candidates) -> str:
    """Return a hash of all inputs: ids, arrays in memory, and size and time of files."""
    digest = hashlib.sha256()

    def add(values: np.ndarray) -> None:
        digest.update(f"{values.shape}{values.dtype.str}".encode())
        step = max(1, _BLOCK // max(1, values[:1].nbytes))
        for start in range(0, len(values), step):
            digest.update(np.ascontiguousarray(values[start : start + step]).data)

    for name in candidates.ids:
        digest.update(name.encode(errors="replace") + b"\0")
    if candidates.table is not None:
        add(candidates.table)
    if candidates.beside is not None:
        with pa.ipc.new_stream(pa.PythonFile(_Sink(digest), "w"), candidates.beside.schema) as to:
            to.write_table(candidates.beside)
    if candidates.images is not None:
        dataset = candidates.images.dataset
        if dataset.images is not None:
            add(dataset.images)
        elif dataset.files is not None:
            stamp = functools.lru_cache(maxsize=256)(_stamp)  # cutouts and stacks share their file
            for path in dataset.files.paths:
                for band in path if isinstance(path, tuple | list) else (path,):
                    digest.update(b"-\0" if band is None else stamp(os.fspath(band)))
                    digest.update(f"{band}\0".encode(errors="replace"))
    return digest.hexdigest()


class _Sink:
    """File that hashes what is written to it."""

    def __init__(self, digest: Any) -> None:
        self._digest, self.closed = digest, False

    def write(self, content: Any) -> int:
        self._digest.update(content)
        return len(content)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _stamp(name: str) -> bytes:
    """Return size and time of change of a file, whose HDU may stand in brackets, or of a store."""
    if is_store(name):
        from lenszoo.data.zarr_store import stamp_of_store

        return f"{stamp_of_store(Path(stack_file(name)))}\0".encode()
    for file in (name, name.rpartition("[")[0] or name):
        try:
            status = Path(file).stat()
        except OSError:
            continue
        return f"{status.st_size}:{status.st_mtime_ns}\0".encode()
    return b"\0"
