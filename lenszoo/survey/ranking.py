"""Candidates of a search: ranked, joined on the sky, matched with a list of lenses."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.special import expit

from lenszoo.errors import LenszooError
from lenszoo.inference.parts import write_part
from lenszoo.inference.tables import FEATURES
from lenszoo.metrics.prevalence import TRAINED_PREVALENCE, at_prevalence
from lenszoo.survey.footprints import unit_vectors
from lenszoo.survey.positions import Positions

log = logging.getLogger("lenszoo")

RADIUS = 2.0
"""Candidates closer than this [arcsec] are one object."""

_SPARE = 1000
_NAMES = ("name", "Name", "NAME")  # columns of the names of lenses that have no ids
_ORDER = [("logit", "descending"), ("id", "ascending"), ("ra", "ascending"), ("dec", "ascending")]


def best_of(files: Iterable[Path], count: int) -> pa.Table:
    """Return the ``count`` rows of highest logit of many tables, ranked, without features.

    No more than twice as many rows, and one table, are in memory at once. Of equal logits the
    lower id comes first.
    """
    best: pa.Table | None = None
    least = -np.inf
    for file in files:
        columns = [name for name in pq.read_schema(file).names if name != FEATURES]
        table = pq.read_table(file, columns=columns).replace_schema_metadata(None)
        table = table.filter(pc.fill_null(pc.greater_equal(table["logit"], least), False))
        best = table if best is None else pa.concat_tables([best, table])
        if len(best) >= 2 * count:
            best = best.sort_by(_ORDER).slice(0, count).combine_chunks()
            least = best["logit"][-1].as_py()
    if best is None:
        raise LenszooError("A search without parts has no candidates.")
    return best.sort_by(_ORDER).slice(0, count).combine_chunks()


def join_on_sky(table: pa.Table, radius: float = RADIUS) -> pa.Table:
    """Join ranked rows within ``radius`` arcsec of a better one to it.

    Returns:
        The rows that are left, with the ids of those joined to them in ``duplicates``; rows without
        a position stay as they are.
    """
    from scipy.spatial import cKDTree

    points, placed = _places(table)
    joined: list[list[int]] = [[] for _ in range(len(table))]
    taken = np.zeros(len(table), bool)
    if len(placed):
        neighbours = cKDTree(points).query_ball_point(points, np.radians(radius / 3600))
        for row, near in zip(placed.tolist(), neighbours, strict=True):
            if taken[row]:
                continue
            others = placed[sorted(near)].tolist()
            joined[row] = [other for other in others if other > row and not taken[other]]
            taken[joined[row]] = True
    kept = np.flatnonzero(~taken).tolist()
    ids = table["id"].to_pylist()
    column = pa.array([[ids[k] for k in joined[row]] for row in kept], pa.list_(pa.string()))
    return table.take(pa.array(kept, pa.int64())).append_column("duplicates", column)


def _places(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors (m, 3) of the rows with a position, and these rows (m,)."""
    ra, dec = (table[name].to_numpy().astype(float) for name in ("ra", "dec"))
    placed = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    return unit_vectors(ra[placed], dec[placed]).reshape(-1, 3), placed


class Lenses(NamedTuple):
    """A list of lenses: n names, and unit vectors (n, 3)."""

    names: list[str]
    points: np.ndarray


def read_lenses(path: str | os.PathLike[str], columns: Mapping[str, str] | None = None) -> Lenses:
    """Read a list of lenses: a catalogue as a search takes it, with ids or a column ``name``.

    Raises:
        LenszooError: as :meth:`Positions.batches`.
    """
    names: list[str] = []
    vectors = []
    for batch in _listed(path, dict(columns or {})):
        sound = np.isfinite(batch.column("ra").to_numpy()) & np.isfinite(
            batch.column("dec").to_numpy()
        )
        rows = batch.filter(pa.array(sound))
        _check_sky(rows, path)
        names += rows.column("id").to_pylist()
        vectors.append(unit_vectors(rows.column("ra").to_numpy(), rows.column("dec").to_numpy()))
    return Lenses(names, np.concatenate([np.empty((0, 3)), *vectors]))


def _check_sky(rows: pa.RecordBatch, path: str | os.PathLike[str]) -> None:
    """Raise LenszooError where a listed lens has no position on the sky."""
    ra, dec = (rows.column(name).to_numpy() for name in ("ra", "dec"))
    wrong = np.flatnonzero((ra < 0) | (ra > 360) | (np.abs(dec) > 90))
    if len(wrong):
        row = int(wrong[0])
        name = rows.column("id")[row].as_py() or "a lens"
        raise LenszooError(
            f"{path}: {name!r} lies at ra {ra[row]:g}, dec {dec[row]:g}, which is nowhere on the "
            "sky (0 to 360, -90 to 90 degrees); mend the list, or name its columns."
        )


def _nearest(points: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far [arcsec] the nearest of some points lies from each of others, and its row."""
    from scipy.spatial import cKDTree

    chords, rows = cKDTree(points).query(own)
    return np.degrees(2 * np.arcsin(np.minimum(chords / 2, 1))) * 3600, rows


def _tell_of_hours(points: np.ndarray, own: np.ndarray, radius: float) -> None:
    """Warn where candidates would be listed lenses if these had their ra in hours."""
    ra = np.degrees(np.arctan2(points[:, 1], points[:, 0])) % 360
    dec = np.degrees(np.arcsin(np.clip(points[:, 2], -1, 1)))
    if ra.max() > 24:
        return
    count = int((_nearest(unit_vectors(15 * ra, dec), own)[0] <= radius).sum())
    if count:
        log.warning(
            "No candidate is a known lens, but %d would be if the list had ra in hours: lists are "
            "in degrees (hours times 15).", count,
        )  # fmt: skip


def match_lenses(table: pa.Table, lenses: Lenses, radius: float = RADIUS) -> pa.Table:
    """Mark candidates within ``radius`` arcsec of a lens of a list: its name and separation."""
    names, points = lenses
    separations = np.full(len(table), np.inf)
    nearest = np.zeros(len(table), np.int64)
    own, placed = _places(table)
    if len(points) and len(placed):
        separations[placed], nearest[placed] = _nearest(points, own)
        if (separations > radius).all():
            _tell_of_hours(points, own, radius)
    far = separations > radius
    texts = [None if f else names[k] or "unnamed" for f, k in zip(far, nearest, strict=True)]
    table = table.append_column("known", pa.array(texts, pa.string()))
    column = pa.array(separations.astype(np.float32), mask=far)
    return table.append_column("known_separation", column)


def _listed(path: str | os.PathLike[str], columns: dict[str, str]) -> Iterable[pa.RecordBatch]:
    """Yield the rows of a list; its names are taken for ids where it has no ids."""
    try:
        yield from Positions(path, columns).batches()
    except LenszooError as error:
        if "id" in columns or "no column 'id'" not in str(error):
            raise
        for name in _NAMES:
            try:
                yield from Positions(path, columns | {"id": name}).batches()
                return
            except LenszooError as second:
                if f"no column {name!r}" not in str(second):
                    raise
        yield from Positions(path, columns, optional_id=True).batches()


def add_probability(
    table: pa.Table, prevalence: float, trained: float = TRAINED_PREVALENCE
) -> pa.Table:
    """Add the probability where a share ``prevalence`` of the objects are lenses.

    Raises:
        LenszooError: a share that is not between 0 and 1.
    """
    moved = at_prevalence(table["logit"].to_numpy(), prevalence, trained)
    column = pa.array(expit(moved).astype(np.float32))
    at = table.column_names.index("prob") + 1
    return table.add_column(at, "prob_at_prevalence", column)


def write_candidates(
    files: Iterable[Path],
    target: Path,
    facts: dict[str, Any],
    *,
    top: int,
    lenses: Lenses | None = None,
    prevalence: float | None = None,
    trained: float = TRAINED_PREVALENCE,
    illustrate: Callable[[pa.Table], pa.Table] | None = None,
) -> pa.Table:
    """Write the ``top`` candidates of the answers of all parts.

    Args:
        files: answers of the parts.
        target: a Parquet file.
        facts: the provenance.
        top: candidates.
        lenses: a list of lenses to match with.
        prevalence: share of lenses among the objects.
        trained: share that the logits are calibrated for.
        illustrate: adds pictures to the table.

    Raises:
        LenszooError: the list cannot be read, or the file cannot be written.
    """
    table = join_on_sky(best_of(files, 2 * top + _SPARE)).slice(0, top)
    if lenses is not None:
        table = match_lenses(table, lenses)
    if prevalence is not None:
        table = add_probability(table, prevalence, trained)
        facts = facts | {"prevalence": prevalence, "trained_prevalence": trained}
    if illustrate is not None:
        table = illustrate(table)
    rank = pa.array(np.arange(1, len(table) + 1, dtype=np.int32))
    table = table.add_column(0, "rank", rank)
    write_part(target, table, facts)
    return table
