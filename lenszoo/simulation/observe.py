"""Observe: from surface brightness on the sub-grid to counts in pixels.

A Gaussian PSF is separable. The blur by a narrow one is a sum of shifted rows, then of shifted
columns. For a wide one, the kernel and the repeated edge pixel are one (pixels x pixels) matrix
``M``, and the blur is ``M image M^T``, two matrix products.
"""

import math
from dataclasses import dataclass

import numpy as np
from keras import ops

from lenszoo.simulation.random import normal_from_uniform, pixel_uniform, poisson_from_uniform

# from so many pixels a side of the image for each of the kernel on, shifts are faster than two
# matrix products; measured with 64, 100 and 150 pixels a side
_SIDE_OVER_KERNEL = 25
FWHM_TO_SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))


@dataclass(frozen=True)
class Instrument:
    """A camera: pixel grid, PSF and sub-grid.

    Attributes:
        pixels: pixels a side.
        pixel_scale: pixel scale [arcsec/pixel].
        psf_fwhm: full width at half maximum of the Gaussian PSF [arcsec].
        psf_truncation: radius at which the PSF is cut [sigma].
        supersampling: sub-pixels a side of each pixel; the pixel holds their mean.
    """

    pixels: int
    pixel_scale: float
    psf_fwhm: float
    psf_truncation: float = 5.0
    supersampling: int = 1

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Sub-pixel centres x and y [arcsec], each (supersampling^2, pixels^2) float32.

        The first axis runs over the sub-pixels of a pixel, so that binning is a mean over it.
        """
        centres = np.arange(self.pixels) + 0.5 - self.pixels / 2
        inside = (np.arange(self.supersampling) + 0.5) / self.supersampling - 0.5
        axis = (centres[None, :] + inside[:, None]) * self.pixel_scale
        x = np.broadcast_to(
            axis[None, :, None, :], (*(self.supersampling,) * 2, *(self.pixels,) * 2)
        )
        flat = (self.supersampling**2, self.pixels**2)
        y = np.broadcast_to(axis[:, None, :, None], x.shape)
        return x.reshape(flat).astype(np.float32), y.reshape(flat).astype(np.float32)

    def observe(self, brightness):
        """Bin the sub-grid, then blur: (batch, supersampling^2 * pixels^2) to (batch, pixels^2)."""
        image = self.bin(brightness)
        psf = (self.psf_fwhm / self.pixel_scale, self.psf_truncation)
        kernel = gaussian_kernel(*psf)
        if self.pixels >= _SIDE_OVER_KERNEL * len(kernel):
            image = _shifted(_shifted(image, kernel, axis=1), kernel, axis=2)
        else:
            blur = gaussian_matrix(self.pixels, *psf).astype(np.float32)
            matrix = ops.convert_to_tensor(blur)
            image = ops.matmul(ops.matmul(matrix, image), ops.transpose(matrix))
        return ops.reshape(image, (-1, self.pixels**2))

    def bin(self, brightness):
        """Mean of each pixel's sub-pixels, (batch, pixels, pixels)."""
        image = ops.reshape(brightness, (-1, self.supersampling**2, self.pixels**2))
        image = image[:, 0] if self.supersampling == 1 else ops.mean(image, axis=1)
        return ops.reshape(image, (-1, self.pixels, self.pixels))


def gaussian_kernel(fwhm: float, truncation: float) -> np.ndarray:
    """Kernel of a Gaussian blur, float64 of odd length and sum 1; see :func:`gaussian_matrix`."""
    sigma = fwhm * FWHM_TO_SIGMA
    radius = int(truncation * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return kernel / kernel.sum()


def _lines(image, start: int, stop: int, axis: int):
    return image[:, start:stop] if axis == 1 else image[:, :, start:stop]


def _shifted(image, kernel: np.ndarray, axis: int):
    """Blur (batch, n, n) along an axis, the edge pixel repeated outside."""
    n, radius = image.shape[axis], len(kernel) // 2
    before = [_lines(image, 0, 1, axis)] * radius
    after = [_lines(image, n - 1, n, axis)] * radius
    wide = ops.concatenate([*before, image, *after], axis=axis)
    total = float(kernel[radius]) * image
    for k in range(radius):  # the kernel is even
        pair = _lines(wide, k, k + n, axis) + _lines(wide, 2 * radius - k, 2 * radius - k + n, axis)
        total = total + float(kernel[k]) * pair
    return total


def gaussian_matrix(n: int, fwhm: float, truncation: float) -> np.ndarray:
    """Matrix (n, n) float64 of a Gaussian blur along one axis, the edge pixel repeated outside.

    Args:
        n: pixels along the axis.
        fwhm: full width at half maximum [pixels].
        truncation: radius of the kernel [sigma].
    """
    kernel = gaussian_kernel(fwhm, truncation)
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    blur = np.zeros((n, n))
    rows = np.arange(n)
    for offset, weight in zip(offsets, kernel, strict=True):
        np.add.at(blur, (rows, np.clip(rows + offset, 0, n - 1)), weight)
    return blur


def poisson_counts(image, sky, keys):
    """Poisson counts (batch, n) of ``image + sky`` [counts/pixel], from keys (batch, 2)."""
    return poisson_from_uniform(ops.maximum(image + sky, 0.0), pixel_uniform(keys, image.shape[1]))


def gaussian_noise(sigma, keys):
    """Normal noise of standard deviation ``sigma`` (batch, n) from keys (batch, 2)."""
    return sigma * normal_from_uniform(pixel_uniform(keys, sigma.shape[1]))


def binned(image, pixels: int, factor: int):
    """Mean of blocks of factor x factor: (batch, pixels^2) to (batch, (pixels / factor)^2)."""
    n = pixels // factor
    blocks = ops.reshape(image, (-1, n, factor, n, factor))
    return ops.reshape(ops.mean(blocks, axis=(2, 4)), (-1, n * n))


def signal_to_noise(signal, variance):
    """Signal-to-noise (batch,) of a signal of known shape, both (batch, n)."""
    return ops.sqrt(ops.sum(signal * signal / ops.maximum(variance, 1e-12), axis=1))


def minmax(image, reference=None):
    """Scale each image of (batch, n) by the affine map that takes ``reference`` to [0, 1].

    The reference, (batch, m), is by default the image itself.
    """
    reference = image if reference is None else reference
    low = ops.min(reference, axis=1, keepdims=True)
    high = ops.max(reference, axis=1, keepdims=True)
    return (image - low) / ops.maximum(high - low, 1e-12)
