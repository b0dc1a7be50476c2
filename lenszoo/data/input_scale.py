"""Noise, sky level and peak of images, beside those of the images that a network learned on."""

import logging
import math
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.sky import measure_sky
from lenszoo.errors import LenszooError
from lenszoo.trained_scale import InputScale

log = logging.getLogger("lenszoo")

NOISE_TOLERANCE = 2.0
"""Factor between two noise levels, either way, from which on a warning is due (0.75 mag)."""

NOISE_LIMIT = 6.0
"""The same, from which on images are refused (1.9 mag)."""

SKY_TOLERANCE, SKY_LIMIT = 1.5, 20.0
"""Sky level above that of the training, in units of the images' noise: warned of, and refused."""

ABSURD = 1e4
"""A pixel that is so many times brighter than any of the training makes an answer worthless."""

_ONE_MAGNITUDE = 2.5


def measure_scale(images: np.ndarray, zero_point: float | None = None) -> InputScale | None:
    """Measure the scale of images (n, H, W, bands); None where a band has no noise at its border.

    Args:
        images: floats; pixels that are not finite are passed over.
        zero_point: AB magnitude of flux 1, where it is known.

    Example:
        >>> import numpy as np
        >>> images = np.random.default_rng(0).normal(0.0, 2.0, (8, 32, 32, 1))
        >>> scale = measure_scale(images)
        >>> 1.9 < scale.noise[0] < 2.1
        True
    """
    each = measure_each(images)
    noise, sky = _median(each.noise), _median(each.sky)
    finite = np.where(np.isfinite(images), np.abs(images), 0.0)
    peak = finite.max((0, 1, 2), initial=0.0)
    if not (np.all(noise > 0) and np.all(np.isfinite(sky)) and np.all(peak > 0)):
        return None
    return InputScale(_floats(noise), _floats(sky), _floats(peak), zero_point)


class Measured(NamedTuple):
    """Noise of a pixel, and sky level in units of it, (n, bands) each; NaN where there is none."""

    noise: np.ndarray
    sky: np.ndarray


def measure_each(images: np.ndarray) -> Measured:
    """Measure noise and sky level along the border of each image (n, H, W, bands)."""
    sky = measure_sky(images)
    noise = np.where(sky.rms > 0, sky.rms, np.nan)
    with np.errstate(invalid="ignore"):
        return Measured(noise, sky.level / noise)


class Difference(NamedTuple):
    """The way in which images differ from those of a training.

    Attributes:
        text: the difference, in words.
        far: whether it is so large that no answer means anything.
    """

    text: str
    far: bool


ANSWERS, LEARNS = "do not trust its answers", "it has to learn anew"
"""Consequences of images that are not those of the training: of a prediction and of a training."""


def judge(
    difference: Difference | None,
    name: str,
    label: str,
    refuse: bool,
    consequence: str = ANSWERS,
) -> str | None:
    """Warn of images that differ from those of a training, and refuse those that are far.

    A prediction refuses unless told otherwise, since no answer would mean anything; a training
    warns alone.

    Args:
        difference: the way in which they differ; None logs nothing.
        name: the images in messages.
        label: the weights in messages.
        refuse: raise an error where they are far.
        consequence: the end of the warning.

    Returns:
        The line that was logged; None where nothing differs.

    Raises:
        LenszooError: they are far, and ``refuse``.
    """
    if difference is None:
        return None
    line = f"{name}: {difference.text}; {label} "
    if difference.far and refuse:
        raise LenszooError(
            f"{line}knows nothing of such images, so no answer would mean anything. To have "
            "answers all the same, any_scale=True."
        )
    line += f"learned on other images: {consequence}."
    log.warning("%s", line)
    return line


def compare_scale(images: np.ndarray, trained: InputScale) -> Difference | None:
    """Compare images (n, H, W, bands) with those of a training; None where they are alike.

    Of none, and of images of other bands, nothing is said.

    Looked at are, in this order: images scaled one by one to [0, 1]; a noise that differs by more
    than a factor of 2 (far: 6); a sky that was left in, of more than 1.5 times the noise (far: 20).

    Example:
        >>> import numpy as np
        >>> images = np.random.default_rng(0).normal(0.0, 2.0, (8, 32, 32, 1))
        >>> trained = measure_scale(images)
        >>> compare_scale(images, trained) is None
        True
        >>> compare_scale(1000 * images, trained).text.split(",")[0]
        'the noise of a pixel is 1e+03 times that of the training (7.5 mag'
    """
    if not len(images) or images.shape[-1] != len(trained.noise):
        return None
    if _scaled_one_by_one(images):
        return Difference(
            "every image is scaled to [0, 1] by itself, which leaves nothing of its flux: give "
            "sky-subtracted fluxes as they were before",
            far=True,
        )
    each = measure_each(images)
    noise, sky = _median(each.noise), _median(each.sky)
    factors = noise / np.array(trained.noise)
    apart = np.abs(np.log(factors, where=factors > 0, out=np.full(len(factors), np.inf)))
    if not np.any(np.isfinite(noise)):
        return None  # nothing to compare: images without noise
    band = int(np.nanargmax(np.where(np.isfinite(noise), apart, np.nan)))
    if apart[band] > math.log(NOISE_TOLERANCE):
        factor = float(factors[band])
        magnitudes = _ONE_MAGNITUDE * math.log10(factor)
        return Difference(
            f"the noise of a pixel is {factor:.3g} times that of the training ({magnitudes:.2g} "
            f"mag, {noise[band]:.3g} and {trained.noise[band]:.3g}{_in_band(band, len(noise))}): "
            "another unit of flux, for which give its zero point, zero_point= (22.5 for "
            "nanomaggies, 31.4 for nJy, 8.9 for Jy, -48.6 for erg/s/cm2/Hz), or another depth, "
            "for which train on such images",
            far=bool(apart[band] > math.log(NOISE_LIMIT)),
        )
    excess = np.abs(sky - np.array(trained.sky))
    band = int(np.nanargmax(np.where(np.isfinite(excess), excess, -1.0)))
    if excess[band] > SKY_TOLERANCE:
        return Difference(
            f"the sky lies {excess[band]:.2g} times the noise off that of the training"
            f"{_in_band(band, len(noise))}: subtract it, sky='border'",
            far=bool(excess[band] > SKY_LIMIT),
        )
    return None


def brightest_pixel(image: np.ndarray, trained: InputScale, own_noise: bool = False) -> float:
    """Return how many times brighter the brightest pixel is than any of the training.

    Args:
        image: (H, W, bands).
        trained: the scale of the training images.
        own_noise: compare in units of the image's own noise and above its own sky, for a network
            that measures both.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        values, peak = np.asarray(image, np.float64), np.array(trained.peak)
        if own_noise:
            level, noise = (part[0].astype(np.float64) for part in measure_sky(image[None]))
            values, peak = (values - level) / noise, peak / np.array(trained.noise)
        share = np.abs(values) / peak
    share = share[np.isfinite(share)]
    return float(share.max()) if share.size else 0.0


def _scaled_one_by_one(images: np.ndarray) -> bool:
    """Whether the least pixel of every image is 0 and its greatest 1."""
    flat = images.reshape(len(images), -1)
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(flat, 1, initial=np.inf), np.nanmax(flat, 1, initial=-np.inf)
    return len(images) > 1 and bool(np.all(np.abs(low) < 1e-6) and np.all(np.abs(high - 1) < 1e-6))


def _median(values: np.ndarray) -> np.ndarray:
    """Median over images (n, bands), NaN passed over; NaN for a band without a value."""
    out = np.full(values.shape[1], np.nan)
    for band, column in enumerate(values.T):
        finite = column[np.isfinite(column)]
        if finite.size:
            out[band] = np.median(finite)
    return out


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(map(float, values))


def _in_band(band: int, bands: int) -> str:
    return f" in band {band}" if bands > 1 else ""
