"""Footprints of tiles on the sky, read from headers once and kept in an index file."""

import functools
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.data.fits import ImagePlace, locate_image, quiet, split_hdu
from lenszoo.data.flux_units import zero_point_of
from lenszoo.errors import LenszooError, one_line, unreadable
from lenszoo.files import replacing
from lenszoo.survey.tiles import TileFiles

_ARCSEC = 3600.0
_MARGIN = 1.02  # of a radius, for edges that bulge between corners


@dataclass(frozen=True)
class Grid:
    """One image of a tile: its place in a file, and its pixels' place on the sky.

    Attributes:
        path: the file, without brackets.
        size, modified: its bytes and time of change in ns, which tell that it was replaced.
        hdu: number of the image's HDU.
        shape: (H, W).
        offset: byte of the first number in the unpacked file; None where tile-compressed.
        bitpix, bscale, bzero, blank: of the stored numbers.
        coordinates: the cards of its WCS.
        scale: arcsec a pixel, the geometric mean of both axes.
        zero_point: AB magnitude of flux 1 that the header names; None where it does not.
        zero_point_fault: why the header's zero point cannot be used.
    """

    path: str
    size: int
    modified: int
    hdu: int
    shape: tuple[int, int]
    offset: int | None
    bitpix: int
    bscale: float
    bzero: float
    blank: int | None
    coordinates: str
    scale: float
    zero_point: float | None = None
    zero_point_fault: str | None = None

    @property
    def wcs(self) -> Any:
        """The astropy WCS."""
        return _wcs(self.coordinates)

    def pixels(self, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y [pixels, the first at 0] of positions [deg]; NaN where there are none."""
        wcs = self.wcs
        if wcs.sip is None:
            return tuple(wcs.wcs_world2pix(ra, dec, 0))
        return tuple(wcs.all_world2pix(ra, dec, 0, quiet=True))

    def sky(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions [deg] of pixels."""
        return tuple(self.wcs.all_pix2world(x, y, 0))

    def edge(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return how far [arcsec] positions lie from the nearest edge; negative outside."""
        x, y = self.pixels(ra, dec)
        height, width = self.shape
        inside = np.minimum(
            np.minimum(x + 0.5, width - 0.5 - x), np.minimum(y + 0.5, height - 0.5 - y)
        )
        return np.nan_to_num(inside * self.scale, nan=-np.inf)


@dataclass(frozen=True)
class Tile:
    """One tile: a grid for each band, None where it cannot be used, and the fault that says why.

    Attributes:
        name: the tile's.
        grids: one a band.
        zero_points: AB magnitude of flux 1 in each band; None where unknown.
        fault: why the tile is not searched; None where it is.
    """

    name: str
    grids: tuple[Grid | None, ...]
    zero_points: tuple[float | None, ...]
    fault: str | None = None

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
) -> list[Tile]:
    """Read the headers of all tiles, those that an index file does not hold yet, and keep them.

    Args:
        files: the tiles.
        bands: names of the bands.
        index: a Parquet file with a row for each image.
        check: returns why the grids of a tile, one a band, do not suit a search; None if they do.
        reads_zero_points: take zero points from headers where ``files`` name none.

    Returns:
        The tiles, with a fault where a file is missing, damaged or without coordinates.
    """
    before = _load(index)
    rows: dict[str, dict[str, Any]] = {}
    tiles = []
    for one in files:
        grids: list[Grid | None] = []
        faults = []
        for band, path in zip(bands, one.paths, strict=True):
            if path is None:
                grids.append(None)
                faults.append(f"tile {one.name} lacks band {band}")
                continue
            if path not in rows:
                rows[path] = _entry(path, before.get(path)) | {"tile": one.name, "band": band}
            facts, fault = rows[path]["facts"], rows[path]["fault"]
            grids.append(None if facts is None else _grid(facts))
            faults += [fault] if fault else []
        points = list(one.zero_points)
        for k, grid in enumerate(grids):
            if reads_zero_points and grid is not None and points[k] is None:
                points[k] = grid.zero_point
                faults += [grid.zero_point_fault] if grid.zero_point_fault else []
        sound = [grid for grid in grids if grid is not None]
        fault = faults[0] if faults else check(sound)
        tiles.append(Tile(one.name, tuple(grids), tuple(points), fault))
    names = ("tile", "band", "path", "bytes", "modified", "facts", "fault")
    if {p: (r["bytes"], r["modified"]) for p, r in before.items()} != {
        p: (r["bytes"], r["modified"]) for p, r in rows.items()
    }:
        table = pa.table({name: [row[name] for row in rows.values()] for name in names})
        with replacing(index) as (_, stream):
            pq.write_table(table, stream)
    return tiles


def _load(index: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of an index file by path; none where there is no sound one."""
    try:
        return {row["path"]: row for row in pq.read_table(index).to_pylist()}
    except (OSError, pa.ArrowException):
        return {}


def _entry(path: str, before: dict[str, Any] | None) -> dict[str, Any]:
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
        facts = json.dumps(asdict(read_grid(path, status)))
    except LenszooError as error:
        return stamp | {"facts": None, "fault": str(error)}
    return stamp | {"facts": facts, "fault": None}


def read_grid(path: str, status: os.stat_result | None = None) -> Grid:
    """Read the header of an image and find its place on the sky.

    Raises:
        LenszooError: the file is missing or damaged, its image is not (H, W), or its header has no
            equatorial coordinates.
    """
    file, _ = split_hdu(path)
    status = status or Path(file).stat()
    place = locate_image(path)
    shape = place.shape
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2:
        raise LenszooError(f"{path}: shape {place.shape} is not one image (H, W) of one band.")
    text, scale = _coordinates(path, place.header)
    header = place.header
    blank = header.get("BLANK")
    return Grid(
        file, status.st_size, status.st_mtime_ns, place.hdu, (shape[0], shape[1]), place.offset,
        int(header["BITPIX"]), float(header.get("BSCALE", 1.0)), float(header.get("BZERO", 0.0)),
        None if blank is None else int(blank), text, scale, *_zero_point(place, path),
    )  # fmt: skip


def _zero_point(place: ImagePlace, path: str) -> tuple[float | None, str | None]:
    """Return the zero point that the headers name, or why it cannot be used."""
    headers = [place.header, *([] if place.primary is None else [place.primary])]
    try:
        return zero_point_of(headers, path), None
    except LenszooError as error:
        return None, str(error)


def _coordinates(path: str, header: Any) -> tuple[str, float]:
    """Return the cards of an image's WCS, and its pixel scale."""
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    with quiet():
        try:
            wcs = WCS(header, naxis=2)
            equatorial = [kind[:4] for kind in wcs.wcs.ctype] == ["RA--", "DEC-"]
            scale = float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs)))) * _ARCSEC
            text = wcs.to_header(relax=True).tostring(sep="\n")
        except Exception as error:  # astropy raises nearly anything for odd coordinates
            raise LenszooError(
                f"{path}: its header has no usable celestial coordinates ({one_line(error)})."
            ) from error
    if not wcs.has_celestial or not equatorial or not (math.isfinite(scale) and scale > 0):
        kinds = " and ".join(str(kind) or "none" for kind in wcs.wcs.ctype)
        raise LenszooError(
            f"{path}: its header has no WCS in RA and Dec (CTYPE: {kinds}); solve its astrometry, "
            "or leave the tile out."
        )
    return text, scale


def _grid(facts: str) -> Grid:
    values = json.loads(facts)
    return Grid(**values | {"shape": tuple(values["shape"])})


@functools.lru_cache(maxsize=256)
def _wcs(cards: str) -> Any:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    with quiet():
        return WCS(Header.fromstring(cards, sep="\n"))


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
