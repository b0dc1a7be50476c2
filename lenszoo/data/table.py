"""Tables of objects from files and from memory, column by column."""

import contextlib
import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.astropy_table import holds_table, read_ecsv, read_fits_table, read_votable
from lenszoo.data.fits import SUFFIXES as FITS_SUFFIXES
from lenszoo.data.fits import split_hdu
from lenszoo.data.memory_table import as_arrow, describe, is_table
from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line, unreadable
from lenszoo.files import at_home, expanded

PARQUET_SUFFIXES = (".parquet", ".pq")
"""File name endings of Parquet tables, in lower case."""

TABLE_SUFFIXES = (".csv", *PARQUET_SUFFIXES, ".ecsv", ".vot", ".votable", ".xml")
"""File name endings of tables, in lower case; a FITS file may hold one too, see is_table_file."""

MISSING = frozenset(
    ("", "-", "--", "nan", "NaN", "NAN", "null", "NULL", "none", "None", "NA", "N/A", "n/a")
)
"""Texts of a cell without a value."""

_TRUTH = {"true": "1", "false": "0"}
# Python's own grammar would also read 117_23 and digits of other scripts.
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_WHOLE = re.compile(r"[+-]?[0-9]+")
_PADDED = re.compile(r"[+-]?0[0-9]")
# 12e5, as catalogues call fields: programs write numbers with a point, or a sign after the e
_CODE = re.compile(r"[+-]?[0-9]+(?:[eE][0-9]+)?")
_SHOWN = 50  # columns in a message
# A table of strangers: bytes of values that may always come, and for each byte of the file; rows
# that are decoded at once.
_CLAIMED, _CLAIMED_A_BYTE, _ROWS = 2**28, 50, 8192


class NotNumbersError(LenszooError):
    """A column holds text where numbers are wanted."""


class Table:
    """A table in memory: a header and rows, of which messages name the line in the file.

    Attributes:
        source: the file.
        columns: the names in the header.
    """

    def __init__(self, source: str, content: Any, lines: Sequence[int] | None = None) -> None:
        """Take a ``pyarrow.Table``, and the lines of its rows in a CSV; None counts rows from 1."""
        self.source, self.columns = source, tuple(content.column_names)
        self._content, self._lines = content, lines

    def __len__(self) -> int:
        return self._content.num_rows

    def text(self, column: str) -> list[str]:
        """Return the cells of a column without the blanks around them; "" is a missing value.

        Raises:
            LenszooError: bytes that are no text, or whole numbers stored as floats that may stand
                for several.
        """
        import pyarrow as pa

        cells = self._column(column)
        if pa.types.is_floating(cells.type):  # a table that once lacked an id made them floats
            values = cells.to_numpy()
            there = ~np.isnan(values)
            if np.all(values[there] == np.rint(values[there])):
                return self._whole(column, values, there)
        try:
            texts = cells.to_pylist()
        except (ArithmeticError, ValueError) as error:  # dates that Python's own do not reach
            raise LenszooError(
                f"{self.source}: column {column!r} of {cells.type} cannot be read "
                f"({one_line(error)}); store text or numbers."
            ) from error
        try:  # bytes are what astropy writes for the strings of FITS tables
            texts = [t.decode().strip("\0") if isinstance(t, bytes) else t for t in texts]
        except UnicodeDecodeError as error:
            raise LenszooError(
                f"{self.source}: column {column!r} holds bytes that are no text ({error.reason})."
            ) from error
        return ["" if text is None else str(text).strip() for text in texts]

    def numbers(self, column: str) -> np.ndarray:
        """Return a column as (n,) float64; a missing value is NaN, true and false are 1 and 0.

        Raises:
            NotNumbersError: a cell holds something else; the first is named.
        """
        import pyarrow as pa

        kind = self._column(column).type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            return self._column(column).cast(pa.float64(), safe=False).to_numpy()
        if pa.types.is_nested(kind):
            raise NotNumbersError(f"{self.source}: column {column!r} holds {kind}, no numbers.")
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

    def typed(self, columns: Iterable[str]) -> Any:
        """Return some columns as a ``pyarrow.Table``; the text of a CSV as the numbers that it is.

        Whole numbers stay whole, with every digit. Text stay columns with a leading zero, as in
        007, codes such as 12e5, and whole numbers that no 64 bits hold.
        """
        import pyarrow as pa

        chosen = [column for column in columns if self.columns.count(column) == 1]
        parts = self._content.select(chosen)
        if self._lines is None:
            return parts
        arrays = [_as_numbers(self, name, parts.column(name)) for name in chosen]
        return pa.Table.from_arrays(arrays, chosen)

    def need(self, columns: Iterable[str], hint: str) -> None:
        """Raise LenszooError, with a hint, unless each column is there, and once."""
        for column in columns:
            if column not in self.columns:
                more = ", ..." if len(self.columns) > _SHOWN else ""
                raise LenszooError(
                    f"{self.source}: no column {column!r}; the columns are: "
                    f"{', '.join(self.columns[:_SHOWN])}{more}. {hint}"
                )
            if self.columns.count(column) > 1:
                raise LenszooError(
                    f"{self.source}: the header has two columns {column!r}; rename one."
                )

    def where(self, row: int) -> str:
        """Return how messages call a row, counted from 0."""
        return f"row {row + 1}" if self._lines is None else f"line {self._lines[row]}"

    def _column(self, column: str) -> Any:
        return self._content.column(self.columns.index(column))

    def _whole(self, column: str, values: np.ndarray, there: np.ndarray) -> list[str]:
        """Return whole numbers that were stored as floats; "" where there is none."""
        exact = 2.0 ** (np.finfo(values.dtype).nmant + 1)  # it holds every whole number below
        large = np.flatnonzero(there & ~(np.abs(values) < exact))
        if len(large):
            value = float(values[large[0]])
            raise LenszooError(
                f"{self.source}: {self.where(int(large[0]))} has {value!r} in column "
                f"{column!r}, a float that may stand for several ids; store ids as text or as "
                "64-bit integers."
            )
        return ["" if np.isnan(value) else str(int(value)) for value in values]


def _as_numbers(table: Table, name: str, cells: Any) -> Any:
    """Return a column of text as whole numbers, as numbers, or as the text that it is."""
    import pyarrow as pa

    texts = table.text(name)
    values = [None if text in MISSING else text for text in texts]
    there = [text for text in values if text is not None]
    if not there or any(_PADDED.match(text) for text in there):
        return cells
    if all(_CODE.fullmatch(text) for text in there):
        whole = _as_whole(values)
        return cells if whole is None else whole
    try:
        numbers = table.numbers(name)
    except NotNumbersError:
        return cells
    if any(text.lower() in _TRUTH or _is_rounded(text) for text in there):
        return cells
    return pa.array(numbers, mask=np.isnan(numbers))


def _as_whole(values: Sequence[str | None]) -> Any:
    """Return whole numbers as int64 or uint64; None for codes, and where neither holds them."""
    import pyarrow as pa

    if not all(text is None or _WHOLE.fullmatch(text) for text in values):
        return None
    for kind in (pa.int64(), pa.uint64()):
        with contextlib.suppress(OverflowError, ValueError):  # too large; for Python's int too
            return pa.array([None if text is None else int(text) for text in values], kind)
    return None


def _is_rounded(text: str) -> bool:
    """Whether a whole number would lose digits as a float64, which holds few of more than 22."""
    return _WHOLE.fullmatch(text) is not None and (len(text) > 23 or float(text) != int(text))


def is_table_file(name: str | os.PathLike[str]) -> bool:
    """Whether a file is a table by its ending, or a FITS file of tables without images."""
    file = at_home(name)
    if split_hdu(file)[0].lower().endswith(FITS_SUFFIXES):
        return holds_table(file)
    return file.lower().endswith(TABLE_SUFFIXES)


def read_table(source: Any) -> Table:
    """Read a table from a file, or take one in memory.

    A file is Parquet, FITS (``file.fits[1]`` names one of several tables), VOTable or ECSV by its
    ending, and any other a CSV (UTF-8, commas) with a header line. A CSV's row that ends early
    lacks the rest of its values.

    Args:
        source: the file, or a table of astropy, pandas, polars or pyarrow.

    Raises:
        LenszooError: the file is missing, damaged or of another kind.
    """
    if is_table(source):
        return Table(describe(source), as_arrow(source))
    name = at_home(source)
    file = split_hdu(name)[0].lower()
    try:
        for suffixes, read in _READERS:
            if file.endswith(suffixes):
                return Table(name, read(name))
        return _read_csv(name)
    except OSError as error:
        raise unreadable(name, error) from error


def folder_of(source: Any) -> Path:
    """Return the folder of a table; of one in memory the current one."""
    return Path() if is_table(source) else expanded(source).parent


def column_names(source: Any) -> list[str]:
    """Return the names of the columns of a table; none where it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if is_table(source) or not os.fspath(source).lower().endswith((".csv", *PARQUET_SUFFIXES)):
            return list(read_table(source).columns)
        with open_regular(at_home(source)) as raw:
            stream = io.BufferedReader(raw)
            if not os.fspath(source).lower().endswith(".csv"):
                return pq.read_schema(stream).names
            text = io.TextIOWrapper(stream, newline="", encoding="utf-8-sig")
            return [cell.strip() for cell in next(csv.reader(text), [])]
    except (LenszooError, OSError, UnicodeDecodeError, csv.Error, pa.ArrowException):
        return []  # reading it will tell


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
    import pyarrow as pa

    try:
        with open_regular(name) as raw:
            most = 2**20 + os.fstat(raw.fileno()).st_size  # a value takes a byte, if it is there
            stream = io.TextIOWrapper(io.BufferedReader(raw), newline="", encoding="utf-8-sig")
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
                    rows.append([*row, *[""] * (len(columns) - len(row))][: len(columns)])
                    lines.append(reader.line_num)
                    if len(rows) * len(columns) > most:
                        raise LenszooError(
                            f"{name}: most rows end before the last of {len(columns)} columns; "
                            "is it a table with one separator, the comma?"
                        )
    except (UnicodeDecodeError, csv.Error) as error:
        raise LenszooError(f"{name}: not a CSV table in UTF-8 ({one_line(error)}).") from error
    cells = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(columns))]
    return Table(name, pa.Table.from_arrays(cells, columns), lines)


def _read_parquet(name: str) -> Any:
    import pyarrow as pa

    with open_regular(name) as raw:
        try:
            return _bounded(io.BufferedReader(raw), name)
        except (pa.ArrowException, OSError) as error:  # damaged pages raise an OSError
            raise LenszooError(
                f"{name}: not a Parquet file, or a damaged one ({one_line(error)}); copy or make "
                "it again."
            ) from error


def _bounded(stream: io.BufferedReader, name: str) -> Any:
    """Read a Parquet file as long as its values take a sane multiple of its bytes.

    Text stays in dictionaries until its size is known: a column of one long text costs nothing.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    limit = max(_CLAIMED, _CLAIMED_A_BYTE * os.fstat(stream.fileno()).st_size)
    plain = pq.ParquetFile(stream)
    schema, meta = plain.schema_arrow, plain.metadata
    texts = [
        field.name for field in schema if pa.types.is_string(field.type) or _is_bytes(field.type)
    ]
    groups = (meta.row_group(i) for i in range(meta.num_row_groups))
    chunks = (group.column(i) for group in groups for i in range(group.num_columns))
    claimed = sum(max(8 * chunk.num_values, chunk.total_uncompressed_size) for chunk in chunks)
    too_large = LenszooError(
        f"{name}: its values take more than {limit / 2**30:.2g} GiB, too much for a file of its "
        "size; write it anew, with fewer rows."
    )
    if claimed > limit:
        raise too_large
    batches, size = [], 0
    for batch in pq.ParquetFile(stream, read_dictionary=texts).iter_batches(_ROWS):
        for column in batch.columns:
            if pa.types.is_dictionary(column.type):
                lengths = pc.binary_length(column.dictionary).take(column.indices)
                size += pc.sum(lengths).as_py() or 0
            else:
                size += column.nbytes
        if size > limit:
            raise too_large
        batches.append(batch.cast(schema))
    return pa.Table.from_batches(batches, schema)


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_large_string(kind) or pa.types.is_binary(kind)


# by the endings of their files; any other table is a CSV
_READERS: tuple[tuple[tuple[str, ...], Callable[[str], Any]], ...] = (
    (PARQUET_SUFFIXES, _read_parquet),
    (FITS_SUFFIXES, read_fits_table),
    ((".ecsv",), read_ecsv),
    ((".vot", ".votable", ".xml"), read_votable),
)
