"""Cutouts of objects from the bands of a tile, native or resampled to another pixel scale."""

import contextlib
import itertools
from collections.abc import Sequence

import numpy as np

from lenszoo.data.grids import Grid
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.pixels import MaskedPixels, Pixels, first_pixels
from lenszoo.errors import LenszooError
from lenszoo.survey.footprints import Tile
from lenszoo.survey.resample import pixel_axes, resample

SAME_SCALE = 0.05
"""Pixel scales that differ by less, relatively, are taken for the same."""

_SAME_GRID = 0.02  # of the directions and scales of two bands
_ARCSEC = 3600.0


class TileCutter:
    """The open images of a tile, from which cutouts are made.

    Args:
        tile: one without a fault.
        shape: (H, W) of the cutouts in pixels.
        scale: arcsec a pixel to resample to, along the axes of the first band's pixels; None cuts
            the pixels as they are.
        zero_point: AB magnitude of flux 1 in cutouts from bands whose zero point is known.
        mask_value: pixel value of masked pixels in the tile, which become NaN.

    Raises:
        LenszooError: an image cannot be read.
    """

    def __init__(
        self,
        tile: Tile,
        shape: tuple[int, int],
        scale: float | None = None,
        zero_point: float = ZERO_POINT,
        mask_value: float | None = None,
    ) -> None:
        self.tile, self.shape, self.scale = tile, shape, scale
        self._bands: list[Pixels] = []
        try:
            for grid, weight_map, mask in itertools.zip_longest(
                tile.grids, tile.weight_maps, tile.masks
            ):
                if grid is None:
                    raise LenszooError(f"Tile {tile.name}: {tile.fault or 'lacks a band'}.")
                plain = (weight_map, mask, mask_value) == (None, None, None)
                self._bands.append(
                    Pixels(grid)
                    if plain
                    else MaskedPixels(grid, weight_map, mask, tile.mask_bits, mask_value)
                )
        except BaseException:
            self.close()
            raise
        self._factors = [
            np.float32(1 if point is None else 10 ** (0.4 * (zero_point - point)))
            for point in tile.zero_points
        ]

    def __enter__(self) -> "TileCutter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the images."""
        with contextlib.ExitStack() as stack:
            for band in self._bands:
                stack.callback(band.close)

    def order(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return objects in the order of the rows of the first band, the fastest to cut."""
        _, y = self._bands[0].grid.pixels(ra, dec)
        return np.argsort(np.nan_to_num(y), kind="stable")

    def cut(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return cutouts (n, H, W, bands) float32 about positions [deg]; NaN beyond the edges.

        Native cutouts hold the pixels whose middle is nearest to the object, as astropy's
        ``Cutout2D`` does. Resampled ones are made by :func:`lenszoo.survey.resample.resample`.

        Raises:
            LenszooError: an image is damaged.
        """
        images = np.empty((len(ra), *self.shape, len(self._bands)), np.float32)
        axes = None
        if self.scale is not None:
            axes = pixel_axes(self._bands[0].grid, ra, dec)
        for k, (pixels, factor) in enumerate(zip(self._bands, self._factors, strict=True)):
            if self.scale is None or axes is None:
                planes = self._native(pixels, ra, dec)
            else:
                planes = resample(pixels, ra, dec, self.shape, self.scale, axes)
            images[..., k] = planes if factor == 1 else planes * factor
        return images

    def _native(self, pixels: Pixels, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        height, width = self.shape
        x, y = pixels.grid.pixels(ra, dec)
        return pixels.cutouts(first_pixels(x, width), first_pixels(y, height), self.shape)


def suits(grids: Sequence[Grid], trained: float | None, resampled: bool, label: str) -> str | None:
    """Say why the grids of a tile cannot be cut as they are; None where they can.

    Args:
        grids: one a band.
        trained: arcsec a pixel of the model's training, None where unknown.
        resampled: whether cutouts are resampled, for which any grid will do.
        label: what messages call the model.
    """
    if resampled or not grids:
        return None
    first = grids[0]
    matrix = first.wcs.pixel_scale_matrix * _ARCSEC / first.scale
    for grid in grids:
        if trained is not None and abs(grid.scale / trained - 1) > SAME_SCALE:
            return (
                f"{grid.path}: {grid.scale:.3g} arcsec a pixel, but {label} learned at "
                f"{trained:.3g}; pass resample=True"
            )
        other = grid.wcs.pixel_scale_matrix * _ARCSEC / first.scale
        if np.abs(other - matrix).max() > _SAME_GRID:
            return (
                f"{grid.path}: its pixels are turned against those of {first.path}, or of another "
                "size; pass resample=True"
            )
    return None
