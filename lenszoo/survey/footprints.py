"""Footprints of tiles on the sky, read from headers once and kept in an index file."""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.data.fits import split_hdu
from lenszoo.data.flux_units import AGREE
from lenszoo.data.grids import Grid, read_grid
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.errors import LenszooError, unreadable
from lenszoo.files import replacing
from lenszoo.survey.tiles import TileFiles

_MARGIN = 1.02  # of a radius, for edges that bulge between corners


@dataclass(frozen=True)
class Tile:
    """One tile: a grid for each band, None where it cannot be used, and the fault that says why.

    Attributes:
        name: the tile's.
        grids: one a band.
        zero_points: AB magnitude of flux 1 in each band; None where unknown.
        fault: why the tile is not searched; None where it is.
        weight_maps, masks: images of the grids' sizes, one a band; empty where there are none.
        mask_bits: the sum of the bits of masks that are flags; None for all.
    """

    name: str
    grids: tuple[Grid | None, ...]
    zero_points: tuple[float | None, ...]
    fault: str | None = None
    weight_maps: tuple[Grid | None, ...] = ()
    masks: tuple[Grid | None, ...] = ()
    mask_bits: int | None = None

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"tile {self.name}"

    @property
    def stamp(self) -> list[Any]:
        """Path, size and time of all files, plane, zero points, and what else changes pixels."""
        grids = (*self.grids, *self.weight_maps, *self.masks)
        files = [grid and (grid.path, grid.size, grid.modified, grid.plane) for grid in grids]
        return [self.name, files, self.mask_bits, list(self.zero_points)]

    @functools.cached_property
    def circle(self) -> tuple[np.ndarray, float]:
        """Centre as unit vector (3,) and radius [radian] of a circle around the first grid."""
        grid = next(grid for grid in self.grids if grid is not None)
        height, width = grid.shape
        x = np.array([0.5, 0, 0, 1, 1, 0, 0.5, 0.5, 1]) * width - 0.5
        y = np.array([0.5, 0, 1, 0, 1, 0.5, 0, 1, 0.5]) * height - 0.5
        points = unit_vectors(*grid.sky(x, y))
        angles = 2 * np.arcsin(np.linalg.norm(points[1:] - points[0], axis=1) / 2)
        return points[0], float(np.nanmax(angles)) * _MARGIN

    def edge(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return how far [arcsec] positions lie from the nearest edge in any band."""
        grids = {(grid.coordinates, grid.shape): grid for grid in self.grids if grid is not None}
        return np.min([grid.edge(ra, dec) for grid in grids.values()], axis=0)


def unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return positions [deg] as unit vectors (n, 3)."""
    a, d = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def read_tiles(
    files: Sequence[TileFiles],
    bands: Sequence[str],
    index: Path,
    check: Callable[[Sequence[Grid]], str | None],
    reads_zero_points: bool = False,
    mask_bits: int | None = None,
    target: float = ZERO_POINT,
) -> list[Tile]:
    """Read the headers of all tiles, those that an index file does not hold yet, and keep them.

    Args:
        files: the tiles.
        bands: names of the bands.
        index: a Parquet file with a row for each image.
        check: returns why the grids of a tile, one a band, do not suit a search; None if they do.
        reads_zero_points: take zero points from headers where ``files`` name none.
        mask_bits: the sum of the bits of masks that are flags; None for all.
        target: zero point that fluxes are brought to.

    Returns:
        The tiles, with a fault where a file is missing, damaged or without coordinates, or where a
        zero point is unknown while those of other bands or tiles change fluxes.
    """
    images = _Index(index)
    tiles = []
    for one in files:
        faults: list[str] = []
        grids = _planes(
            images.grids(one.name, bands, one.paths, "band", faults), one, bands, faults
        )
        weight_maps = images.grids(one.name, bands, one.weight_maps, "the weight map of", faults)
        masks = images.grids(one.name, bands, one.masks, "the mask of", faults)
        faults += _other_sizes(grids, (*weight_maps, *masks))
        points = list(one.zero_points)
        for k, grid in enumerate(grids):
            if reads_zero_points and grid is not None and points[k] is None:
                points[k] = grid.zero_point
                faults += [grid.zero_point_fault] if grid.zero_point_fault else []
        sound = [grid for grid in grids if grid is not None]
        fault = faults[0] if faults else check(sound)
        tiles.append(Tile(one.name, grids, tuple(points), fault, weight_maps, masks, mask_bits))
    images.save()
    return _with_known_zero_points(tiles, bands, target)


def _with_known_zero_points(
    tiles: Sequence[Tile], bands: Sequence[str], target: float
) -> list[Tile]:
    """Add a fault to tiles of unknown zero points, where those of others change fluxes."""
    others = [point for tile in tiles for point in tile.zero_points if point is not None]
    other = next((point for point in others if abs(point - target) > AGREE), None)
    if other is None:
        return list(tiles)
    checked = []
    for tile in tiles:
        pairs = zip(bands, tile.zero_points, strict=True)
        unknown = ", ".join(band for band, point in pairs if point is None)
        if unknown and tile.fault is None:
            fault = (
                f"tile {tile.name}: the zero point of {unknown} is unknown, but others are "
                f"{other:g} mag and not {target:g}; give all in a table of tiles, or one with "
                "zero_point="
            )
            tile = replace(tile, fault=fault)
        checked.append(tile)
    return checked


class _Index:
    """Images by path: their rows of an index file, or read anew where they changed."""

    def __init__(self, file: Path) -> None:
        self._file, self._before = file, _load(file)
        self._rows: dict[str, dict[str, Any]] = {}

    def grids(
        self,
        tile: str,
        bands: Sequence[str],
        paths: Sequence[str | None],
        noun: str,
        faults: list[str],
    ) -> tuple[Grid | None, ...]:
        """Return the images of a tile, one a band, or none without paths; add to its faults."""
        grids: list[Grid | None] = []
        for band, path in zip(bands if paths else (), paths, strict=True):
            grid = None
            if path is None:
                faults.append(f"tile {tile} lacks {noun} {band}")
            elif path:
                if path not in self._rows:
                    entry = _entry(path, self._before.get(path), sky=noun == "band")
                    self._rows[path] = entry | {"tile": tile, "band": band}
                facts, fault = self._rows[path]["facts"], self._rows[path]["fault"]
                grid = None if facts is None else _grid(facts)
                faults += [fault] if fault else []
            grids.append(grid)
        return tuple(grids)

    def save(self) -> None:
        """Write the index file, where it does not hold these images."""
        stamps = [
            {path: (row["bytes"], row["modified"]) for path, row in rows.items()}
            for rows in (self._before, self._rows)
        ]
        if stamps[0] != stamps[1]:
            names = ("tile", "band", "path", "bytes", "modified", "facts", "fault")
            columns = {name: [row[name] for row in self._rows.values()] for name in names}
            with replacing(self._file) as (_, stream):
                pq.write_table(pa.table(columns), stream)


def _other_sizes(grids: Sequence[Grid | None], others: Sequence[Grid | None]) -> list[str]:
    """Return the faults of weight maps and masks, which have the size of their band's image."""
    faults = []
    for k, other in enumerate(others):
        grid = grids[k % len(grids)]
        if grid and other and (other.shape != grid.shape or other.planes > 1):
            faults.append(f"{other.path}: {other.shape} pixels, but {grid.path} has {grid.shape}")
    return faults


def _planes(
    grids: Sequence[Grid | None], one: TileFiles, bands: Sequence[str], faults: list[str]
) -> tuple[Grid | None, ...]:
    """Give each band its plane of a cube; anything else has one plane."""
    chosen: list[Grid | None] = []
    for k, grid in enumerate(grids):
        if grid is not None and grid.planes != (len(bands) if one.cube else 1):
            faults.append(
                f"{grid.path}: holds {grid.planes} plane(s) of {grid.shape[0]} x {grid.shape[1]}, "
                f"but {len(bands) if one.cube else 1} was expected ({', '.join(bands)})"
            )
        chosen.append(grid.at(k) if grid is not None and one.cube else grid)
    return tuple(chosen)


def _load(index: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of an index file by path; none where there is no sound one."""
    try:
        return {row["path"]: row for row in pq.read_table(index).to_pylist()}
    except (OSError, pa.ArrowException):
        return {}


def _entry(path: str, before: dict[str, Any] | None, sky: bool) -> dict[str, Any]:
    """Return the row of an image: that of the index while its file is the same, else read anew."""
    file, _ = split_hdu(path)
    try:
        status = Path(file).stat()
    except OSError as error:
        fault = str(unreadable(file, error))
        return {"path": path, "bytes": -1, "modified": -1, "facts": None, "fault": fault}
    stamp = {"path": path, "bytes": status.st_size, "modified": status.st_mtime_ns}
    if before is not None and all(before[key] == value for key, value in stamp.items()):
        return before
    try:
        facts = json.dumps(asdict(read_grid(path, status, coordinates=sky, cube=True)))
    except LenszooError as error:
        return stamp | {"facts": None, "fault": str(error)}
    return stamp | {"facts": facts, "fault": None}


def _grid(facts: str) -> Grid:
    values = json.loads(facts)
    return Grid(**values | {"shape": tuple(values["shape"])})


class SkyTree:
    """Tiles by position: the tile of each position is the one whose edge is farthest.

    Args:
        tiles: those that may be chosen; each has a grid.
    """

    def __init__(self, tiles: Sequence[Tile]) -> None:
        from scipy.spatial import cKDTree

        self.tiles = list(tiles)
        self._centres = np.array([tile.circle[0] for tile in self.tiles]).reshape(-1, 3)
        self._radii = np.array([tile.circle[1] for tile in self.tiles])
        self._tree = cKDTree(self._centres) if self.tiles else None

    def assign(self, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the tile of each position, and how far [arcsec] its edge is.

        Args:
            ra, dec: (n,) finite positions [deg].

        Returns:
            (n,) int64 places in ``tiles``, -1 outside all, and (n,) arcsec.
        """
        from scipy.spatial import cKDTree

        chosen = np.full(len(ra), -1)
        farthest = np.zeros(len(ra))
        if self._tree is None or not len(ra):
            return chosen, farthest
        points = unit_vectors(ra, dec)
        middle = points.mean(0)
        spread = float(np.linalg.norm(points - middle, axis=1).max())
        reach = spread + float(_chord(self._radii).max())
        objects = cKDTree(points)
        for at in sorted(self._tree.query_ball_point(middle, reach * (1 + 1e-9) + 1e-12)):
            rows = objects.query_ball_point(self._centres[at], float(_chord(self._radii[at])))
            rows = np.sort(np.asarray(rows, np.int64))
            if not len(rows):
                continue
            edge = self.tiles[at].edge(ra[rows], dec[rows])
            better = (edge > 0) & (edge > farthest[rows])
            chosen[rows[better]], farthest[rows[better]] = at, edge[better]
        return chosen, farthest


def _chord(angle: Any) -> Any:
    """Return the distance of two unit vectors that an angle [radian] separates."""
    return 2 * np.sin(np.minimum(angle, np.pi) / 2)
