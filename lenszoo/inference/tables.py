"""Tables in files: Parquet, CSV, FITS or ECSV, whole or not at all, with their provenance."""

import io
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from lenszoo.data.fits import opened_hdus
from lenszoo.errors import LenszooError, one_line, unknown
from lenszoo.files import at_home, expanded, is_writable, replacing

CsvFormulas = Literal["keep", "quote"]
KEY = b"lenszoo"
FEATURES = "features"
TABLES = (".parquet", ".csv", ".fits", ".ecsv")
FACTS = ("weights", "weights_sha256", "recipe", "seed", "lenszoo", "backend")
"""Parts of the provenance that are columns of a CSV."""


def check_target(path: str | os.PathLike[str], endings: tuple[str, ...] = TABLES) -> Path:
    """Return the path of a file to be written; raise now what would be lost work later.

    Raises:
        LenszooError: the ending is none of ``endings``, or the folder cannot be written.
    """
    target = expanded(path)
    if target.suffix.lower() not in endings:
        listed = ", ".join(endings[:-1])
        listed = f"{listed} or {endings[-1]}" if listed else endings[-1]
        raise LenszooError(f"{target}: the name must end in {listed}.")
    if target.is_dir():
        raise LenszooError(f"{target}: is a folder; give the name of a file.")
    reason = is_writable(target.parent)
    if reason is not None:
        raise LenszooError(f"{target}: cannot be written ({reason}); choose another folder.")
    return target


def write_table(
    table: pa.Table, path: str | os.PathLike[str], *, csv_formulas: CsvFormulas = "keep"
) -> Path:
    """Write a table of :func:`lenszoo.predict` as ``.parquet``, ``.csv``, ``.fits`` or ``.ecsv``.

    Parquet keeps the provenance in the schema's metadata, FITS in its header (``LENSZOO``) and ECSV
    in its own; :func:`provenance_of` finds it there. A CSV has no such place: ``weights``,
    ``weights_sha256``, ``recipe``, ``seed``, ``lenszoo`` and ``backend`` are columns of their own
    there, the same in every row, which any reader takes and which survive when tables are put
    together. Missing values are empty in a CSV; in FITS and ECSV they are masked, NaN for numbers
    with a fraction, and empty for the text of FITS.

    Args:
        table: the table.
        path: the file, replaced where it is there.
        csv_formulas: of a CSV. "keep" writes text as it is; "quote" puts an apostrophe before text
            that spreadsheets take for a formula, which begins with ``=``, ``+``, ``-``, ``@``, a
            tab or a carriage return, such as an id chosen by a stranger.

    Raises:
        LenszooError: another ending, a column that the format cannot hold, or a file that cannot be
            written.
    """
    return write_tables([table], check_target(path), csv_formulas)


def write_tables(
    tables: Iterable[pa.Table], target: Path, csv_formulas: CsvFormulas = "keep"
) -> Path:
    """Write tables that follow one another as one, as :func:`write_table` does.

    Of Parquet, CSV and ``.npy`` (the vectors of an :func:`lenszoo.inference.embedding_table` alone)
    one table is in memory at a time, of other formats all are.

    Raises:
        LenszooError: as :func:`write_table`.
    """
    if csv_formulas not in get_args(CsvFormulas):
        raise unknown("csv_formulas", str(csv_formulas), get_args(CsvFormulas))
    write = _WRITERS[target.suffix.lower()]
    try:
        with replacing(target) as (_, stream):
            write(map(_quoted, tables) if csv_formulas == "quote" else iter(tables), stream)
    except LenszooError:
        raise
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise LenszooError(
            f"{target}: this format cannot hold the table ({one_line(error)}); write .parquet."
        ) from error
    return target


def sort_table(table: pa.Table, column: str) -> pa.Table:
    """Sort by a column, highest first; rows without a value come last, equal ones in their order.

    Raises:
        LenszooError: no such column, or one that cannot be sorted.

    Example:
        >>> import pyarrow as pa
        >>> from lenszoo.inference import sort_table
        >>> sort_table(pa.table({"id": ["a", "b"], "logit": [0.1, 2.0]}), "logit")["id"].to_pylist()
        ['b', 'a']
    """
    import pyarrow.compute as pc

    if column not in table.column_names:
        raise unknown("column to sort by", column, table.column_names)
    values = table[column].combine_chunks()
    if pa.types.is_nested(values.type):
        raise LenszooError(f"Column {column!r} holds {values.type}, which has no order.")
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    keys = pa.table({"value": values, "row": pa.array(np.arange(len(table)))})
    order = [("value", "descending"), ("row", "ascending")]
    return table.take(pc.sort_indices(keys, sort_keys=order))  # null comes last by default


def _quoted(table: pa.Table) -> pa.Table:
    """Put an apostrophe before text, and names of columns, that look like formulas."""
    import pyarrow.compute as pc

    pattern, quoted = "^([=+\\-@\t\r])", r"'\1"
    arrays = [
        pc.replace_substring_regex(column, pattern, quoted)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        else column
        for column in table.columns
    ]
    names = [re.sub(pattern, quoted, name) for name in table.column_names]
    return pa.Table.from_arrays(arrays, names).replace_schema_metadata(table.schema.metadata)


def _write_parquet(tables: Iterator[pa.Table], stream: Any) -> None:
    import pyarrow.parquet as pq

    first = next(tables)
    dictionary = dictionary_columns(first.schema)
    with pq.ParquetWriter(stream, first.schema, use_dictionary=dictionary) as writer:
        for table in itertools.chain([first], tables):
            writer.write_table(table)


def dictionary_columns(schema: pa.Schema) -> list[str]:
    """Return the columns to store as dictionaries: vectors read ten times faster without."""
    return [name for name in schema.names if name != FEATURES]


def _write_fits(tables: Iterator[pa.Table], stream: Any) -> None:
    from astropy.io import fits

    from lenszoo.data.astropy_table import to_astropy

    table = _with_gaps(pa.concat_tables(tables))
    rows = to_astropy(table)
    for name in rows.colnames:
        if rows[name].dtype.kind == "U" and not all(
            text.isascii() for text in rows[name].tolist() if text is not None
        ):
            raise ValueError(f"column {name!r} has letters that are not ASCII")
    # long text goes on over several cards
    header = fits.Header({"LENSZOO": json.dumps(provenance_of(table))})
    unit = fits.table_to_hdu(rows)
    unit.header.update(header)
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(stream)


def _with_gaps(table: pa.Table) -> pa.Table:
    """Turn unsigned numbers with gaps, which FITS does not hold, into signed ones or text."""
    for k, field in enumerate(table.schema):
        column = table.column(k)
        if pa.types.is_unsigned_integer(field.type) and column.null_count:
            try:
                column = column.cast(pa.int64())
            except pa.ArrowInvalid:  # of 64 bits
                column = column.cast(pa.string())
            table = table.set_column(k, field.with_type(column.type), column)
    return table


def _write_ecsv(tables: Iterator[pa.Table], stream: Any) -> None:
    from lenszoo.data.astropy_table import to_astropy

    table = pa.concat_tables(tables)
    rows = to_astropy(table)
    rows.meta[KEY.decode()] = provenance_of(table)
    text = io.StringIO()
    rows.write(text, format="ascii.ecsv")
    stream.write(text.getvalue().encode())


def _write_csv(tables: Iterator[pa.Table], stream: Any) -> None:
    import pyarrow.csv as pc

    for k, table in enumerate(tables):
        options = pc.WriteOptions(include_header=k == 0)
        pc.write_csv(_with_facts(table), stream, options)


def _with_facts(table: pa.Table) -> pa.Table:
    """Put some of the provenance into columns.

    Raises:
        LenszooError: a column of another meaning has such a name.
    """
    facts = provenance_of(table)
    for name in FACTS:
        if name in facts and name in table.column_names:
            raise LenszooError(
                f"Column {name!r} is that of the provenance in a CSV; rename the table's own."
            )
        value = facts.get(name)
        parts = value if isinstance(value, list) else [value]  # one a member of an ensemble
        text = None if parts == [None] else " + ".join(map(str, parts))
        column = [text] * len(table)
        if name not in table.column_names:
            table = table.append_column(name, pa.array(column, pa.string()))
    return table


def _write_npy(tables: Iterator[pa.Table], stream: Any) -> None:
    rows, width = 0, 0
    for table in tables:
        features = features_of(table)
        if not rows:
            width = features.shape[1]
            _npy_header(stream, 0, width)
        rows += len(features)
        stream.write(features.tobytes())
    stream.seek(0)
    _npy_header(stream, rows, width)  # of the same length: NumPy leaves room for the rows


def _npy_header(stream: Any, rows: int, width: int) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
    np.lib.format.write_array_header_1_0(stream, header)


def features_of(table: pa.Table) -> np.ndarray:
    """Return the vectors of an :func:`lenszoo.inference.embedding_table`, float32 (n, d).

    A row without a vector is NaN.
    """
    column = table[FEATURES].combine_chunks()
    features = np.full((len(table), column.type.list_size), np.nan, np.float32)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    features[there] = column.drop_null().flatten().to_numpy().reshape(-1, features.shape[1])
    return features


_WRITERS: dict[str, Callable[[Iterator[pa.Table], Any], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".fits": _write_fits,
    ".ecsv": _write_ecsv,
    ".npy": _write_npy,
}


def write_features(features: np.ndarray, path: str | os.PathLike[str]) -> Path:
    """Write an array as ``.npy``, whole or not at all.

    Raises:
        LenszooError: another ending, or a file that cannot be written.
    """
    target = check_target(path, (".npy",))
    content = io.BytesIO()
    np.save(content, features, allow_pickle=False)
    with replacing(target) as (_, stream):
        stream.write(content.getbuffer())
    return target


def provenance_of(source: pa.Table | str | os.PathLike[str]) -> dict[str, Any]:
    """Return the provenance of a table of :func:`lenszoo.predict`, or of its file.

    Raises:
        LenszooError: a file that is no readable Parquet, FITS or ECSV file.
    """
    if isinstance(source, pa.Table):
        metadata = source.schema.metadata
    elif os.fspath(source).lower().endswith((".fits", ".ecsv")):
        return _stored_facts(at_home(source))
    else:
        import pyarrow.parquet as pq

        try:
            metadata = pq.read_schema(expanded(source)).metadata
        except (OSError, pa.ArrowException) as error:
            raise LenszooError(f"{source}: no readable Parquet file ({error}).") from error
    return json.loads((metadata or {}).get(KEY, b"{}"))


def _stored_facts(name: str) -> dict[str, Any]:
    """Provenance in the header of a FITS or ECSV table."""
    if name.lower().endswith(".fits"):
        with opened_hdus(name) as file:
            return json.loads(file.hdus[-1].header.get("LENSZOO", "{}"))
    from astropy.table import Table

    try:
        return dict(Table.read(name, format="ascii.ecsv").meta.get(KEY.decode(), {}))
    except (OSError, ValueError) as error:
        raise LenszooError(f"{name}: no readable ECSV file ({one_line(error)}).") from error
