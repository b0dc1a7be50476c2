"""Tiles of a survey: which files hold which tile in which band, from a pattern or a table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.fits import SUFFIXES, split_hdu
from lenszoo.data.matching import match_by_pattern
from lenszoo.data.stacks import SUFFIXES as STACK_SUFFIXES
from lenszoo.data.table import PARQUET_SUFFIXES, read_table
from lenszoo.errors import LenszooError
from lenszoo.files import expanded

PATTERN = "{tile}/{band}.fits"
_COLUMNS = ("tile", "band", "path")


@dataclass(frozen=True)
class TileFiles:
    """The files of one tile.

    Attributes:
        name: the tile's.
        paths: a file for each band, an HDU in brackets where one is named; None where it lacks one.
        zero_points: AB magnitude of flux 1 for each band; None where unknown.
        weight_maps, masks: as ``paths``, "" for a band without; empty where there are none.
        cube: whether the bands are the planes of one image (bands, H, W), which ``paths`` repeats.
    """

    name: str
    paths: tuple[str | None, ...]
    zero_points: tuple[float | None, ...]
    weight_maps: tuple[str | None, ...] = ()
    masks: tuple[str | None, ...] = ()
    cube: bool = False


def list_tiles(
    source: str | os.PathLike[str],
    bands: Sequence[str],
    pattern: str | None = None,
    zero_point: float | None = None,
    weight_maps: str | None = None,
    masks: str | None = None,
) -> list[TileFiles]:
    """List the tiles of a folder or of a table, in natural or the table's order.

    Args:
        source: a folder, or a CSV or Parquet table with the columns ``tile``, ``band``, ``path``
            (relative to the table) and, where there are, ``zero_point``, ``weight_map`` and
            ``mask``.
        bands: names of the bands, in a model's order.
        pattern: where in the folder a tile lies, such as ``"{tile}/{band}.fits.fz"`` or
            ``"{tile}.fits[{band}]"``; by default :data:`PATTERN`. Without ``{band}`` the bands are
            planes of one image.
        zero_point: AB magnitude of flux 1 where a table names none.
        weight_maps, masks: where in the folder these images lie; without ``{band}`` one is for all
            bands.

    Raises:
        LenszooError: no such folder or table, no tile in it, a pattern without ``{tile}``.
    """
    path = expanded(source)
    if path.is_dir():
        tiles = _of_folder(path, bands, pattern or PATTERN, zero_point, weight_maps, masks)
    elif not path.exists():
        raise LenszooError(f"{path}: no such folder or table of tiles.")
    elif path.suffix.lower() in (".csv", *PARQUET_SUFFIXES):
        if pattern or weight_maps or masks:
            raise LenszooError(
                f"{path}: a table of tiles names their files, in the columns path, weight_map and "
                "mask; leave out patterns."
            )
        tiles = _of_table(path, bands, zero_point)
    elif path.suffix.lower() in STACK_SUFFIXES:
        raise LenszooError(
            f"{path}: a stack of cutouts and no tiles; `lenszoo search CATALOGUE --cutouts "
            f"{path.name}` searches it."
        )
    else:
        raise LenszooError(
            f"{path}: tiles are a folder, or a table (CSV or Parquet) with the columns "
            "tile, band, path."
        )
    return tiles


def _of_folder(
    folder: Path,
    bands: Sequence[str],
    pattern: str,
    zero_point: float | None,
    weight_maps: str | None,
    masks: str | None,
) -> list[TileFiles]:
    for each in (pattern, weight_maps, masks):
        if each is not None and ("{tile}" not in split_hdu(each)[0] or "{id}" in each):
            raise LenszooError(
                f"The pattern {each!r} must say where {{tile}} and {{band}} stand, as in "
                "'{tile}/{band}.fits.fz' or '{tile}.fits[{band}]'."
            )
    names = match_by_pattern(folder, (), _by_id(pattern), bands).strangers
    others = [
        _each_band(folder, names, each, bands) if each else [()] * len(names)
        for each in (weight_maps, masks)
    ]
    files = _each_band(folder, names, pattern, bands)
    beside = {path for kind in others for paths in kind for path in paths}
    points, cube = (zero_point,) * len(bands), "{band}" not in pattern and len(bands) > 1
    tiles = [
        TileFiles(name, paths, points, weights, flags, cube)
        for name, paths, weights, flags in zip(names, files, *others, strict=True)
        if not beside.intersection(paths)  # a pattern may fit its masks too
    ]
    if not tiles:
        raise LenszooError(
            f"{folder}: no file fits the pattern {pattern!r} with the bands {', '.join(bands)}; "
            f"say where tiles lie with pattern=. Tiles end in {', '.join(SUFFIXES)}."
        )
    return tiles


def _by_id(pattern: str) -> str:
    return pattern.replace("{tile}", "{id}")


def _each_band(
    folder: Path, names: Sequence[str], pattern: str, bands: Sequence[str]
) -> list[tuple[str | None, ...]]:
    """Return the files of each tile, one a band, also where one serves all."""
    files = match_by_pattern(folder, names, _by_id(pattern), bands).files
    return [paths if len(paths) == len(bands) else paths * len(bands) for paths in files]


def _of_table(path: Path, bands: Sequence[str], zero_point: float | None) -> list[TileFiles]:
    table = read_table(path)
    table.need(_COLUMNS, "A table of tiles has the columns tile, band, path and zero_point.")
    names, band_of, paths = (table.filled(column) for column in _COLUMNS)
    points = np.full(len(table), np.nan)
    if "zero_point" in table.columns:
        points = table.numbers("zero_point")
    others = [
        table.text(column) if column in table.columns else None for column in ("weight_map", "mask")
    ]
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

        def files_of(column: Sequence[str], at: Sequence[int | None] = at) -> Any:
            cells = [None if r is None else column[r] for r in at]
            return tuple(str(path.parent / cell) if cell else cell for cell in cells)

        weight_maps, masks = (() if column is None else files_of(column) for column in others)
        own = tuple(
            zero_point if r is None or np.isnan(points[r]) else float(points[r]) for r in at
        )
        tiles.append(TileFiles(name, files_of(paths), own, weight_maps, masks))
    return tiles
