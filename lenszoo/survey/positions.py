"""Catalogues of positions on the sky, read in record batches and never whole."""

import functools
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lenszoo.data.fits import SUFFIXES as FITS_SUFFIXES
from lenszoo.data.fits import missing_cells, quiet
from lenszoo.data.names import natural_key
from lenszoo.data.table import PARQUET_SUFFIXES, Table
from lenszoo.errors import LenszooError, one_line, unreadable
from lenszoo.files import expanded, sha256_of

BATCH_ROWS = 1 << 17
"""Rows read at a time."""

REQUIRED = ("id", "ra", "dec")
_CSV = (".csv", ".csv.gz")
_VOTABLE = (".vot", ".votable", ".xml", ".vot.gz")
_SHOWN = 12
_HOURS = ("h", "hour", "hourangle", "15 deg", "hms", "h:m:s")
_DEGREES = ("", "deg", "degree", "degrees", "degree_east", "degree_north", "d", "angle[deg]")


@dataclass(frozen=True)
class Positions:
    """A catalogue of positions: a CSV, Parquet files, a FITS table or a VOTable.

    A folder is read as all Parquet files below it, or else all CSV files; of a HATS (LSDB)
    catalogue those of its ``dataset`` folder. All but VOTables, which astropy reads whole, are
    streamed.

    Attributes:
        path: a file or a folder.
        columns: the catalogue's names of ``id``, ``ra``, ``dec`` [deg, ICRS] and of a model's
            columns, where they differ.
        extra: the columns of numbers that a model looks at.
        optional_id: go without ids; they are empty then.
        optional_place: go without ``ra`` and ``dec``; they are NaN then.
    """

    path: str | os.PathLike[str]
    columns: Mapping[str, str] = field(default_factory=dict)
    extra: Sequence[str] = ()
    optional_id: bool = False
    optional_place: bool = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield ``id`` (text), ``ra`` and ``dec`` (float64) and the extra columns, in order.

        A missing position or number is NaN, a missing id is empty. Whole numbers of 64 bits become
        ids digit by digit.

        Raises:
            LenszooError: no such file or column, a damaged file, ids that were stored as floats
                above 2^53, text among the positions, coordinates in hours.
        """
        start = 0
        for batch in self._raw():
            yield self._plain(batch, start)
            start += len(batch)

    def fingerprint(self) -> str:
        """Return a hash of the names and contents of all files."""
        digest = hashlib.sha256()
        for file in self.files():
            digest.update(f"{file.name}:{content_hash(file)}:".encode())
        return digest.hexdigest()

    def files(self) -> list[Path]:
        """Return the files of the catalogue in natural order.

        Raises:
            LenszooError: there are none, or of a kind that is not read.
        """
        path = expanded(self.path)
        if path.is_dir():
            folder = path / "dataset" if (path / "dataset").is_dir() else path
            for endings in (PARQUET_SUFFIXES, _CSV):
                files = [f for f in folder.rglob("*") if _is_data(f, folder, endings)]
                if files:
                    return sorted(files, key=lambda f: natural_key(str(f)))
            raise LenszooError(f"{path}: the folder holds no Parquet and no CSV files.")
        if not path.exists():
            raise LenszooError(f"{path}: no such file.")
        if not path.name.lower().endswith((*PARQUET_SUFFIXES, *_CSV, *_VOTABLE, *FITS_SUFFIXES)):
            raise LenszooError(
                f"{path}: catalogues are CSV, Parquet, FITS tables or VOTables (.csv .parquet "
                ".fits .vot), or a folder of Parquet files."
            )
        return [path]

    def _raw(self) -> Iterator[pa.RecordBatch]:
        """Yield the named columns as they are in the files, called id, ra, dec and so on."""
        files = self.files()
        name = files[0].name.lower()
        try:
            if name.endswith(_VOTABLE):
                yield from self._votable(files[0])
            elif name.endswith(FITS_SUFFIXES):
                yield from self._fits(files[0])
            else:
                yield from self._dataset(files, csv=name.endswith(_CSV))
        except (pa.ArrowException, OSError) as error:  # damaged pages raise an OSError
            if isinstance(error, OSError) and error.errno:
                raise unreadable(str(self.path), error) from error
            raise LenszooError(f"{self.path}: {_fault(error)}.") from error

    def _names(self, have: Sequence[str]) -> dict[str, str]:
        """Return the catalogue's name of each column that is read."""
        unknown = set(self.columns) - {*REQUIRED, *self.extra}
        if unknown:
            raise LenszooError(
                f"columns: {min(unknown)!r} is no column that is read; name id, ra, dec"
                f"{''.join(f', {name}' for name in self.extra)}, as in ra=RAJ2000,dec=DEJ2000."
            )
        names = {}
        for name in (*REQUIRED, *self.extra):
            if name in self.columns:
                matches = [column for column in have if column == self.columns[name]]
            elif name in have:
                matches = [name]
            else:
                matches = [column for column in have if column.casefold() == name.casefold()]
            if len(matches) != 1:
                if name in self._optional and not matches and name not in self.columns:
                    continue
                label = self.columns.get(name, name)
                shown = ", ".join(have[:_SHOWN]) + (", ..." if len(have) > _SHOWN else "")
                fault = "no column" if not matches else f"{len(matches)} columns are called"
                raise LenszooError(
                    f"{self.path}: {fault} {label!r}; the columns are: {shown}. Say which with "
                    f"columns=, such as {name}=NAME."
                )
            names[name] = matches[0]
        if ("ra" in names) != ("dec" in names):
            there, gone = ("ra", "dec") if "ra" in names else ("dec", "ra")
            raise LenszooError(
                f"{self.path}: has {there} and no {gone}; say which column it is with columns=, "
                f"such as {gone}=NAME."
            )
        return names

    @property
    def _optional(self) -> tuple[str, ...]:
        return ("id",) * self.optional_id + ("ra", "dec") * self.optional_place

    def _dataset(self, files: list[Path], csv: bool) -> Iterator[pa.RecordBatch]:
        import pyarrow.csv as pc
        import pyarrow.dataset as ds

        paths = [str(file) for file in files]
        kind: Any = "parquet"
        if csv:
            have = ds.dataset(paths[:1], format="csv").schema.names
            names = self._names([column.strip() for column in have])
            stored = {column.strip(): column for column in have}
            names = {name: stored[column] for name, column in names.items()}
            types = {column: pa.float64() for column in names.values()}
            if "id" in names:
                types[names["id"]] = pa.string()
            options = pc.ConvertOptions(column_types=types, strings_can_be_null=True)
            kind = ds.CsvFileFormat(convert_options=options)
        else:
            names = self._names(ds.dataset(paths[:1], format="parquet").schema.names)
        dataset = ds.dataset(paths, format=kind)
        for fragment in dataset.get_fragments():
            lacking = set(names.values()) - set(fragment.physical_schema.names)
            if lacking:
                raise LenszooError(
                    f"{fragment.path}: no column {min(lacking)!r}, which {files[0].name} has; the "
                    "files of one catalogue have the same columns."
                )
            for batch in fragment.scanner(
                schema=dataset.schema, columns=list(names.values()), batch_size=BATCH_ROWS,
                batch_readahead=2,
            ).to_batches():  # fmt: skip
                yield pa.RecordBatch.from_arrays(
                    [batch.column(column) for column in names.values()], list(names)
                )

    def _fits(self, file: Path) -> Iterator[pa.RecordBatch]:
        from astropy.io import fits

        with quiet():
            try:
                hdus = fits.open(file, memmap=True)
                tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
            except OSError as error:
                raise LenszooError(
                    f"{file}: not a FITS file, or a damaged one ({one_line(error)})."
                ) from error
        with hdus:
            if not tables:
                raise LenszooError(f"{file}: holds images and no table; name a table of objects.")
            hdu = tables[0]
            names = self._names(hdu.columns.names)
            self._check_units({key: hdu.columns[column].unit for key, column in names.items()})
            for start in range(0, hdu.data.shape[0], BATCH_ROWS):
                rows = hdu.data[start : start + BATCH_ROWS]
                part = slice(start, start + BATCH_ROWS)
                masks = {key: missing_cells(hdu, column, part) for key, column in names.items()}
                columns = {key: native(rows[column]) for key, column in names.items()}
                yield _batch(columns, masks, str(file))

    def _votable(self, file: Path) -> Iterator[pa.RecordBatch]:
        from astropy.io.votable import parse_single_table

        with quiet():
            try:
                table = parse_single_table(str(file)).to_table()
            except Exception as error:  # astropy raises nearly anything for damaged files
                raise LenszooError(
                    f"{file}: not a VOTable, or a damaged one ({one_line(error)})."
                ) from error
        names = self._names(table.colnames)
        self._check_units({key: str(table[c].unit or "") for key, c in names.items()})
        for start in range(0, len(table), BATCH_ROWS):
            rows = table[start : start + BATCH_ROWS]
            yield _batch({key: rows[column] for key, column in names.items()}, {}, str(file))

    def _check_units(self, units: Mapping[str, Any]) -> None:
        for name in ("ra", "dec"):
            unit = str(units.get(name) or "").strip().casefold()
            if unit in _DEGREES:
                continue
            kind = "hours" if unit in _HOURS else repr(unit)
            raise LenszooError(
                f"{self.path}: {name} is in {kind}, not in degrees; convert it"
                f"{' (times 15)' if kind == 'hours' else ''} first."
            )

    def _plain(self, batch: pa.RecordBatch, start: int) -> pa.RecordBatch:
        """Turn a batch as it was read into text and floats."""
        rows = _Rows(str(self.path), pa.Table.from_batches([batch]), start)
        if "id" in batch.schema.names:
            ids = _ids(batch.column("id"), rows)
        else:
            ids = pa.array([""] * len(batch), pa.string())
        arrays = [ids]
        for name in ("ra", "dec", *self.extra):
            there = name in batch.schema.names
            numbers = rows.numbers(name) if there else np.full(len(batch), np.nan)
            arrays.append(pa.array(numbers.astype(np.float64)))
        return pa.RecordBatch.from_arrays(arrays, [*REQUIRED, *self.extra])


class _Rows(Table):
    """A batch of a longer table, of which messages name the row in all."""

    def __init__(self, source: str, content: Any, start: int) -> None:
        super().__init__(source, content)
        self._start = start

    def where(self, row: int) -> str:
        return f"row {self._start + row + 1}"


def _ids(column: pa.Array, rows: Table) -> pa.Array:
    """Return ids as text, "" where there is none."""
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type):
        return pc.fill_null(column.cast(pa.string()), "")
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pc.fill_null(pc.utf8_trim_whitespace(column.cast(pa.string())), "")
    return pa.array(rows.text("id"), pa.string())


def content_hash(file: Path) -> str:
    """Return the sha256 of a file, which is read once while it stays as it is.

    Raises:
        LenszooError: it cannot be read.
    """
    try:
        status = file.stat()
        return _hash_of(str(file.resolve()), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise unreadable(str(file), error) from error


@functools.lru_cache(maxsize=4096)
def _hash_of(path: str, size: int, modified: int) -> str:
    return sha256_of(Path(path))


def as_ids(values: np.ndarray, source: str) -> list[str]:
    """Return an array of ids as text, as a catalogue's column of them."""
    column = values.tolist() if values.dtype.kind in "SUOT" else native(values)
    array = pa.array([v.decode() if isinstance(v, bytes) else v for v in column])
    table = pa.table({"id": array})
    return _ids(array, _Rows(source, table, 0)).to_pylist()


def native(values: Any) -> np.ndarray:
    """Return a column of a FITS table in the byte order of the machine."""
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind in "fiu" else array


def _batch(
    columns: Mapping[str, Any], masks: Mapping[str, np.ndarray | None], source: str
) -> pa.RecordBatch:
    """Return columns of astropy as a record batch; masked values become null."""
    arrays = []
    for name, values in columns.items():
        mask = masks.get(name)
        if isinstance(values, np.ma.MaskedArray):
            mask = np.ma.getmaskarray(values)
        plain = np.asarray(values)
        if plain.dtype.kind in "SU":
            plain = np.char.strip(_as_text(plain, f"{source}: {name}"))
        arrays.append(pa.array(plain, mask=mask))
    return pa.RecordBatch.from_arrays(arrays, list(columns))


def _as_text(values: np.ndarray, label: str) -> np.ndarray:
    try:
        return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values
    except UnicodeDecodeError as error:
        raise LenszooError(
            f"{label} holds bytes that are no text; write the table anew."
        ) from error


def _is_data(file: Path, folder: Path, endings: tuple[str, ...]) -> bool:
    """Whether a file is data; names with _ or . in front are metadata of Parquet folders."""
    hidden = any(part.startswith(("_", ".")) for part in file.relative_to(folder).parts)
    return not hidden and file.name.lower().endswith(endings) and file.is_file()


def _fault(error: Exception) -> str:
    """Say what Arrow could not read; degrees are meant where a position is text."""
    match = re.search(r"(?:Row #(\d+): )?CSV conversion error to double: (.*)", str(error))
    if match is not None:
        where = f"row {int(match[1]) - 1}: " if match[1] else ""
        return f"{where}{match[2]}; ra and dec are degrees, such as 150.1163"
    if "CSV parse error" in str(error):
        return f"{str(error).partition('CSV parse error: ')[2].split(':')[0]}; mend the table"
    return f"{one_line(error)}; copy or make it again"
