"""Ids, labels and numbers of a table of objects."""

from collections.abc import Sequence

import numpy as np

from lenszoo.data.dataset import UNLABELLED
from lenszoo.data.names import GROUP, LENS_CLASSES, canonical_class
from lenszoo.data.table import MISSING, NotNumbersError, Table
from lenszoo.errors import LenszooError

# These say which class an object is, so they are no part of the table, even unasked.
_LABEL_NAMES = frozenset(("label", "labels", "is_lens", "islens", "lens", "class", "target"))

# Columns of numbers that say where, when or which and not what: no part of the table, unasked.
_KINDS = {
    "a position": "ra dec ra_deg dec_deg raj2000 dej2000 decj2000 ra_j2000 dec_j2000 alpha_j2000 "
    "delta_j2000 ramean decmean glon glat gal_lon gal_lat gal_l gal_b l_gal b_gal lii bii "
    "elon elat healpix hpix",
    "a part of the survey": "tile tilename tile_index field fieldid brick brickid brickname ccd "
    "ccdnum chip exposure expnum plate fiber fiberid camcol patch tract",
    "a time": "time date datetime mjd jd bjd hjd timestamp obs_time obstime obsdate mjd_obs",
    "an index": "index level_0 unnamed row rownum row_number",
    "an id": "id ids objid object object_id objectid source_id sourceid number name targetid",
}
_GALACTIC = frozenset("lb")
_NO_FEATURES = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_ROWS = 20  # of fewer, any numbers might count the rows
_LARGE = 2**31  # whole numbers beyond, all different, are ids

_LABELS = {"1": 1, "1.0": 1, "true": 1, "yes": 1, "0": 0, "0.0": 0, "false": 0, "no": 0}


def find_id(table: Table, id: str | None) -> str:
    """Return the name of the column of ids: the one that was named, else "id", else "ID"."""
    if id is not None:
        return id
    if "id" in table.columns:
        return "id"
    return next((column for column in table.columns if column.casefold() == "id"), "id")


def read_labels(table: Table, column: str, unlabelled: bool) -> np.ndarray:
    """Return (n,) int32 labels: 1 for a lens."""
    table.need([column], "Name the column of labels with label=.")
    cells = table.text(column)
    labels = {cell: _label(cell) for cell in set(cells)}
    for row, cell in enumerate(cells):
        if labels[cell] is None or (labels[cell] == UNLABELLED and not unlabelled):
            what = f"label {cell!r}" if labels[cell] is None else "no label"
            raise LenszooError(
                f"{table.source}: {table.where(row)} has {what} in column {column!r}; write 1 or "
                "0, true or false, lens or nonlens"
                + ("." if labels[cell] is None else ", or pass unlabelled=True.")
            )
    return np.array([labels[cell] for cell in cells], np.int32)


def _label(cell: str) -> int | None:
    if cell in MISSING:
        return UNLABELLED
    lens_class = canonical_class(cell)
    if lens_class in LENS_CLASSES:
        return LENS_CLASSES.index(lens_class)
    return _LABELS.get(cell.casefold())


def is_lens(cells: Sequence[object], column: str) -> np.ndarray:
    """Tell which cells of a column of labels say that an object is a lens; empty ones do not.

    Raises:
        LenszooError: a cell that is no label.
    """
    labels = {cell: _label("" if cell is None else str(cell)) for cell in set(cells)}
    for cell, lens in labels.items():
        if lens is None:
            raise LenszooError(
                f"Column {column!r}: {cell!r} is no label; write 1 or 0, true or false, lens or "
                "nonlens."
            )
    return np.array([labels[cell] == 1 for cell in cells], bool)


def read_numbers(
    table: Table,
    id: str,
    label: str | None,
    columns: Sequence[str] | None,
    missing_values: Sequence[float],
    blank: bool = False,
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Return the table (n, k) float32 with NaN for missing values, its columns, and notes.

    Args:
        table, id, label: as read.
        columns: those to read; None reads all that hold numbers.
        missing_values: numbers that stand for none.
        blank: columns that are not there count as missing in every row, unless all are.
    """
    notes: list[str] = []
    absent = [name for name in columns or () if name not in table.columns] if blank else []
    if columns is not None and len(absent) == len(columns):
        absent = []  # another table, not one that lacks a column
    if absent:
        notes.append(f"Columns that are not there, missing in every row: {', '.join(absent)}.")
    if columns is not None:
        named, columns = columns, [column for column in columns if column not in absent]
        table.need(columns, "Name the table's with columns=, or pass on_missing='blank' (NaN).")
        for column in columns:
            if column in (id, label) or columns.count(column) > 1:
                why = (
                    "the id" if column == id else "the label" if column == label else "there twice"
                )
                raise LenszooError(
                    f"{table.source}: columns= names {column!r}, which is {why}; leave it out."
                )
    names, values = [], []
    for column in columns if columns is not None else table.columns:
        if columns is None and column in (id, label, GROUP):
            continue
        if columns is None and column.casefold() in _LABEL_NAMES:
            notes.append(f"Column {column!r} looks like a label and was left out of the table.")
            continue
        kind = None if columns is not None else _named_kind(column, table.columns)
        if kind is not None:
            notes.append(_left_out(column, kind))
            continue
        table.need([column], "")
        try:
            numbers = table.numbers(column)
        except NotNumbersError:
            if columns is not None:
                raise
            notes.append(f"Column {column!r} holds no numbers and was left out of the table.")
            continue
        if columns is None and (kind := _counted_kind(numbers)) is not None:
            notes.append(_left_out(column, kind))
            continue
        names.append(column)
        values.append(_floats(numbers, column, missing_values, notes))
        if not np.nanmin(values[-1], initial=np.inf) < np.nanmax(values[-1], initial=-np.inf):
            notes.append(f"Column {column!r} tells nothing: it is constant, or all missing.")
    if absent:
        assert columns is not None
        empty = np.full(len(table), np.nan, np.float32)
        read = dict(zip(names, values, strict=True))
        names, values = list(named), [read.get(name, empty) for name in named]
    stacked = np.stack(values, axis=1) if values else np.empty((len(table), 0), np.float32)
    return stacked, tuple(names), tuple(notes)


def _left_out(column: str, kind: str) -> str:
    return f"Column {column!r} is {kind} and was left out of the table; columns= takes it."


def _named_kind(column: str, others: Sequence[str]) -> str | None:
    """Say what a column is by its name where it is no property of the objects, else None.

    ``l`` and ``b`` side by side are galactic coordinates; ``b`` alone may be a magnitude.
    """
    name = column.strip().casefold().partition(":")[0]  # pandas calls an index "Unnamed: 0"
    if not name:
        return "an index"
    if name in _GALACTIC and {other.strip().casefold() for other in others} >= _GALACTIC:
        return "a position"
    if name in _NO_FEATURES:
        return _NO_FEATURES[name]
    if name.endswith(("_id", " id")) or name.startswith("id_"):
        return "an id"
    return None


def _counted_kind(numbers: np.ndarray) -> str | None:
    """Say what a column is where its numbers are all different and count or name the rows."""
    if len(numbers) < _ROWS or np.any(numbers != np.rint(numbers)):  # also of NaN
        return None
    if np.all(np.diff(numbers) == 1) and numbers[0] in (0, 1):
        return "an index"
    large = np.abs(numbers).min() > _LARGE
    return "an id" if large and len(np.unique(numbers)) == len(numbers) else None


def _floats(
    numbers: np.ndarray, column: str, missing_values: Sequence[float], notes: list[str]
) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    infinite = np.isinf(values)
    if infinite.any():
        notes.append(f"Infinite values in column {column!r}, now missing: {infinite.sum()}.")
    with np.errstate(over="ignore"):
        # a table of float32 holds the nearest to -99.9 that there is
        rounded = np.asarray(missing_values, np.float32)
    missing = np.isin(numbers, list(missing_values)) | np.isin(numbers, rounded.astype(float))
    return np.where(infinite | missing, np.float32(np.nan), values)
