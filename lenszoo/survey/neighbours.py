"""Objects that look alike: the nearest neighbours of an object among the features of a search."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lenszoo.errors import LenszooError, one_line
from lenszoo.files import expanded
from lenszoo.inference.tables import FEATURES, features_of
from lenszoo.survey.plan import answer_files

COUNT = 20
"""Neighbours, unless told otherwise."""

_HIDDEN = (FEATURES, "bad_pixels", "error")


class _Best(NamedTuple):
    """The most similar rows of one file: similarities and row numbers, (m,) each."""

    similarities: np.ndarray
    rows: np.ndarray


def similar(results: str | os.PathLike[str], id: str, count: int = COUNT) -> pa.Table:
    """Find the objects whose features point in the direction nearest to that of an object's.

    Files are read one by one, so memory does not grow with the number of objects.

    Args:
        results: the folder of a search with ``features=True``, or a Parquet table of
            :func:`lenszoo.embed`.
        id: the object.
        count: neighbours, at most.

    Returns:
        A table: ``rank``, ``id``, ``similarity`` (the cosine of the angle between the features, 1
        at most), then the other columns of the file, such as ``ra``, ``dec`` and ``prob``; the
        object itself is left out.

    Raises:
        LenszooError: no such folder, file or object, results without features, a damaged file, an
            object that has no features.

    Example:
        >>> from lenszoo import embed
        >>> from lenszoo.simulation import sample
        >>> from lenszoo.survey import similar
        >>> sky = sample("common_test_sim", 6, seed=1)
        >>> file = embed("resnet18_slim.common_test_sim_v2", sky.images, out="features.parquet")
        >>> similar(file, "0", count=3).column_names
        ['rank', 'id', 'similarity', 'path']
    """
    if count < 1:
        raise LenszooError(f"count must be at least 1, not {count}.")
    files = _files(expanded(results))
    query = _query(files, expanded(results), id)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        best = list(pool.map(lambda file: _best(file, query, id, count), files))
    similarities = np.concatenate([each.similarities for each in best])
    order = np.argsort(-similarities, kind="stable")[:count]
    places = np.repeat(np.arange(len(files)), [len(each.rows) for each in best])
    rows = np.concatenate([each.rows for each in best])
    pieces, positions = [], []
    for k in np.unique(places[order]) if len(order) else [0]:
        chosen = np.flatnonzero(places[order] == k)
        pieces.append(_rows(files[k], rows[order][chosen]))
        positions.append(chosen)
    table = pa.concat_tables(pieces).take(np.argsort(np.concatenate(positions)))
    column = pa.array(similarities[order].astype(np.float32))
    table = table.add_column(1, "similarity", column)
    return table.add_column(0, "rank", pa.array(np.arange(1, len(table) + 1, dtype=np.int32)))


def _files(results: Path) -> list[Path]:
    if results.is_dir():
        files = answer_files(results)
        if not files:
            raise LenszooError(f"{results}: holds no parts of a search.")
        remedy = "search into a new folder with features=True"
    elif not results.exists():
        raise LenszooError(f"{results}: no such folder of a search, or table of features.")
    else:
        files, remedy = [results], "give a .parquet file of `lenszoo embed`"
    names = _read(lambda: pq.read_schema(files[0]).names, files[0])
    if not {"id", FEATURES} <= set(names):
        raise LenszooError(f"{results}: holds no features; {remedy}.")
    return files


def _query(files: Sequence[Path], results: Path, id: str) -> np.ndarray:
    """Return the features (d,) of an object, of length 1."""
    example = ""
    for file in files:
        ids = _read(lambda file=file: pq.read_table(file, columns=["id"])["id"], file)
        ids = ids.cast(pa.string())
        example = example or (ids[0].as_py() if len(ids) else "")
        at = pc.index(ids, id).as_py()
        if at < 0:
            continue
        table = _read(lambda file=file: pq.read_table(file, columns=[FEATURES]), file)
        (vector,) = features_of(table.slice(at, 1))
        length = float(np.linalg.norm(vector))
        if not (np.isfinite(length) and length > 0):
            raise LenszooError(f"{results}: object {id!r} has no features; it was not scored.")
        return vector / np.float32(length)
    raise LenszooError(
        f"{results}: no object {id!r} among its ids"
        + (f", such as {example!r}." if example else ".")
    )


def _best(file: Path, query: np.ndarray, id: str, count: int) -> _Best:
    """Return the rows of a file that are most similar to a vector, best first."""
    similarities, places = [], []
    start = 0
    with _read(lambda: pq.ParquetFile(file), file) as stored:
        for k in range(stored.num_row_groups):
            table = _read(lambda k=k: stored.read_row_group(k, columns=["id", FEATURES]), file)
            vectors = features_of(table)
            with np.errstate(invalid="ignore", divide="ignore"):
                # einsum, since threads of BLAS would wait for one another
                lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
                cosines = np.einsum("ij,j->i", vectors, query) / lengths
            own = pc.index(table["id"].cast(pa.string()), id).as_py()
            if own >= 0:
                cosines[own] = np.nan
            rows = np.flatnonzero(np.isfinite(cosines))
            if len(rows) > count:
                rows = rows[np.argpartition(-cosines[rows], count - 1)[:count]]
            similarities.append(cosines[rows])
            places.append(rows + start)
            start += len(table)
    return _Best(np.concatenate(similarities), np.concatenate(places))


def _rows(file: Path, rows: np.ndarray) -> pa.Table:
    """Return rows of a file without features."""
    names = [name for name in pq.read_schema(file).names if name not in _HIDDEN]
    return pq.read_table(file, columns=names).take(rows).replace_schema_metadata(None)


def _read(read: Any, file: Path) -> Any:
    try:
        return read()
    except (OSError, pa.ArrowException) as error:
        raise LenszooError(
            f"{file}: no Parquet file, or a damaged one ({one_line(error)}); make it again."
        ) from error
