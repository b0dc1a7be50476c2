"""Tables of objects from CSV and Parquet files, column by column."""

import abc
import csv
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.errors import LenszooError, one_line, unreadable

PARQUET_SUFFIXES = (".parquet", ".pq")
"""File name endings of Parquet tables, in lower case; any other table is a CSV."""

MISSING = frozenset(
    ("", "-", "--", "nan", "NaN", "NAN", "null", "NULL", "none", "None", "NA", "N/A", "n/a")
)
"""Texts of a cell without a value."""

_TRUTH = {"true": "1", "false": "0"}
# Python's own grammar would also read 117_23 and digits of other scripts.
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_EXACT = 2.0**53  # float64 holds every whole number below


class NotNumbersError(LenszooError):
    """A column holds text where numbers are wanted."""


class Table(abc.ABC):
    """A table in memory: a header and rows, of which messages name the line in the file.

    Attributes:
        source: the file.
        columns: the names in the header.
    """

    _row_name, _first_row = "line", 2

    def __init__(self, source: str, columns: Sequence[str]) -> None:
        self.source, self.columns = source, tuple(columns)

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def text(self, column: str) -> list[str]:
        """Return the cells of a column without the blanks around them; "" is a missing value."""

    def numbers(self, column: str) -> np.ndarray:
        """Return a column as (n,) float64; a missing value is NaN, true and false are 1 and 0.

        Raises:
            NotNumbersError: a cell holds something else; the first is named.
        """
        cells = self.text(column)
        texts = ["nan" if cell in MISSING else _TRUTH.get(cell.lower(), cell) for cell in cells]
        row = next((i for i, text in enumerate(texts) if not _NUMBER.fullmatch(text)), None)
        if row is not None:
            raise NotNumbersError(
                f"{self.source}: {self.where(row)} has {cells[row]!r} in column {column!r}, not a "
                "number; mend it, or leave the column out."
            )
        return np.array(texts, np.float64)

    def filled(self, column: str) -> list[str]:
        """Return the cells of a column in which every row must have a value.

        Raises:
            LenszooError: a row has none.
        """
        cells = self.text(column)
        if "" in cells:
            where = self.where(cells.index(""))
            raise LenszooError(f"{self.source}: {where} has no value in column {column!r}.")
        return cells

    def need(self, columns: Iterable[str], hint: str) -> None:
        """Raise LenszooError, with a hint, unless each column is there, and once."""
        for column in columns:
            if column not in self.columns:
                raise LenszooError(
                    f"{self.source}: no column {column!r}; the columns are: "
                    f"{', '.join(self.columns)}. {hint}"
                )
            if self.columns.count(column) > 1:
                raise LenszooError(
                    f"{self.source}: the header has two columns {column!r}; rename one."
                )

    def where(self, row: int) -> str:
        """Return how messages call a row, counted from 0."""
        return f"{self._row_name} {row + self._first_row}"


class _CsvTable(Table):
    def __init__(
        self, source: str, columns: Sequence[str], rows: list[list[str]], lines: list[int]
    ) -> None:
        super().__init__(source, columns)
        self._rows, self._lines = rows, lines

    def __len__(self) -> int:
        return len(self._rows)

    def text(self, column: str) -> list[str]:
        at = self.columns.index(column)
        return [row[at].strip() if at < len(row) else "" for row in self._rows]

    def where(self, row: int) -> str:
        return f"{self._row_name} {self._lines[row]}"


class _ParquetTable(Table):
    _row_name, _first_row = "row", 1

    def __init__(self, source: str, table: Any) -> None:
        super().__init__(source, table.column_names)
        self._table = table

    def __len__(self) -> int:
        return self._table.num_rows

    def text(self, column: str) -> list[str]:
        import pyarrow as pa

        cells = self._table[column]
        if _is_binary(cells.type):  # as astropy writes the strings of FITS tables
            return self._decoded(column, cells.to_pylist())
        if pa.types.is_floating(cells.type):  # a table that once lacked an id made them floats
            values = cells.to_numpy()
            there = ~np.isnan(values)
            if np.all(values[there] == np.rint(values[there])):
                return self._whole(column, values, there)
        return ["" if cell is None else str(cell).strip() for cell in cells.to_pylist()]

    def _whole(self, column: str, values: np.ndarray, there: np.ndarray) -> list[str]:
        """Return whole numbers that were stored as floats; "" where there is none."""
        large = np.flatnonzero(there & ~(np.abs(values) < _EXACT))
        if len(large):
            raise LenszooError(
                f"{self.source}: {self.where(int(large[0]))} has {values[large[0]]!r} in column "
                f"{column!r}, a float that may stand for several ids; store ids as text or as "
                "64-bit integers."
            )
        return ["" if np.isnan(value) else str(int(value)) for value in values]

    def _decoded(self, column: str, cells: list[bytes | None]) -> list[str]:
        try:
            return ["" if cell is None else cell.decode().strip("\0 ") for cell in cells]
        except UnicodeDecodeError as error:
            raise LenszooError(
                f"{self.source}: column {column!r} holds bytes that are no text ({error.reason})."
            ) from error

    def numbers(self, column: str) -> np.ndarray:
        import pyarrow as pa

        cells = self._table[column]
        kind = cells.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            if pa.types.is_nested(kind):
                raise NotNumbersError(f"{self.source}: column {column!r} holds {kind}, no numbers.")
            return super().numbers(column)
        return cells.cast(pa.float64(), safe=False).to_numpy()


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    checks = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(check(kind) for check in checks)


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a table from a Parquet file, or else from a CSV (UTF-8, commas) with a header line.

    A CSV's row that ends early lacks the rest of its values.

    Raises:
        LenszooError: the file is missing, damaged or of another kind.
    """
    name = os.fspath(path)
    try:
        return _read_parquet(name) if name.lower().endswith(PARQUET_SUFFIXES) else _read_csv(name)
    except OSError as error:
        raise unreadable(name, error) from error


def check_rows(table: Table) -> None:
    """Raise LenszooError when a table has no rows."""
    if not len(table):
        raise LenszooError(f"{table.source}: the table has no rows.")


def check_ids(ids: Sequence[str], source: str) -> None:
    """Raise LenszooError when an id occurs twice."""
    seen: set[str] = set()
    for name in ids:
        if name.lower() == "nan":
            raise LenszooError(f"{source}: an id is {name}, which stands for none; mend its row.")
        if name in seen:
            raise LenszooError(f"{source}: id {name!r} occurs more than once; ids must be unique.")
        seen.add(name)


def _read_csv(name: str) -> Table:
    try:
        with Path(name).open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, skipinitialspace=True)
            columns = [cell.strip() for cell in next(reader, [])]
            rows, lines = [], []
            for row in reader:
                if row:
                    if any(cell.strip() for cell in row[len(columns) :]):
                        raise LenszooError(
                            f"{name}: line {reader.line_num} has {len(row)} values for "
                            f"{len(columns)} columns; quote commas, and write decimal points."
                        )
                    rows.append(row)
                    lines.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise LenszooError(f"{name}: not a CSV table in UTF-8 ({one_line(error)}).") from error
    return _CsvTable(name, columns, rows, lines)


def _read_parquet(name: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with Path(name).open("rb") as stream:
        try:
            return _ParquetTable(name, pq.ParquetFile(stream).read())
        except (pa.ArrowException, OSError) as error:  # damaged pages raise an OSError
            raise LenszooError(
                f"{name}: not a Parquet file, or a damaged one ({one_line(error)}); copy or make "
                "it again."
            ) from error
