"""Point-spread function of two Gaussians, a core and wings.

Two Gaussians approximate the Moffat profile of seeing (Moffat 1969; Trujillo et al. 2001,
doi:10.1046/j.1365-8711.2001.04937.x); one lacks its wings. They are separable: a blur is two
small matrix products, a star's image a sum of outer products.

The PSF is the effective one, the pixel's response included (Anderson & King 2000,
doi:10.1086/316632), as its width is measured on images: a pixel is the PSF's value at its centre.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from keras import ops


@dataclass(frozen=True)
class PSF:
    """Two round Gaussians, core and wings, whose sum has a full width at half maximum of 1.

    Attributes:
        wings: fraction of the light in the wings.
        ratio: width of the wings over that of the core.
    """

    wings: float
    ratio: float

    @cached_property
    def core(self) -> float:
        """Sigma of the core, as a fraction of the full width at half maximum."""
        low, high = 0.1, 0.43  # a single Gaussian has 0.42466
        for _ in range(60):
            middle = 0.5 * (low + high)
            excess = sum(
                fraction / (width * middle) ** 2 * (math.exp(-0.125 / (width * middle) ** 2) - 0.5)
                for fraction, width in ((1 - self.wings, 1.0), (self.wings, self.ratio))
            )
            low, high = (middle, high) if excess < 0 else (low, middle)
        return low

    def gaussians(self) -> tuple[tuple[float, float], ...]:
        """Fraction of the light and sigma, in full widths at half maximum, of core and wings."""
        return (1 - self.wings, self.core), (self.wings, self.core * self.ratio)


# Fits to the encircled energy of Moffat profiles out to twice the width at half maximum, good to
# 0.007 (beta 3.5) and 0.013 (beta 2.5) of the light.
MOFFAT_3_5 = PSF(wings=0.439, ratio=1.992)
MOFFAT_2_5 = PSF(wings=0.478, ratio=2.436)


def blur_matrix(pixels: np.ndarray, samples: np.ndarray, sigma):
    """Blur matrix ``M`` along one axis, for ``M brightness M^T``.

    Args:
        pixels: centres of the n pixels [arcsec].
        samples: centres of the m samples [arcsec].
        sigma: standard deviation of the Gaussian, (batch, bands) [arcsec].

    Returns:
        (batch, bands, n, m), each row of sum 1: a pixel is a mean of the brightness around it.
    """
    distance2 = (pixels[:, None] - samples[None, :]) ** 2
    squares = ops.convert_to_tensor(distance2.astype(np.float32))
    weight = ops.exp(squares * (-0.5 / (sigma * sigma))[:, :, None, None])
    return weight / ops.sum(weight, axis=-1, keepdims=True)


def star_profile(pixels: np.ndarray, position, sigma):
    """Fraction of a star's light per pixel along one axis, (batch, bands, stars, n).

    Args:
        pixels: centres of the n pixels, evenly spaced [arcsec].
        position: of the stars, (batch, stars) [arcsec].
        sigma: standard deviation of the Gaussian, (batch, bands) [arcsec].
    """
    step = float(pixels[1] - pixels[0])
    offset = ops.convert_to_tensor(pixels.astype(np.float32)) - position[:, None, :, None]
    width = sigma[:, :, None, None]
    return ops.exp(-0.5 * (offset / width) ** 2) * (step / math.sqrt(2 * math.pi) / width)
