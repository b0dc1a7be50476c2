"""Tiles of a survey: which files hold which tile in which band, from a pattern or a table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lenszoo.data.fits import SUFFIXES, split_hdu
from lenszoo.data.matching import match_by_pattern
from lenszoo.data.table import PARQUET_SUFFIXES, read_table
from lenszoo.errors import LenszooError

PATTERN = "{tile}/{band}.fits"
_COLUMNS = ("tile", "band", "path")


@dataclass(frozen=True)
class TileFiles:
    """The files of one tile.

    Attributes:
        name: the tile's.
        paths: a file for each band, an HDU in brackets where one is named; None where it lacks one.
        zero_points: AB magnitude of flux 1 for each band; None where unknown.
    """

    name: str
    paths: tuple[str | None, ...]
    zero_points: tuple[float | None, ...]


def list_tiles(
    source: str | os.PathLike[str],
    bands: Sequence[str],
    pattern: str | None = None,
    zero_point: float | None = None,
) -> list[TileFiles]:
    """List the tiles of a folder or of a table, in natural or the table's order.

    Args:
        source: a folder, or a CSV or Parquet table with the columns ``tile``, ``band``, ``path``
            (relative to the table) and, where it differs, ``zero_point``.
        bands: names of the bands, in a model's order.
        pattern: where in the folder a tile lies, such as ``"{tile}/{band}.fits.fz"`` or
            ``"{tile}.fits[{band}]"``; by default :data:`PATTERN`.
        zero_point: AB magnitude of flux 1 where a table names none.

    Raises:
        LenszooError: no such folder or table, no tile in it, a pattern without ``{tile}``.
    """
    path = Path(source)
    if path.is_dir():
        tiles = _of_folder(path, bands, pattern or PATTERN, zero_point)
    elif not path.exists():
        raise LenszooError(f"{path}: no such folder or table of tiles.")
    elif path.suffix.lower() in (".csv", *PARQUET_SUFFIXES):
        if pattern is not None:
            raise LenszooError(f"{path}: a table of tiles names their files; leave out pattern=.")
        tiles = _of_table(path, bands, zero_point)
    else:
        raise LenszooError(
            f"{path}: tiles are a folder, or a table (CSV or Parquet) with the columns "
            "tile, band, path."
        )
    return tiles


def _of_folder(
    folder: Path, bands: Sequence[str], pattern: str, zero_point: float | None
) -> list[TileFiles]:
    file_pattern, _ = split_hdu(pattern)
    if "{tile}" not in file_pattern or "{id}" in pattern:
        raise LenszooError(
            f"The pattern {pattern!r} must say where {{tile}} and {{band}} stand, as in "
            "'{tile}/{band}.fits.fz' or '{tile}.fits[{band}]'."
        )
    if "{band}" not in pattern and len(bands) > 1:
        raise LenszooError(
            f"The pattern {pattern!r} lacks {{band}}, but there are {len(bands)} bands "
            f"({', '.join(bands)}), each an image of its own."
        )
    by_id = pattern.replace("{tile}", "{id}")
    names = match_by_pattern(folder, (), by_id, bands).strangers
    if not names:
        raise LenszooError(
            f"{folder}: no file fits the pattern {pattern!r} with the bands {', '.join(bands)}; "
            f"say where tiles lie with pattern=. Tiles end in {', '.join(SUFFIXES)}."
        )
    files = match_by_pattern(folder, names, by_id, bands).files
    points = (zero_point,) * len(bands)
    return [TileFiles(name, paths, points) for name, paths in zip(names, files, strict=True)]


def _of_table(path: Path, bands: Sequence[str], zero_point: float | None) -> list[TileFiles]:
    table = read_table(path)
    table.need(_COLUMNS, "A table of tiles has the columns tile, band, path and zero_point.")
    names, band_of, paths = (table.filled(column) for column in _COLUMNS)
    points = np.full(len(table), np.nan)
    if "zero_point" in table.columns:
        points = table.numbers("zero_point")
    keys = [band.casefold() for band in bands]
    files: dict[str, dict[int, int]] = {name: {} for name in names}
    for row, (name, band) in enumerate(zip(names, band_of, strict=True)):
        if band.casefold() not in keys:
            continue
        if keys.index(band.casefold()) in files[name]:
            raise LenszooError(f"{path}: {table.where(row)} names tile {name}, band {band} again.")
        files[name][keys.index(band.casefold())] = row
    if not any(files.values()):
        there = ", ".join(sorted(set(band_of))[:8]) or "none"
        raise LenszooError(f"{path}: no tile has a band of {', '.join(bands)}; it has {there}.")
    tiles = []
    for name, rows in files.items():
        at = [rows.get(k) for k in range(len(bands))]
        tiles.append(
            TileFiles(
                name,
                tuple(None if r is None else str(path.parent / paths[r]) for r in at),
                tuple(
                    zero_point if r is None or np.isnan(points[r]) else float(points[r]) for r in at
                ),
            )
        )
    return tiles
