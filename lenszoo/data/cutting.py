"""Squares cut out of large images at positions of a table, in pixels or on the sky."""

import functools
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lenszoo.data.fits import SUFFIXES, locate_image, split_hdu
from lenszoo.data.formats import find_format
from lenszoo.data.grids import read_coordinates, read_grid, sky_to_pixels
from lenszoo.data.part import ImagePart
from lenszoo.data.pixels import Pixels, copy_section, first_pixels
from lenszoo.data.table import Table
from lenszoo.errors import LenszooError, unreadable

PAIRS = (("x", "y"), ("ra", "dec"))
"""Positions in pixels, the middle of the first at 0, and on the sky [deg, ICRS]."""

MAX_SIZE = 2**14
"""The most pixels a side of a cutout."""

_FROM_ONE = "_image"  # columns of Source Extractor, such as X_IMAGE, which counts pixels from 1
_OPEN, _WHOLE = 8, 2  # files that stay open, and images that stay in memory
_SHOWN = 12


@dataclass(frozen=True)
class Cut:
    """Squares to cut out of the images that a table names, and where.

    A square holds the pixels whose middles are nearest to its position, as astropy's ``Cutout2D``
    does; beyond the edges of the image it is NaN. A position outside the image is refused.

    Attributes:
        size: pixels a side.
        columns: the table's names of ``x`` and ``y`` [pixels, the middle of the first at 0], or of
            ``ra`` and ``dec`` [deg, ICRS], which the WCS of a FITS file turns into pixels. By
            default the table's x and y, or its ra and dec; with both, say which.

    Example:
        >>> from lenszoo.data.cutting import Cut
        >>> Cut(64, {"ra": "RAJ2000", "dec": "DEJ2000"}).size
        64
    """

    size: int
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 1:
            raise LenszooError(f"cutout_size must be a number of pixels, not {self.size!r}.")
        if self.size > MAX_SIZE:
            raise LenszooError(f"cutout_size is at most {MAX_SIZE:,} pixels, not {self.size:,}.")
        if self.columns and set(self.columns) not in [set(pair) for pair in PAIRS]:
            raise LenszooError(
                f"position_columns: {', '.join(self.columns)}: name x and y, or ra and dec, as in "
                "ra=RAJ2000,dec=DEJ2000."
            )

    def parts(self, table: Table, files: Sequence[tuple[Path, ...]]) -> tuple[Any, ...]:
        """Return the cutouts of a table's rows; those of several bands are a tuple each.

        Args:
            table: the table.
            files: for each row its image, or one image for each band.

        Raises:
            LenszooError: the table has no such columns, or two pairs of them, or no numbers there.
        """
        pair = self._pair(table)
        names = [self.columns.get(name, name) for name in pair]
        for name in names:
            if name.casefold().endswith(_FROM_ONE):
                raise LenszooError(
                    f"{table.source}: {name} counts pixels from 1, as Source Extractor does; write "
                    "a column x (and y) from 0, one less."
                )
        table.need(names, "Name yours with position_columns=.")
        places = zip(*(table.numbers(name) for name in names), strict=True)
        rows = [
            tuple(Cutout(os.fspath(file), pair, (float(a), float(b)), self.size) for file in bands)
            for bands, (a, b) in zip(files, places, strict=True)
        ]
        return tuple(row[0] if len(row) == 1 else row for row in rows)

    def _pair(self, table: Table) -> tuple[str, str]:
        """Return the pair of columns that gives positions: of pixels, or of the sky."""
        if self.columns:
            return next(pair for pair in PAIRS if set(pair) == set(self.columns))
        there = [pair for pair in PAIRS if set(pair) <= set(table.columns)]
        if len(there) == 1:
            return there[0]
        if there:
            raise LenszooError(
                f"{table.source}: holds x and y as well as ra and dec; say which to cut at, "
                "position_columns=, such as x,y."
            )
        shown = ", ".join(table.columns[:_SHOWN]) + (", ..." * (len(table.columns) > _SHOWN))
        raise LenszooError(
            f"{table.source}: no columns x and y (pixels from 0), nor ra and dec (degrees), to cut "
            f"at; the columns are: {shown}. Name yours with position_columns=, such as "
            "ra=RAJ2000,dec=DEJ2000."
        )


class Cutout(ImagePart):
    """A square of a large image about a position.

    Args:
        file: the image.
        pair: kind of the position, one of :data:`PAIRS`.
        position: x and y [pixels], or ra and dec [deg].
        size: pixels a side.
    """

    def __init__(
        self, file: str, pair: tuple[str, str], position: tuple[float, float], size: int
    ) -> None:
        where = ", ".join(f"{n}={v:.10g}" for n, v in zip(pair, position, strict=True))
        super().__init__(file, f" at {where}, {size} pixels")
        self._pair, self._position, self._size = pair, position, size

    def read(self) -> np.ndarray:
        """Cut the square, float32 (size, size, bands); NaN beyond the edges of the image.

        Raises:
            LenszooError: the image cannot be read, has no WCS, or does not hold the position.
        """
        if not np.all(np.isfinite(self._position)):
            raise LenszooError(f"{self}: the table gives no position.")
        image = _open(self.file)
        x, y = self._position
        if self._pair == PAIRS[1]:
            x, y = image.place(*self._position)
        height, width = image.shape
        if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
            raise LenszooError(
                f"{self}: the position lies outside the image of {height} x {width} pixels (H x W)."
            )
        first = [int(first_pixels(np.array([at]), self._size)[0]) for at in (x, y)]
        return image.cut(first[0], first[1], self._size)


class _Large(Protocol):
    """An open image: its shape (H, W), the place of a position of the sky, and squares of it."""

    shape: tuple[int, int]

    def place(self, ra: float, dec: float) -> tuple[float, float]: ...

    def cut(self, x: int, y: int, size: int) -> np.ndarray: ...


class _OnSky:
    """Places of positions in an image of a FITS file."""

    def __init__(self, name: str) -> None:
        self._name = name

    @functools.cached_property
    def _coordinates(self) -> str:
        if not split_hdu(self._name)[0].lower().endswith(SUFFIXES):
            raise LenszooError(
                f"{self._name}: only a FITS file has coordinates of the sky; give positions in "
                "pixels, x and y."
            )
        return read_coordinates(self._name, locate_image(self._name).header)[0]

    def place(self, ra: float, dec: float) -> tuple[float, float]:
        if abs(dec) > 90:
            raise LenszooError(f"{self._name}: there is no declination {dec:g}.")
        x, y = sky_to_pixels(self._coordinates, np.array([ra]), np.array([dec]))
        return float(x[0]), float(y[0])


class _Sections(_OnSky):
    """A FITS image of one band, of which only what is cut is read."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        grid = read_grid(name, coordinates=False)
        self.shape, self._pixels, self._lock = grid.shape, Pixels(grid), threading.Lock()

    def cut(self, x: int, y: int, size: int) -> np.ndarray:
        with self._lock:  # astropy's sections of compressed images share a file
            planes = self._pixels.cutouts(np.array([x]), np.array([y]), (size, size))
        return planes[0][..., None]


class _Whole(_OnSky):
    """An image that is read whole: of several bands, or of another format."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._image = find_format(name).read(name)
        self.shape = (self._image.shape[0], self._image.shape[1])

    def cut(self, x: int, y: int, size: int) -> np.ndarray:
        out = np.full((size, size, self._image.shape[2]), np.nan, np.float32)
        copy_section(out, self._image.__getitem__, (0, 0), x, y, self.shape)
        return out


def _open(name: str) -> _Large:
    """Open an image; one that did not change is opened once."""
    file = split_hdu(name)[0]
    try:
        status = Path(file).stat()
    except OSError as error:
        raise unreadable(file, error) from error
    stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
    if _is_plane(name, stamp):
        return _sections(name, stamp)
    return _whole(name, stamp)


# of files that change meanwhile nothing is kept: their size or time is another key
@functools.lru_cache(maxsize=1024)
def _is_plane(name: str, stamp: tuple[int, ...]) -> bool:
    if not split_hdu(name)[0].lower().endswith(SUFFIXES):
        return False
    shape = locate_image(name).shape
    return len(shape) == 2 or all(axis == 1 for axis in shape[:-2])


@functools.lru_cache(maxsize=_OPEN)
def _sections(name: str, stamp: tuple[int, ...]) -> _Large:
    return _Sections(name)


@functools.lru_cache(maxsize=_WHOLE)
def _whole(name: str, stamp: tuple[int, ...]) -> _Large:
    return _Whole(name)
