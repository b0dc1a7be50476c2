"""Tables of astropy, as Arrow tables and back: FITS, VOTable and ECSV files.

Text stays text, whole numbers stay whole numbers, masked values are null, and the unit of a column
is kept in the metadata of its Arrow field, under ``unit``.
"""

import contextlib
import io
import os
import re
import xml.parsers.expat
from typing import Any

import numpy as np

from lenszoo.data.fits import is_called, is_image, missing_cells, opened_hdus, quiet, split_hdu
from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line

UNIT = b"unit"
_PACKED = (b"\x1f\x8b", b"\x1f\x9d", b"BZh", b"\xfd7zXZ", b"PK\x03\x04")
_BLOCK, _SLACK = 2**18, 2**20
_BYTES = {"I": 2, "J": 4, "K": 8, "E": 4, "D": 8, "C": 8, "M": 16, "X": 0.125}
"""Bytes of a number of a FITS table's column of lists, where it is not 1."""


def from_astropy(table: Any, source: str) -> Any:
    """Turn an astropy ``Table`` or ``QTable`` into a ``pyarrow.Table``.

    Args:
        table: the table; times, sky positions and other mixed-in columns become text.
        source: its name in errors.

    Raises:
        LenszooError: bytes that are no text.
    """
    import pyarrow as pa

    columns, fields = [], []
    for name in table.colnames:
        column = table[name]
        try:
            array = _as_arrow(column)
        except UnicodeDecodeError as error:
            raise LenszooError(
                f"{source}: column {name!r} holds bytes that are no text ({error.reason})."
            ) from error
        unit = getattr(column, "unit", None)
        columns.append(array)
        fields.append(pa.field(name, array.type, metadata={UNIT: str(unit)} if unit else None))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _as_arrow(column: Any) -> Any:
    """Turn a column of an astropy table into an Arrow array."""
    import pyarrow as pa

    mask = getattr(column, "mask", None)
    plain = getattr(column, "unmasked", column)  # of a masked quantity
    plain = np.ma.getdata(getattr(plain, "value", plain))
    if not isinstance(plain, np.ndarray) or plain.dtype.kind in "OcV":
        return pa.array([None if cell is np.ma.masked else _as_text(cell) for cell in column])
    if plain.dtype.kind == "S":
        texts = [cell.decode() for cell in plain.ravel().tolist()]
        plain = np.array(texts, object).reshape(plain.shape)
    elif plain.dtype.kind == "U":
        plain = plain.astype(object)
    else:
        plain = plain.astype(plain.dtype.newbyteorder("="))
    if plain.ndim > 1:
        return pa.array(plain.tolist())
    missing = None if mask is None or not np.any(mask) else np.asarray(mask, bool)
    return pa.array(plain, mask=missing)


def _as_text(cell: Any) -> str:
    return cell.decode() if isinstance(cell, bytes) else str(cell)


def to_astropy(table: Any) -> Any:
    """Turn a ``pyarrow.Table`` into an astropy ``Table``; null becomes masked.

    Vectors of one length become a column of as many values a row.

    Raises:
        ValueError: a column of another nested type; names it.
    """
    import pyarrow as pa
    from astropy.table import Column, MaskedColumn, Table

    columns = []
    for field, chunks in zip(table.schema, table.columns, strict=True):
        unit = (field.metadata or {}).get(UNIT, b"").decode() or None
        column = chunks.combine_chunks()
        missing = column.is_null().to_numpy(zero_copy_only=False)
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            values = np.array(column.fill_null("").to_pylist() or [""], str)[: len(column)]
        elif pa.types.is_nested(field.type) or pa.types.is_binary(field.type):
            raise ValueError(f"column {field.name!r} holds {field.type}")
        elif pa.types.is_null(field.type):
            values = np.full(len(column), "")
        else:
            filler = False if pa.types.is_boolean(field.type) else 0
            values = column.fill_null(filler).to_numpy(zero_copy_only=False)
        if missing.any() and np.issubdtype(values.dtype, np.floating):
            values, missing = np.where(missing, np.nan, values), np.zeros(len(values), bool)
        options = {"name": field.name, "unit": unit}
        columns.append(
            MaskedColumn(values, mask=missing, **options)
            if missing.any()
            else Column(values, **options)
        )
    return Table(columns)


def read_fits_table(name: str) -> Any:
    """Read a table of a FITS file as a ``pyarrow.Table``.

    Args:
        name: the file; ``file.fits[2]`` or ``file.fits[CATALOG]`` names one of several tables.

    Raises:
        LenszooError: the file is missing or damaged, has no table, or several and no choice.
    """
    from astropy.table import MaskedColumn, Table

    choice = split_hdu(name)[1]
    with opened_hdus(name, unsigned=True) as file:
        tables = _tables(file.hdus)
        named = [i for i in tables if choice is None or is_called(file.hdus, i, choice)]
        if len(named) != 1:
            names = ", ".join(f"{i} {file.hdus[i].name}".strip() for i in tables) or "none"
            raise LenszooError(
                f"{name}: one table is needed; this FITS file's are: {names}. Choose one in "
                "brackets, as in 'file.fits[1]'."
            )
        file.check_whole(named[0], "table")
        _check_cells(file.hdus[named[0]], name)
        hdu = file.hdus[named[0]]
        masks = {column: missing_cells(hdu, column) for column in hdu.columns.names}
        for column in masks:
            if hdu.columns[column].null is not None:
                hdu.data[column]  # is read while TNULL is known, which a table of text needs
                hdu.columns[column].null = None  # astropy takes it for a value after TSCAL
        table = Table.read(hdu, character_as_bytes=False)
        for column, mask in masks.items():
            if mask is not None:
                mask = mask | np.ma.getmaskarray(table[column])
                table[column] = MaskedColumn(table[column], mask=mask)
        return from_astropy(table, name)


def _check_cells(hdu: Any, name: str) -> None:
    """Raise LenszooError for a table with cells that its bytes cannot hold.

    Columns of no width, and lists of any length that lie on top of each other, cost a file nothing.
    """
    rows, columns = hdu.header["NAXIS2"], hdu.columns
    width, heap = hdu.header["NAXIS1"], hdu.header.get("PCOUNT", 0)
    cells = rows * len(columns) > rows * width + _SLACK
    for column in columns if not cells else ():
        kind = re.match(r"\d*[PQ](.)", str(column.format))
        if kind is not None:
            numbers = hdu.data.view(np.ndarray)[column.name].reshape(-1, 2)[:, 0].astype(object)
            cells |= sum(numbers) * _BYTES.get(kind[1], 1) > heap + _SLACK or min(numbers) < 0
    if cells:
        raise LenszooError(
            f"{name}: the table claims more values than its bytes hold; write it anew."
        )


def holds_table(name: str) -> bool:
    """Whether a FITS file holds tables and no image; False for one that cannot be read."""
    hdu = split_hdu(name)[1]
    with contextlib.suppress(LenszooError), opened_hdus(name) as file:
        tables = _tables(file.hdus)
        if hdu is not None:
            return any(is_called(file.hdus, i, hdu) for i in tables)
        return bool(tables) and not any(map(is_image, file.hdus))
    return False


def _tables(hdus: Any) -> list[int]:
    from astropy.io import fits

    kinds = (fits.BinTableHDU, fits.TableHDU)
    return [i for i, hdu in enumerate(hdus) if isinstance(hdu, kinds) and not hdu.is_image]


def read_votable(name: str) -> Any:
    """Read the first table of a VOTable as a ``pyarrow.Table``.

    Raises:
        LenszooError: the file is missing, damaged or of another kind.
    """
    return _read(name, "votable", "VOTable")


def read_ecsv(name: str) -> Any:
    """Read an ECSV file, astropy's text format with units and types, as a ``pyarrow.Table``.

    Raises:
        LenszooError: the file is missing, damaged or of another kind.
    """
    return _read(name, "ascii.ecsv", "ECSV table")


def _read(name: str, form: str, noun: str) -> Any:
    from astropy.table import Table

    with open_regular(name) as raw:
        start = raw.read(8)
        if start.startswith(_PACKED):  # astropy would unpack it, however large it becomes
            raise LenszooError(f"{name}: a compressed {noun}; unpack it first, if you trust it.")
        if form == "votable":
            raw.seek(0)
            _check_votable(raw, name)
    try:
        with quiet():
            return from_astropy(Table.read(os.fspath(name), format=form), name)
    except LenszooError:
        raise
    except Exception as error:  # astropy raises nearly anything for damaged files
        raise LenszooError(
            f"{name}: no readable {noun} ({one_line(error)}); copy or make it again."
        ) from error


def _check_votable(raw: io.FileIO, name: str) -> None:
    """Raise LenszooError for a VOTable that leads to other files or claims more than it holds.

    Its values may stand in a stream elsewhere, which astropy would open: any file of the user's,
    or an address in the network.
    """
    size = os.fstat(raw.fileno()).st_size

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = tag.rpartition(":")[2].upper()
        if element == "FITS" or (element == "STREAM" and "href" in attributes):
            raise LenszooError(f"{name}: its values lie in another file: refused.")
        if element == "STREAM" and attributes.get("encoding", "base64") not in ("base64", "none"):
            raise LenszooError(f"{name}: its values are compressed; write it anew without that.")
        rows = attributes.get("nrows", "0") if element == "TABLE" else "0"
        if not rows.isdecimal() or len(rows) > 18 or int(rows) > size:
            raise LenszooError(f"{name}: nrows = {rows[:20]} is more than a file of its size has.")

    def declare(*_: Any) -> None:
        raise LenszooError(f"{name}: declares entities, which tables do without: refused.")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler, parser.EntityDeclHandler = start, declare
    try:
        while block := raw.read(_BLOCK):
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except xml.parsers.expat.ExpatError as error:
        raise LenszooError(
            f"{name}: no readable VOTable ({one_line(error)}); copy or make it again."
        ) from error
