"""Sections of large images: memory-mapped, tile-compressed or gzipped FITS files."""

import contextlib
import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.fits import quiet
from lenszoo.data.grids import Grid
from lenszoo.errors import LenszooError, one_line

_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_BLOCK_ROWS = 512  # of a compressed image, decompressed at once


class Pixels:
    """The pixels of one image, read section by section.

    Args:
        grid: the image.

    Raises:
        LenszooError: the file changed since its header was read, or cannot be read.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._open = contextlib.ExitStack()
        try:
            status = Path(grid.path).stat()
            if (status.st_size, status.st_mtime_ns) != (grid.size, grid.modified):
                raise LenszooError(f"{grid.path}: the file changed during the search; start again.")
            self._array = self._mapped() if grid.offset is not None else self._compressed()
        except OSError as error:
            self.close()
            raise LenszooError(f"{grid.path}: cannot be read ({one_line(error)}).") from error

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def cutouts(self, x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return cutouts (n, H, W) float32 whose first pixels are (x, y); NaN beyond the edges.

        Args:
            x, y: (n,) whole numbers, also outside the image.
            shape: (H, W).

        Raises:
            LenszooError: the image is damaged.
        """
        out = np.full((len(x), *shape), np.nan, np.float32)
        self._cut(out, x, y, self._section)
        return out

    def bits(self, x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return cutouts (n, H, W) int64 of an image of flags; all bits are set beyond the edges.

        Numbers with a fraction become 1 where they are not 0.

        Raises:
            LenszooError: as :meth:`cutouts`.
        """
        out = np.full((len(x), *shape), -1, np.int64)
        self._cut(out, x, y, self._flags)
        return out

    def _cut(self, out: np.ndarray, x: np.ndarray, y: np.ndarray, section: Any) -> None:
        """Copy parts of the image into cutouts (n, H, W)."""
        shape = (out.shape[1], out.shape[2])
        try:
            if self.grid.offset is not None:
                for k in range(len(x)):
                    copy_section(out[k], section, (0, 0), int(x[k]), int(y[k]), self.grid.shape)
            else:
                for rows, block, corner in self._blocks(x, y, shape, section):
                    for k in rows:
                        copy_section(out[k], lambda s, b=block: b[s], corner, int(x[k]), int(y[k]),
                              self.grid.shape)  # fmt: skip
        except Exception as error:  # astropy raises nearly anything for damaged files
            raise LenszooError(
                f"{self.grid.path}: its image is damaged ({one_line(error)}); copy or make it "
                "again."
            ) from error

    def _blocks(
        self, x: np.ndarray, y: np.ndarray, shape: tuple[int, int], section: Any
    ) -> Iterator[tuple[np.ndarray, np.ndarray, tuple[int, int]]]:
        """Yield cutouts that share a block of rows, the block and its first pixel (y, x)."""
        height, width = self.grid.shape
        seen = (x < width) & (x + shape[1] > 0) & (y < height) & (y + shape[0] > 0)
        order = np.flatnonzero(seen)[np.argsort(y[seen], kind="stable")]
        start = 0
        while start < len(order):
            first = y[order[start]]
            stop = int(np.searchsorted(y[order], first + _BLOCK_ROWS, side="left"))
            rows = order[start:stop]
            low, high = max(int(first), 0), min(int(y[rows[-1]]) + shape[0], height)
            left, right = max(int(x[rows].min()), 0), min(int(x[rows].max()) + shape[1], width)
            block = section((slice(low, high), slice(left, right)))
            yield rows, block, (low, left)
            start = stop

    def _section(self, where: tuple[slice, slice]) -> np.ndarray:
        stored = self._array[where]
        grid = self.grid
        if grid.offset is None:  # astropy has applied the header
            return np.asarray(stored, np.float32)
        if grid.bitpix < 0 and (grid.bscale, grid.bzero) == (1.0, 0.0):
            return np.asarray(stored, np.float32)
        values = np.asarray(stored, np.float64) * grid.bscale + grid.bzero
        if grid.blank is not None and grid.bitpix > 0:
            values[np.asarray(stored) == grid.blank] = np.nan
        return values.astype(np.float32)

    def _flags(self, where: tuple[slice, slice]) -> np.ndarray:
        grid, stored = self.grid, np.asarray(self._array[where])
        if grid.bitpix < 0:  # no whole number: every flag is set
            values = stored.astype(np.float64)
            values = values if grid.offset is None else values * grid.bscale + grid.bzero
            whole = (np.rint(values) == values) & (np.abs(values) < 2.0**53)
            return np.where(whole, values, -1).astype(np.int64)
        if grid.offset is None or (grid.bscale, grid.bzero) == (1.0, 0.0):
            return stored.astype(np.int64)
        return stored.astype(np.int64) * int(grid.bscale) + int(grid.bzero)

    def _mapped(self) -> Any:
        grid = self.grid
        kind = np.dtype(_TYPES[grid.bitpix])
        path: Any = grid.path
        plane = kind.itemsize * grid.shape[0] * grid.shape[1]  # bytes
        if grid.path.lower().endswith(".gz"):
            path = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            size = (grid.offset or 0) + plane * (grid.plane + 1)
            with gzip.open(grid.path) as stream:
                _copy_bytes(stream, path, size)
        offset = (grid.offset or 0) + plane * grid.plane
        return np.memmap(path, kind, "r", offset, grid.shape)

    def _compressed(self) -> Any:
        from astropy.io import fits

        grid = self.grid
        # astropy maps no scaled numbers into memory
        mapped = (grid.bscale, grid.bzero, grid.blank) == (1.0, 0.0, None)
        with quiet():
            hdus = self._open.enter_context(fits.open(grid.path, memmap=mapped))
            section = hdus[self.grid.hdu].section
        return _Planes(section, len(hdus[self.grid.hdu].shape), self.grid.plane)


class _Planes:
    """Sections (H, W) of a plane of an array with leading axes, all but one of length 1."""

    def __init__(self, section: Any, axes: int, plane: int) -> None:
        self._section = section
        self._leading = (0,) * (axes - 3) + (plane,) * (axes > 2)

    def __getitem__(self, where: tuple[slice, slice]) -> Any:
        return self._section[(*self._leading, *where)]


class MaskedPixels(Pixels):
    """The pixels of an image, NaN where a weight, a flag or their own value says so.

    Args:
        grid: the image.
        weight_map: an image of its size, of weights; None for none.
        mask: an image of its size, of flags; None for none.
        mask_bits: the sum of the bits that are flags; None for all.
        mask_value: pixel value of masked pixels, once the header was applied; None for none.

    Raises:
        LenszooError: a file changed since its header was read, or cannot be read.
    """

    def __init__(
        self,
        grid: Grid,
        weight_map: Grid | None,
        mask: Grid | None,
        mask_bits: int | None = None,
        mask_value: float | None = None,
    ) -> None:
        super().__init__(grid)
        self._mask_value = mask_value
        self._bits = -1 if mask_bits is None else mask_bits
        self._weights = self._flagged = None
        try:
            if weight_map is not None:
                self._weights = Pixels(weight_map)
                self._open.callback(self._weights.close)
            if mask is not None:
                self._flagged = Pixels(mask)
                self._open.callback(self._flagged.close)
        except BaseException:
            self.close()
            raise

    def cutouts(self, x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return cutouts as :meth:`Pixels.cutouts`, with NaN for pixels that do not count."""
        out = super().cutouts(x, y, shape)
        if self._mask_value is not None:
            out[out == np.float32(self._mask_value)] = np.nan
        if self._weights is not None:
            out[~(self._weights.cutouts(x, y, shape) > 0)] = np.nan
        if self._flagged is not None:
            out[(self._flagged.bits(x, y, shape) & self._bits) != 0] = np.nan
        return out


def copy_section(
    out: np.ndarray, section: Any, corner: tuple[int, int], x: int, y: int, shape: tuple[int, int]
) -> None:
    """Copy the part of a cutout (H, W, ...) that lies in an image.

    Args:
        out: the cutout, which is written to.
        section: returns a part of what was read of the image.
        corner: first pixel (y, x) of what was read.
        x, y: first pixel of the cutout.
        shape: (H, W) of the image.
    """
    bottom, top = max(y, 0), min(y + out.shape[0], shape[0])
    left, right = max(x, 0), min(x + out.shape[1], shape[1])
    if bottom < top and left < right:
        where = (
            slice(bottom - corner[0], top - corner[0]),
            slice(left - corner[1], right - corner[1]),
        )
        out[bottom - y : top - y, left - x : right - x] = section(where)


def first_pixels(centres: np.ndarray, size: int) -> np.ndarray:
    """Return the first pixel of cutouts about places, far outside where there is none.

    The pixels of a cutout are those whose middles are nearest, as astropy's ``Cutout2D`` has them.
    """
    finite = np.isfinite(centres)
    start = np.ceil(np.where(finite, centres, 0.0) - size / 2)
    return np.where(finite, np.clip(start, -(2**40), 2**40), -(2**40)).astype(np.int64)


def _copy_bytes(source: Any, target: Any, count: int) -> None:
    """Unpack the first ``count`` bytes."""
    while count > 0:
        part = source.read(min(count, 1 << 20))
        if not part:
            raise OSError("the file ends early")
        target.write(part)
        count -= len(part)
    target.flush()
