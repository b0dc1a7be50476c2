"""Survey camera: several bands, each with its own PSF, sky and depth."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from keras import ops

from lenszoo.simulation.psf import PSF, blur_matrix, star_profile
from lenszoo.simulation.random import normal_from_uniform, pixel_uniform

ZERO_POINT = 25.0  # AB magnitude of flux 1 [mag]


def flux(magnitude):
    """Flux of an AB magnitude [mag], in units of the flux of magnitude 25; scalars or arrays."""
    return 10.0 ** (-0.4 * (np.asarray(magnitude) - ZERO_POINT))


def magnitude(flux):
    """AB magnitude [mag] of a flux in units of that of magnitude 25; scalars or arrays."""
    return ZERO_POINT - 2.5 * np.log10(flux)


@dataclass(frozen=True)
class Band:
    """One band of a survey.

    Attributes:
        name: as in tables and headers.
        psf_fwhm: median full width at half maximum of the effective PSF [arcsec].
        depth: magnitude measured in the aperture at ``depth_snr`` [mag], for white noise of the
            pixels; where neighbours are correlated, apertures are some 0.3 mag less deep.
        depth_snr: signal-to-noise ratio at that depth.
        aperture: diameter of the aperture [arcsec].
        sky: surface brightness of the sky [mag/arcsec^2].
    """

    name: str
    psf_fwhm: float
    depth: float
    depth_snr: float
    aperture: float
    sky: float


@dataclass(frozen=True)
class Survey:
    """A camera of several bands on one pixel grid.

    Attributes:
        bands: from blue to red.
        pixels: pixels a side.
        pixel_scale: pixel scale [arcsec/pixel].
        psf: shape of the PSF in all bands.
        seeing_scatter: standard deviation of ln(PSF width) between images, common to all bands.
        supersampling: samples a side of each pixel.
        margin: width of the rim whose light the PSF blurs into the image [pixels].
        correlation: of the noise of neighbouring pixels, which resampled stacks have; below 0.5.
    """

    bands: tuple[Band, ...]
    pixels: int
    pixel_scale: float
    psf: PSF
    seeing_scatter: float = 0.0
    supersampling: int = 2
    margin: int = 3
    correlation: float = 0.0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the bands."""
        return tuple(band.name for band in self.bands)

    @property
    def pixel_area(self) -> float:
        """Area of a pixel [arcsec^2]."""
        return self.pixel_scale**2

    @cached_property
    def sky(self) -> np.ndarray:
        """Flux of the sky in a pixel, (bands,)."""
        return flux([band.sky for band in self.bands]) * self.pixel_area

    @cached_property
    def noise(self) -> np.ndarray:
        """Standard deviation of an empty pixel, (bands,), from depth and aperture."""
        pixels = [np.pi * band.aperture**2 / 4 / self.pixel_area for band in self.bands]
        limit = flux([band.depth for band in self.bands])
        return limit / np.array([band.depth_snr for band in self.bands]) / np.sqrt(pixels)

    @cached_property
    def psf_fwhm(self) -> np.ndarray:
        """Median full widths at half maximum of the PSF, (bands,) [arcsec]."""
        return np.array([band.psf_fwhm for band in self.bands])

    def axis(self, supersampling: int = 1, margin: int = 0) -> np.ndarray:
        """Sample centres along one axis, from the image's centre [arcsec]."""
        n = (self.pixels + 2 * margin) * supersampling
        return (np.arange(n) + 0.5 - n / 2) * (self.pixel_scale / supersampling)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Sample centres x and y [arcsec], margin included, each (1, n) float32."""
        axis = self.axis(self.supersampling, self.margin).astype(np.float32)
        y, x = np.meshgrid(axis, axis, indexing="ij")
        return x.reshape(1, -1), y.reshape(1, -1)

    def blurred(self, brightness, fwhm):
        """Blur brightness with the PSF: (batch, bands, n) to flux (batch, bands, pixels^2).

        The core of the PSF is applied to the samples; its wings, at least twice as wide, to their
        means over pixels, at a tenth of the cost.

        Args:
            brightness: on the grid, flux per arcsec^2.
            fwhm: full width at half maximum of the PSF, (batch, bands) [arcsec].
        """
        side, s = self.pixels + 2 * self.margin, self.supersampling
        bands = len(self.bands)
        fine = ops.reshape(brightness, (-1, bands, side * s, side * s))
        coarse = ops.mean(ops.reshape(fine, (-1, bands, side, s, side, s)), axis=(3, 5))
        (core, core_sigma), (wings, wings_sigma) = self.psf.gaussians()
        pixels = self.axis()
        near = blur_matrix(pixels, self.axis(s, self.margin), core_sigma * fwhm)
        far = blur_matrix(pixels, self.axis(1, self.margin), wings_sigma * fwhm)
        image = core * _sandwich(near, fine) + wings * _sandwich(far, coarse)
        return ops.reshape(image * self.pixel_area, (-1, bands, self.pixels**2))

    def stars(self, x, y, fluxes, fwhm):
        """Flux in pixels of point sources, (batch, bands, pixels^2).

        Args:
            x, y: positions, (batch, stars) [arcsec].
            fluxes: (batch, stars, bands).
            fwhm: full width at half maximum of the PSF, (batch, bands) [arcsec].
        """
        image = 0.0
        for fraction, sigma in self.psf.gaussians():
            rows = star_profile(self.axis(), y, sigma * fwhm)
            columns = star_profile(self.axis(), x, sigma * fwhm)
            light = fraction * ops.transpose(fluxes, (0, 2, 1))[..., None]
            image = image + ops.matmul(ops.transpose(rows * light, (0, 1, 3, 2)), columns)
        return ops.reshape(image, (-1, len(self.bands), self.pixels**2))

    def observe(self, image, arrays: Mapping[str, Any]):
        """Add noise to a sky-subtracted image, (batch, bands, n): noisy image and its variance.

        The variance is ``sigma^2 (1 + flux / sky)``: an empty pixel has the survey's noise, the
        photon noise of the sky, and light adds its own. Noise is keyed by band, ``arrays["keys"]``
        (batch, bands, 2), and ``arrays["noise_factor"]`` (batch, bands) multiplies it where that is
        there.
        """
        noise = ops.convert_to_tensor(self.noise.astype(np.float32)[:, None])
        if "noise_factor" in arrays:
            noise = noise * arrays["noise_factor"][..., None]
        sky = ops.convert_to_tensor(self.sky.astype(np.float32)[:, None])
        variance = noise * noise * (1.0 + ops.maximum(image, 0.0) / sky)
        keys, n = arrays["keys"], image.shape[2]
        uniform = [pixel_uniform(keys[:, band], n) for band in range(len(self.bands))]
        deviates = normal_from_uniform(ops.stack(uniform, axis=1))
        if self.correlation:
            deviates = self._correlated(deviates)
        return image + ops.sqrt(variance) * deviates, variance

    def _correlated(self, deviates):
        """Correlate deviates (batch, bands, n) of neighbours along both axes; their rms stays 1."""
        # the kernel (a, 1, a) along an axis correlates neighbours by 2 a / (1 + 2 a^2)
        a = (1.0 - np.sqrt(1.0 - 2.0 * self.correlation**2)) / (2.0 * self.correlation)
        n = self.pixels
        x = ops.reshape(deviates, (-1, len(self.bands), n, n))
        for axis in (2, 3):
            x = (x + a * (ops.roll(x, 1, axis) + ops.roll(x, -1, axis))) / np.sqrt(1 + 2 * a * a)
        return ops.reshape(x, (-1, len(self.bands), n * n))


def _sandwich(matrix, image):
    """``M image M^T`` for (..., n, m) and (..., m, m)."""
    return ops.matmul(ops.matmul(matrix, image), ops.swapaxes(matrix, -1, -2))
