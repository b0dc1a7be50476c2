"""Candidates to be graded: those of a search, or the rows of a table of predictions."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.data.table import PARQUET_SUFFIXES, read_table
from lenszoo.errors import LenszooError, one_line, unreadable
from lenszoo.files import expanded, read_json
from lenszoo.inference.tables import provenance_of

TOP = 10_000
"""Candidates that are listed, unless told otherwise."""

SHOWN = ("rank", "prob", "logit", "ra", "dec", "known", "tile")
"""Facts of a candidate that the page shows, where there are such columns."""

_SETTLED = ("catalogue_sha256", "weights_sha256")  # facts of a search that no repetition changes
_SCORES = (("prob", "logit"), ("prob_lens", "logit_lens"))


@dataclass(frozen=True)
class Candidates:
    """Candidates, best first, and where their grades belong.

    Attributes:
        source: the folder of a search, or a table.
        folder: the folder of the grades.
        identity: a hash that tells them from the candidates of another search.
        ids: names of the candidates, each once.
        columns: facts of each by name, of :data:`SHOWN`; None where one is missing.
        paths: files of images from a table, band by band; None where the table names none.
        search: the content of ``search.json``; empty for a table.
        facts: provenance of the candidates; empty where they have none.
    """

    source: Path
    folder: Path
    identity: str
    ids: tuple[str, ...]
    columns: Mapping[str, Sequence[Any]]
    paths: tuple[str | None, ...] | None
    search: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


def read_candidates(results: str | os.PathLike[str], top: int = TOP) -> Candidates:
    """Read the candidates of a search, or of a table of ``lenszoo predict``.

    Args:
        results: the folder that ``lenszoo search`` wrote, or a table (Parquet, CSV, FITS, ECSV)
            with the columns ``id`` and, where there are, ``path``, ``prob_lens``, ``logit_lens``,
            ``ra`` and ``dec``.
        top: the most candidates, those of the highest scores.

    Raises:
        LenszooError: no such folder or table, a search that is not finished, no candidates, an id
            twice.
    """
    path = expanded(results)
    search: dict[str, Any] = {}
    if path.is_dir():
        file = path / "candidates.parquet"
        if not file.exists():
            raise LenszooError(
                f"{path}: holds no candidates.parquet; let `lenszoo search ... --out {path}` "
                "come to its end first."
            )
        if (path / "search.json").exists():
            search = read_json(path / "search.json")
        folder = path / "vetting"
        table = _parquet(file)
    else:
        file, folder = path, path.with_name(f"{path.stem}.vetting")
        content = read_table(path)
        table = content.typed(content.columns)
    if "id" not in table.column_names:
        raise LenszooError(f"{file}: no column 'id'; candidates need names.")
    if not len(table):
        raise LenszooError(f"{file}: holds no candidates; there is nothing to grade.")
    ids = [str(value) for value in table["id"].to_pylist()]
    if len(set(ids)) < len(ids):
        (twice, _), *_ = Counter(ids).most_common(1)
        raise LenszooError(f"{file}: id {twice!r} stands there twice; ids are unique.")
    columns = _columns(table)
    order = _best_first(columns, len(ids))[:top]
    columns = {name: [values[k] for k in order] for name, values in columns.items()}
    columns["rank"] = list(range(1, len(order) + 1))
    paths = None
    if "path" in table.column_names:
        texts = table["path"].to_pylist()
        paths = tuple(None if texts[k] is None else str(texts[k]) for k in order)
    settled: Any = [search.get(name) for name in _SETTLED]
    if not any(settled):
        settled = sorted(ids)
    identity = hashlib.sha256(json.dumps(settled).encode()).hexdigest()
    named = tuple(ids[k] for k in order)
    return Candidates(path, folder, identity, named, columns, paths, search, _facts_of(file))


def _parquet(file: Path) -> pa.Table:
    try:
        return pq.read_table(file)
    except OSError as error:
        if error.errno is not None:
            raise unreadable(str(file), error) from error
        raise LenszooError(f"{file}: damaged ({one_line(error)}); search again.") from error
    except pa.ArrowException as error:
        raise LenszooError(f"{file}: damaged ({one_line(error)}); search again.") from error


def _facts_of(file: Path) -> dict[str, Any]:
    """Return the provenance that lies in a table; empty where there is none, as in a CSV."""
    if file.suffix.lower() not in (*PARQUET_SUFFIXES, ".fits", ".ecsv"):
        return {}
    try:
        facts = provenance_of(file)
    except (LenszooError, ValueError, RecursionError):  # another program's
        return {}
    return facts if isinstance(facts, dict) else {}


def _columns(table: pa.Table) -> dict[str, list[Any]]:
    """Return the columns that the page shows; those of a table of predictions by these names."""
    renamed = {old: new for pair in _SCORES for old, new in zip(pair, _SCORES[0], strict=True)}
    columns: dict[str, list[Any]] = {}
    for name in table.column_names:
        shown = renamed.get(name, name)
        if shown not in SHOWN or shown in columns:
            continue
        values = table[name].to_pylist()
        if shown == "known":
            columns[shown] = [_mark(value) for value in values]
        elif shown == "tile":
            columns[shown] = [None if v is None or v == "" else str(v) for v in values]
        else:
            columns[shown] = [_number(value) for value in values]
    return columns


def _mark(value: Any) -> str | None:
    """Text of a cell that names something; None where it is empty or a flag that is not set."""
    text = "" if value is None or value is False or value == 0 else str(value)
    return text if text.strip().lower() not in ("", "false", "0", "nan") else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _best_first(columns: Mapping[str, Sequence[Any]], count: int) -> list[int]:
    """Return the order of the ranks, else of the scores, else that of the table."""
    for name, sign in (("rank", 1.0), ("logit", -1.0), ("prob", -1.0)):
        if name in columns:
            values = [np.inf if v is None else sign * v for v in columns[name]]
            return [int(k) for k in np.argsort(values, kind="stable")]
    return list(range(count))
