"""Stamps of real galaxies, such as HST's, as sources of painted lenses."""

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from lenszoo.data.formats import is_image_file
from lenszoo.data.readers import read_image
from lenszoo.data.sky import measure_sky
from lenszoo.errors import LenszooError
from lenszoo.files import expanded
from lenszoo.simulation.paint_source import Source

SIDE = 128  # pixels a side of a prepared stamp
_SKY = 0.1  # largest sky below the galaxy, as a fraction of its light
_SIGMA = 1.5  # a pixel of the galaxy, above the noise of the smoothed stamp
_PEAK = 6.0  # its brightest pixel
_GROW = 3  # pixels that are kept around it
_SMALLEST = 9  # pixels a side of a stamp


@dataclass(frozen=True, eq=False)
class Stamps:
    """Galaxies cut out of their stamps.

    Attributes:
        images: (n, SIDE, SIDE) float32 of sum 1, the galaxy in the middle, 0 around it.
        radius: half-light radii, (n,) [pixels].
        names: of the files.
    """

    images: np.ndarray
    radius: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: np.ndarray) -> "Stamps":
        """Return some of the stamps."""
        return Stamps(self.images[rows], self.radius[rows], tuple(self.names[i] for i in rows))

    def sha256(self) -> str:
        """Hash of the images."""
        return hashlib.sha256(np.ascontiguousarray(self.images).tobytes()).hexdigest()

    def step(self, source: Source) -> float:
        """Size of a stamp's pixel in the source plane: that which gives the source's radius."""
        return source.r_eff / float(self.radius[source.stamp])

    def brightness(self, source: Source, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Brightness at unit flux [1/arcsec^2], at offsets x and y [arcsec]."""
        step = self.step(source)
        c, s = math.cos(source.angle), math.sin(source.angle)
        u = (c * x + s * y) / step + (SIDE - 1) / 2
        v = (c * y - s * x) / step + (SIDE - 1) / 2
        stamp = self.images[source.stamp]
        return ndimage.map_coordinates(stamp, (v, u), order=1, mode="constant") / step**2


def make_stamps(images: Sequence[np.ndarray], names: Sequence[str] | None = None) -> Stamps:
    """Cut galaxies out of stamps: noise and neighbours are set to 0.

    A galaxy is what hangs together with the middle, above 1.5 sigma of the smoothed stamp.

    Args:
        images: (H, W) arrays of any sizes, one band, the sky subtracted.
        names: for messages.

    Raises:
        LenszooError: a stamp with NaN, with sky left in, or without a galaxy in the middle.

    Example:
        >>> import numpy as np
        >>> from lenszoo.simulation import make_stamps
        >>> x, y = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41))
        >>> stamps = make_stamps([np.exp(-np.hypot(x, y) / 5.0)])
        >>> round(float(stamps.radius[0]), 1)
        8.5
    """
    names = tuple(names or (f"stamp {i}" for i in range(len(images))))
    if not len(names):
        raise LenszooError("There are no stamps of sources.")
    prepared = [_prepared(image, name) for image, name in zip(images, names, strict=True)]
    radii = np.array([_half_light_radius(image) for image in prepared])
    return Stamps(np.stack(prepared).astype(np.float32), radii, names)


def read_stamps(folder: str | os.PathLike[str]) -> Stamps:
    """Read the stamps of a folder: FITS, NPY or PNG files of one band each.

    Raises:
        LenszooError: no such folder or no images in it, or as :func:`make_stamps`.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from lenszoo.simulation import read_stamps
        >>> x, y = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41))
        >>> Path("stamps").mkdir()
        >>> np.save("stamps/disc.npy", np.exp(-np.hypot(x, y) / 5.0))
        >>> len(read_stamps("stamps"))
        1
    """
    root = expanded(folder)
    if not root.is_dir():
        raise LenszooError(f"{folder}: no such folder of stamps.")
    paths = sorted((path for path in root.iterdir() if is_image_file(path.name)), key=str)
    if not paths:
        raise LenszooError(f"{folder}: no images (FITS, NPY or PNG) to use as sources.")
    images = []
    for path in paths:
        image = read_image(path)
        if image.shape[2] != 1:
            raise LenszooError(f"{path}: {image.shape[2]} bands; a stamp has one.")
        images.append(image[..., 0])
    stamps = make_stamps(images, list(map(str, paths)))
    # by which stamps are split: the same wherever the folder lies
    return replace(stamps, names=tuple(path.name for path in paths))


def _prepared(image: np.ndarray, name: str) -> np.ndarray:
    image = np.asarray(image, np.float64)
    if not np.isfinite(image).all():
        raise LenszooError(f"{name}: the stamp has NaN or infinite pixels; mend or leave it out.")
    if image.ndim != 2 or min(image.shape) < _SMALLEST:
        raise LenszooError(
            f"{name}: shape {image.shape}; a stamp is (H, W), {_SMALLEST} pixels or more a side."
        )
    unit = max(float(np.abs(image).max()), np.finfo(float).tiny)  # whatever the file's is
    image = image / unit
    sky = measure_sky(image[None, ..., None])
    level, rms = float(sky.level[0, 0]), float(sky.rms[0, 0])
    smooth = ndimage.gaussian_filter(image, 1.5)
    noise = float(measure_sky(smooth[None, ..., None]).rms[0, 0])
    labels, _ = ndimage.label(smooth - level > max(_SIGMA * noise, 1e-12))
    middle = tuple(side // 2 for side in image.shape)
    around = labels[middle[0] - 3 : middle[0] + 4, middle[1] - 3 : middle[1] + 4]
    inside = around[around > 0]
    if not len(inside):
        raise LenszooError(f"{name}: there is no galaxy in the middle of the stamp.")
    mask = labels == np.bincount(inside).argmax()
    if smooth[mask].max() - level < _PEAK * noise:
        raise LenszooError(
            f"{name}: the middle of the stamp is brighter than its noise by less than "
            f"{_PEAK:g} sigma, which is no galaxy to use as a source; leave it out."
        )
    mask = ndimage.binary_dilation(ndimage.binary_fill_holes(mask), iterations=_GROW)
    light = float((image - level)[mask].sum())
    below = abs(level) * int(mask.sum())
    # the level of a stamp without sky is known to its noise only
    if below > _SKY * light and abs(level) > 3 * rms / math.sqrt((~mask).sum() / 8 + 1):
        raise LenszooError(
            f"{name}: the stamp still has its sky, {level * unit:.3g} a pixel, below the galaxy "
            f"{below / light:.0%} of its light; subtract it."
        )
    soft = ndimage.gaussian_filter(mask.astype(float), 1.0)
    # the rim, where noise is most of the light, is taken from the smoothed stamp
    bright = np.clip((smooth - level) / max(3 * rms, 1e-12), 0.0, 1.0)
    galaxy = np.maximum((bright * image + (1 - bright) * smooth - level) * soft, 0.0)
    return _centred(galaxy / galaxy.sum())


def _centred(galaxy: np.ndarray) -> np.ndarray:
    """Bring the centre of the light to the middle of SIDE x SIDE pixels, binning where needed."""
    extent = max(int(np.ptp(part)) + 1 for part in np.nonzero(galaxy))
    factor = max(1, math.ceil(extent / (SIDE - 2)))
    if factor > 1:
        height, width = (side // factor * factor for side in galaxy.shape)
        blocks = galaxy[:height, :width].reshape(height // factor, factor, width // factor, factor)
        galaxy = blocks.sum((1, 3))
    y, x = ndimage.center_of_mass(galaxy)
    middle = (SIDE - 1) / 2
    grid_y, grid_x = np.mgrid[:SIDE, :SIDE] - middle
    moved = ndimage.map_coordinates(galaxy, (grid_y + y, grid_x + x), order=1, mode="constant")
    return moved / moved.sum()


def _half_light_radius(galaxy: np.ndarray) -> float:
    y, x = np.mgrid[: galaxy.shape[0], : galaxy.shape[1]] - (galaxy.shape[0] - 1) / 2
    order = np.argsort(np.hypot(x, y), axis=None)
    curve = np.cumsum(galaxy.ravel()[order])
    radius = np.hypot(x, y).ravel()[order]
    return max(float(np.interp(0.5 * curve[-1], curve, radius)), 1.0)
