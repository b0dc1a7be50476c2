"""Frames of real sky that simulated scenes are painted into: its noise, its neighbours."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from scipy import ndimage

from lenszoo.data.readers import read_image
from lenszoo.errors import LenszooError, counted
from lenszoo.simulation.random import normal_from_uniform, pixel_uniform
from lenszoo.simulation.survey import ZERO_POINT, Survey

_QUIET = 1.6  # radius about the middle of a scene that must be free of bright sources [arcsec]
_LIMIT = 6.0  # of the noise, in the reddest band, above which a source is bright


@dataclass(frozen=True, eq=False)
class Frames:
    """One field of real sky in several bands, aligned.

    Attributes:
        pixels: (H, W, bands) float32, sky-subtracted, of the zero point of simulated skies.
        corners: (n, 2) first row and column of each cutout whose middle is quiet.
        size: pixels a side of a cutout.
    """

    pixels: np.ndarray
    corners: np.ndarray
    size: int

    def cut(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Cut n cutouts out at random quiet places, turned and flipped; (n, size, size, bands)."""
        cut = np.empty((n, self.size, self.size, self.pixels.shape[2]), np.float32)
        corners = self.corners[rng.integers(len(self.corners), size=n)]
        for each, (row, column) in zip(cut, corners, strict=True):
            patch = self.pixels[row : row + self.size, column : column + self.size]
            patch = np.rot90(patch, int(rng.integers(4)))
            each[:] = patch[:, ::-1] if rng.random() < 0.5 else patch
        return cut


def read_frames(
    pattern: str | os.PathLike[str],
    bands: Sequence[str],
    size: int,
    scale: float,
    zero_point: float,
) -> Frames:
    """Read frames of real sky, one file a band.

    Args:
        pattern: path of a file with ``{band}`` in it, such as ``"field_{band}.fits"``.
        bands: names of the bands, in order.
        size: pixels a side of a cutout.
        scale: of the pixels [arcsec].
        zero_point: AB magnitude of flux 1 in the files [mag].

    Raises:
        LenszooError: a file that is missing or of another shape, frames smaller than a cutout, NaN
            pixels, a band without noise, or no quiet place.
    """
    files = [str(pattern).replace("{band}", band) for band in bands]
    if len(set(files)) < len(files):
        raise LenszooError(f"{pattern}: name the band in the path, as in field_{{band}}.fits.")
    images = read_image(files)
    height, width = images.shape[:2]
    if images.shape[2] != len(files) or min(height, width) < size:
        raise LenszooError(
            f"{files[0]}: frames of {height} x {width} pixels in "
            f"{counted(images.shape[2], 'band')}; they have {len(files)}, one a file, and at least "
            f"{size} pixels a side."
        )
    if not np.isfinite(images).all():
        raise LenszooError(f"{files[0]}: pixels that are no finite numbers; give another frame.")
    pixels = images * np.float32(10 ** (0.4 * (ZERO_POINT - zero_point)))
    pixels -= np.median(pixels, (0, 1)).astype(np.float32)
    noise = 1.4826 * np.median(np.abs(pixels), (0, 1))
    if not (noise > 0).all():
        raise LenszooError(f"{files[int(np.argmin(noise))]}: a frame without noise is no real sky.")
    red = ndimage.gaussian_filter(pixels[..., -1], 1.0)
    loudest = ndimage.maximum_filter(red, 2 * round(_QUIET / scale) + 1)
    half = size // 2
    middles = loudest[half : pixels.shape[0] - size + half + 1, half:][
        :, : pixels.shape[1] - size + 1
    ]
    corners = np.argwhere(middles < _LIMIT * noise[-1])
    if not len(corners):
        raise LenszooError(f"{files[-1]}: no place that is free of bright sources.")
    return Frames(pixels, corners, size)


def photon_noise(survey: Survey) -> Any:
    """Return an ``observe`` that adds the photon noise of a scene's own light alone.

    For scenes that are painted into real sky, which brings the rest. See
    :meth:`lenszoo.simulation.survey.Survey.observe`.
    """

    def observe(image: Any, arrays: Any) -> tuple[Any, Any]:
        noise = ops.convert_to_tensor(survey.noise.astype(np.float32)[:, None])
        sky = ops.convert_to_tensor(survey.sky.astype(np.float32)[:, None])
        own = noise * noise * ops.maximum(image, 0.0) / sky
        keys, n = arrays["keys"], image.shape[2]
        uniform = [pixel_uniform(keys[:, band], n) for band in range(len(survey.bands))]
        deviates = normal_from_uniform(ops.stack(uniform, axis=1))
        return image + ops.sqrt(own) * deviates, own + noise * noise

    return observe
