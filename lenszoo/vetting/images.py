"""Images of candidates: cut from the tiles of a search, or read from files."""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from lenszoo.data.fits import read_pixel_scale, split_hdu
from lenszoo.data.matching import match_by_name, match_by_pattern
from lenszoo.data.readers import ImagePath, image_name, read_bands
from lenszoo.data.sky import subtract_sky
from lenszoo.data.stacks import Stack, is_stack_file, open_stack, split_row, stack_file
from lenszoo.errors import LenszooError
from lenszoo.files import at_home, expanded, has_file, has_folder
from lenszoo.inference.taken import Taken, read_facts, read_taken
from lenszoo.survey.cutouts import TileCutter
from lenszoo.survey.footprints import Tile, read_tiles
from lenszoo.survey.tiles import list_tiles
from lenszoo.vetting.candidates import Candidates

log = logging.getLogger("lenszoo")

WIDEST = 4
"""How many times the field that the finder saw a cutout of a tile may be wide."""

_OPEN_TILES = 8
_ZERO_POINT = 25.0
_TOP_FIRST = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_BANDS_JOINED = " + "  # as predict writes the files of several bands


class Frame(NamedTuple):
    """Place of an image's pixels on the sky, for a scale bar and a compass.

    Attributes:
        scale: arcsec a pixel; None where unknown.
        north, east: unit vectors (right, up) of these directions; None where unknown.
    """

    scale: float | None = None
    north: tuple[float, float] | None = None
    east: tuple[float, float] | None = None


class Images(Protocol):
    """Images of candidates by row.

    Attributes:
        bands: names of the bands; empty where unknown.
        widest: how many times the usual field may be wide.
    """

    bands: tuple[str, ...]
    widest: int

    def seen(self, row: int) -> np.ndarray:
        """Return an image (H, W, bands) float32 as the finder took it.

        Raises:
            LenszooError: why there is none.
        """
        ...

    def read(self, row: int, field: int = 1) -> np.ndarray:
        """Return an image (H, W, bands) float32, the first row at the bottom.

        Raises:
            LenszooError: why there is none.
        """
        ...

    def frame(self, row: int) -> Frame:
        """Return the place of an image's pixels on the sky."""
        ...


class TileImages:
    """Cutouts of the tiles of a search, as the finder saw them or wider.

    Args:
        candidates: those of a search.
        tiles: where its tiles lie now; None: where they lay.

    Raises:
        LenszooError: the tiles are gone.
    """

    widest = WIDEST

    def __init__(self, candidates: Candidates, tiles: str | os.PathLike[str] | None = None) -> None:
        search = candidates.search
        self.bands = tuple(search["bands"])
        taken = read_facts(candidates.facts)
        if taken is None:
            raise LenszooError(
                f"{candidates.source}: does not say how the finder took its cutouts; search again, "
                "or pass images= with the folder of the cutouts."
            )
        height, width = taken.shape[:2]
        assert height is not None and width is not None  # a search refuses any other weights
        self.shape = (height, width)
        self._scale, self._target = search.get("pixel_scale"), search.get("target") or _ZERO_POINT
        self._mask, self._sky = search.get("mask_value"), search.get("sky")
        self._names = candidates.columns["tile"]
        self._ra = np.array(candidates.columns["ra"], float)
        self._dec = np.array(candidates.columns["dec"], float)
        folder = tiles or search["tiles"]
        if not Path(folder).exists():
            raise LenszooError(f"{folder}: the tiles of {candidates.source} are gone; pass tiles=.")
        names = ("pattern", "zero_point", "weight_maps", "masks")
        files = list_tiles(folder, self.bands, *map(search.get, names))
        chosen = [one for one in files if one.name in set(self._names)]
        candidates.folder.mkdir(parents=True, exist_ok=True)
        index = candidates.folder / "tiles.parquet"
        sound = read_tiles(
            chosen,
            self.bands,
            index,
            lambda _: None,
            taken.reads_headers,
            mask_bits=search.get("mask_bits"),
            target=self._target,
        )
        self._tiles = {tile.name: tile for tile in sound}
        self._cutters: OrderedDict[tuple[str, int], TileCutter] = OrderedDict()
        self._lock = threading.Lock()

    def seen(self, row: int) -> np.ndarray:
        """Cut an image out of its tile, as the search does."""
        return self.read(row)

    def read(self, row: int, field: int = 1) -> np.ndarray:
        """Cut an image out of its tile, as the search does.

        NaN beyond the edges and where pixels are masked; the sky is subtracted where the search did
        it.
        """
        tile = self._tile(row)
        with self._lock:
            cutter = self._cutter(tile, field)
            image = cutter.cut(self._ra[row : row + 1], self._dec[row : row + 1])[0]
        if self._sky is not None:
            subtract_sky(image[None], self._sky)
        return image

    def frame(self, row: int) -> Frame:
        """Return scale and directions, from the coordinates of the first band."""
        try:
            grid = self._tile(row).grids[0]
        except LenszooError:
            return Frame(self._scale)
        if grid is None:
            return Frame(self._scale)
        step, ra, dec = grid.scale / 3600, self._ra[row], self._dec[row]
        places = (
            np.array([ra, ra, ra + step / max(np.cos(np.radians(dec)), 1e-6)]),
            np.array([dec, dec + step, dec]),
        )
        with self._lock:  # coordinates of astropy are for one thread at a time
            x, y = grid.pixels(*places)
        north, east = (_unit(x[k] - x[0], y[k] - y[0]) for k in (1, 2))
        return Frame(self._scale or grid.scale, north, east)

    def _tile(self, row: int) -> Tile:
        name = self._names[row]
        tile = self._tiles.get(name)
        if tile is None:
            raise LenszooError(f"Tile {name} is not among the tiles any more.")
        if tile.fault is not None:
            raise LenszooError(f"Tile {name}: {tile.fault}.")
        return tile

    def _cutter(self, tile: Tile, field: int) -> TileCutter:
        """Return an open tile; the one unused for longest is closed."""
        key = (tile.name, field)
        if key in self._cutters:
            self._cutters.move_to_end(key)
            return self._cutters[key]
        height, width = self.shape
        shape = (height * field, width * field)
        self._cutters[key] = TileCutter(tile, shape, self._scale, self._target, self._mask)
        if len(self._cutters) > _OPEN_TILES:
            self._cutters.popitem(last=False)[1].close()
        return self._cutters[key]


class FileImages:
    """Images in files, each below one of some folders.

    Args:
        paths: files of each candidate; None where there is none.
        roots: the folders; a file elsewhere, also by a link, is not shown.
        bands: names of the bands.
        planes: positions of the bands that are shown; None for all.
        taken: how a finder took these images; None where that is unknown.
    """

    widest = 1

    def __init__(
        self,
        paths: Sequence[ImagePath | None],
        roots: Sequence[Path],
        bands: Sequence[str] = (),
        planes: Sequence[int] | None = None,
        taken: Taken | None = None,
    ) -> None:
        self.bands, self._planes, self._taken = tuple(bands), planes, taken
        self._stacks: dict[str, Stack | None] = {}
        self._told = False
        self._lock = threading.Lock()
        self._paths, self._roots = paths, [root.resolve() for root in roots]

    def seen(self, row: int) -> np.ndarray:
        """Read an image and prepare it as for the finder; as it is where that is unknown."""
        source = self._source(row)
        if self._taken is not None:
            return read_taken(source, self._taken)
        if not self._told:
            self._told = True
            log.warning(
                "%s and others are as in their files: the results do not say how the finder took "
                "them (a CSV does not, Parquet, FITS and ECSV of `lenszoo predict` do).",
                image_name(self._path(row)),
            )
        image = read_bands(source)
        return image if self._planes is None else image[..., list(self._planes)]

    def read(self, row: int, field: int = 1) -> np.ndarray:
        """Read an image."""
        path, image = self._path(row), read_bands(self._source(row))
        if self._planes is not None:
            image = image[..., list(self._planes)]
        return image[::-1] if image_name(path).lower().endswith(_TOP_FIRST) else image

    def frame(self, row: int) -> Frame:
        """Return the scale that a FITS header tells."""
        try:
            return Frame(read_pixel_scale(self._path(row)))
        except LenszooError:
            return Frame()

    def _source(self, row: int) -> ImagePath:
        """Return what :func:`read_image` reads: a path, or an image of a stack."""
        path = self._path(row)
        place = split_row(path) if isinstance(path, str) else None
        return path if place is None else self._of_stack(*place)

    def _of_stack(self, name: str, row: int) -> ImagePath:
        """Return an image of a stack, which stays open."""
        with self._lock:
            if name not in self._stacks:
                self._stacks[name] = open_stack(name)
            stack = self._stacks[name]
        if stack is None or row >= len(stack.images):
            raise LenszooError(f"{name}: has no image {row} any more.")
        return stack.images[row]

    def _path(self, row: int) -> ImagePath:
        path = self._paths[row]
        if path is None:
            raise LenszooError("There is no image of this candidate.")
        parts = [path] if isinstance(path, str | os.PathLike) else path
        for part in parts:
            if part is not None:
                self._check(os.fspath(part))
        return path

    def _check(self, name: str) -> None:
        """Raise LenszooError for a file outside the folders."""
        try:
            place = _file_of(name).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise LenszooError(f"{name}: is no name of a file.") from error
        if not any(place.is_relative_to(root) for root in self._roots):
            folders = " or ".join(map(str, self._roots))
            raise LenszooError(f"{name}: lies outside {folders}; pass images= with its folder.")


def open_images(
    candidates: Candidates,
    *,
    tiles: str | os.PathLike[str] | None = None,
    images: str | os.PathLike[str] | None = None,
    pattern: str | None = None,
    bands: Sequence[str] = (),
) -> Images:
    """Open the images of candidates.

    Args:
        candidates: those of a search or of a table.
        tiles: where the tiles of a search lie now, by default where they lay.
        images: a folder of cutouts that are called like their candidates, or that a table of
            predictions names.
        pattern: where an image lies in that folder, such as ``"{band}/{id}.fits"``.
        bands: names of the bands, in order.

    Raises:
        LenszooError: there are no images, or none where they should be.
    """
    if images is not None and not has_folder(at_home(images)):
        raise LenszooError(f"{images}: no such folder of images.")
    if images is not None and (pattern is not None or candidates.paths is None):
        root = expanded(images)
        ids = candidates.ids
        if pattern is not None:
            files = match_by_pattern(root, ids, pattern, list(bands)).files
        else:
            files = match_by_name(root, ids).files
        if not any(file is not None for each in files for file in each):
            raise LenszooError(
                f"{root}: no image is called like a candidate, such as {ids[0]!r}; say where they "
                "lie with pattern=."
            )
        paths = [_joined(each) for each in files]
        # cutouts that stand in for tiles are somebody's own
        taken = None if "tiles" in candidates.search else read_facts(candidates.facts)
        return FileImages(paths, [root], bands, taken=taken)
    if candidates.paths is not None:
        return _named_files(candidates, images, bands)
    if {"bands", "weights", "tiles"} <= set(candidates.search) and "tile" in candidates.columns:
        return TileImages(candidates, tiles)
    raise LenszooError(
        f"{candidates.source}: names neither tiles nor files of images; pass images= with the "
        "folder of the cutouts."
    )


def _named_files(
    candidates: Candidates, images: str | os.PathLike[str] | None, bands: Sequence[str]
) -> FileImages:
    """Return the images that a table of predictions names, below a folder or beside the table."""
    assert candidates.paths is not None
    beside = candidates.source if candidates.source.is_dir() else candidates.source.parent
    roots = [expanded(images)] if images is not None else [beside, Path()]
    planes = None
    if "cutouts" in candidates.search:  # a search knows where they lie, and which bands it took
        planes = candidates.search.get("planes")
        bands = bands or candidates.search["bands"]
        if images is None:
            roots = [_home(candidates.search["cutouts"])]
    starts = [*roots, beside]
    paths = [None if text is None else _existing(text, starts) for text in candidates.paths]
    files = FileImages(paths, roots, bands, planes, read_facts(candidates.facts))
    fault: LenszooError | None = None
    for row in range(len(paths)):
        try:
            files._path(row)
            return files
        except LenszooError as error:
            fault = fault or error
    raise LenszooError(f"{candidates.source}: no image can be shown. The first: {fault}")


def _home(cutouts: str) -> Path:
    """Return the folder that the paths of a search on cutouts start from."""
    return Path(stack_file(cutouts)).parent if is_stack_file(cutouts) else Path(cutouts)


def _existing(text: str, starts: Sequence[Path]) -> ImagePath:
    """Return the files that a path in a table means, from the folders it may start from."""
    joined = _BANDS_JOINED in text and not has_file(text)
    parts = text.split(_BANDS_JOINED) if joined else [text]
    places: list[str] = []
    for part in parts:
        options = [Path(part), *(start / part for start in starts)]
        there = (p for p in options if "\0" not in part and _file_of(str(p)).exists())
        places.append(str(next(there, options[0])))
    return places[0] if len(places) == 1 else places


def _file_of(name: str) -> Path:
    """Return the file of a path that may name an HDU, or a row of a stack."""
    row = split_row(name)
    return Path(split_hdu(name)[0] if row is None else stack_file(row[0]))


def _joined(files: Sequence[str | None]) -> ImagePath | None:
    if all(file is None for file in files):
        return None
    return files[0] if len(files) == 1 else list(files)


def _unit(x: float, y: float) -> tuple[float, float] | None:
    length = float(np.hypot(x, y))
    return (float(x) / length, float(y) / length) if length > 0 and np.isfinite(length) else None
