"""Augmentation of the observation: broader PSF, more noise, another flux scale."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from lenszoo.errors import LenszooError
from lenszoo.layers.augmentation_base import SeededAugmentation, amount, limits

_FWHM_TO_SIGMA = 1 / (2 * math.sqrt(2 * math.log(2)))
_MAD_TO_SIGMA = 1.4826


@keras.saving.register_keras_serializable(package="lenszoo")
class RandomBlur(SeededAugmentation):
    """Blur with a Gaussian of random width, as a broader PSF does; flux is conserved.

    An image whose PSF has a FWHM a comes out with ``sqrt(a**2 + fwhm**2)``. The kernel is the
    Gaussian of a pixel grid, ``exp(-t) I_n(t)`` with ``t = sigma**2`` (Lindeberg 1990,
    doi:10.1109/34.49051): its second moment is right at any FWHM, where samples of a continuous
    Gaussian fail below about 1.5 pixels.

    Args:
        fwhm: full width at half maximum [pixels]; n draws evenly from 0 to n, a pair from low to
            high.

    Raises:
        LenszooError: an illegal range; when called, images smaller than half the kernel.

    >>> flat = RandomBlur(fwhm=2.0, seed=1).augment(ops.ones((2, 16, 16, 1)))
    >>> bool(ops.max(ops.abs(flat - 1.0)) < 1e-5)
    True
    """

    OPTIONS = ("fwhm", "seed")

    def __init__(
        self, fwhm: float | tuple[float, float] = 2.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.fwhm = limits("fwhm", fwhm)
        # wide enough for the largest FWHM: shapes do not depend on the draw
        self.reach = math.ceil(4 * self.fwhm[1] * _FWHM_TO_SIGMA) + 1

    def check_shape(self, shape: tuple[int | None, ...]) -> None:
        """Raise LenszooError where the kernel reaches beyond the mirrored image."""
        super().check_shape(shape)
        least = min(side for side in (*shape[-3:-1], self.reach) if side is not None)
        if least < self.reach:
            raise LenszooError(
                f"RandomBlur with a FWHM of up to {self.fwhm[1]:g} pixels needs images of "
                f"{self.reach} pixels a side or more, not {least}: lower fwhm."
            )

    def change(self, images: Any) -> Any:
        """Return the images blurred."""
        return blur(images, self.uniform(images, self.fwhm)[:, 0], self.reach)


@keras.saving.register_keras_serializable(package="lenszoo")
class RandomNoise(SeededAugmentation):
    """Add white Gaussian noise of random standard deviation.

    Args:
        sigma: standard deviation, one for all bands of an image; n draws evenly from 0 to n, a
            pair from low to high. In the units of the image or, if ``relative``, of its own noise.
        relative: measure the noise of each band of each image (1.4826 times the median absolute
            deviation along the edge, mostly sky, as ``Stretch`` does), and take ``sigma`` in units
            of it: sigma = 1 makes the noise sqrt(2) times as strong, and an image without noise
            gets none.

    Raises:
        LenszooError: an illegal range.

    >>> noise = RandomNoise(sigma=(2.0, 2.0), seed=1).augment(ops.zeros((1, 64, 64, 1)))
    >>> bool(abs(float(ops.std(noise)) - 2.0) < 0.1)
    True
    """

    OPTIONS = ("sigma", "relative", "seed")

    def __init__(
        self,
        sigma: float | tuple[float, float] = 1.0,
        relative: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.sigma, self.relative = limits("sigma", sigma), bool(relative)

    def change(self, images: Any) -> Any:
        """Return the images with more noise."""
        sigma = self.uniform(images, self.sigma)[:, :, None, None]
        if self.relative:
            sigma = sigma * edge_noise(images)[:, None, None, :]
        return images + sigma * keras.random.normal(ops.shape(images), seed=self.generator)


@keras.saving.register_keras_serializable(package="lenszoo")
class RandomFlux(SeededAugmentation):
    """Multiply each image by ``exp(x)``, x normally distributed, as another zero point does.

    Colours and signal-to-noise ratio do not change. Images must be sky-subtracted.

    Args:
        sigma: standard deviation of x; 0.1 is about 0.1 mag.

    Raises:
        LenszooError: a sigma that is not a number of at least 0.

    >>> tuple(RandomFlux(sigma=0.1, seed=1).augment(ops.ones((2, 8, 8, 3))).shape)
    (2, 8, 8, 3)
    """

    OPTIONS = ("sigma", "seed")

    def __init__(self, sigma: float = 0.1, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.sigma = amount("sigma", sigma)

    def change(self, images: Any) -> Any:
        """Return the images brighter or fainter."""
        x = keras.random.normal((ops.shape(images)[0], 1, 1, 1), seed=self.generator)
        return images * ops.exp(self.sigma * x)


def blur(images: Any, fwhm: Any, reach: int) -> Any:
    """Blur each image with a Gaussian, mirrored at the edge, which conserves flux.

    Args:
        images: (batch, height, width, bands), sides no shorter than ``reach``.
        fwhm: full width at half maximum, (batch,) [pixels].
        reach: half size of the kernel, which has ``2 * reach + 1`` pixels.
    """
    kernel = gaussian_kernel(fwhm, reach)[:, :, None, None, None]
    _, height, width, _ = ops.shape(images)
    rows = mirrored(images, 1, reach)
    images = sum(kernel[:, i] * rows[:, i : i + height] for i in range(2 * reach + 1))
    columns = mirrored(images, 2, reach)
    return sum(kernel[:, i] * columns[:, :, i : i + width] for i in range(2 * reach + 1))


def mirrored(images: Any, axis: int, width: int) -> Any:
    """Pad images on both sides of an axis with their mirror image, the edge pixel repeated.

    ``ops.pad(mode="symmetric")`` does so as well, but on PyTorch it repeats the edge alone.
    """
    side = ops.shape(images)[axis]
    first = ops.take(images, np.arange(width)[::-1].copy(), axis=axis)
    last = ops.flip(ops.take(images, side - width + np.arange(width), axis=axis), axis=axis)
    return ops.concatenate([first, images, last], axis=axis)


def gaussian_kernel(fwhm: Any, reach: int) -> Any:
    """Return the grid's Gaussians (batch, 2 reach + 1) of sum 1 from their FWHM (batch,)."""
    # exp(-t) I_n(t) is the Fourier series of exp(t (cos w - 1)); a fine sum is exact
    frequency = 2 * np.pi * np.arange(4 * reach + 4) / (4 * reach + 4)
    waves = np.cos(frequency[:, None] * np.arange(-reach, reach + 1)).astype("float32")
    falls = (np.cos(frequency) - 1).astype("float32")
    variance = ops.square(ops.cast(fwhm, "float32") * _FWHM_TO_SIGMA)
    kernel = ops.matmul(ops.exp(variance[:, None] * falls), waves)
    return kernel / ops.sum(kernel, axis=1, keepdims=True)


def edge_noise(images: Any) -> Any:
    """Return the noise (batch, bands) of images: 1.4826 times the MAD of the pixels on the edge."""
    edge = ops.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    return _MAD_TO_SIGMA * _median(ops.abs(edge - _median(edge)[:, None]))


def _median(values: Any) -> Any:
    """The median along axis 1, whose length is even: every edge's is."""
    ordered = ops.sort(values, axis=1)
    half = ops.shape(values)[1] // 2
    return (ordered[:, half - 1] + ordered[:, half]) / 2
