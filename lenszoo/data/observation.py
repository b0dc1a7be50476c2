"""Noise, PSF, size, angle and place of lenses in images, beside those that a classifier knows.

Classifiers of substructure are sure of themselves on another camera's images, and wrong: at 1.5
times the noise the ROC-AUC of the best falls from 0.997 to 0.83 (docs/results/robustness.md). These
are measures of whole images, without a catalogue or a star, which tell such a camera from the one
of the training.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from lenszoo.data.input_scale import Difference
from lenszoo.trained_observation import Observation

_FRAME = 10  # the border is this part of the shorter side
_SIGNAL = 4.0  # pixels above so many times the noise are light
_COARSE, _FINE, _FLOOR = (0.02, 0.05), (0.11, 0.15), (0.4, 0.5)  # cycles a pixel
_SMALLEST = 32  # pixels a side: fewer have no coarse scales
_ENOUGH = 8  # images of a training that a deviation can be measured on
_EITHER_WAY = ("stretch", "slant")  # a quarter turn or a flip changes their sign

DEVIATIONS, CERTAIN = 0.75, 5.0
"""A median of n images is odd from so many standard deviations on, and from CERTAIN/sqrt(n) on."""

LOUDER = math.log(1.2)
"""Noise that differs by less is nobody's fault: it costs no answer."""


def measure_observation(images: np.ndarray) -> dict[str, np.ndarray]:
    """Measure images one by one: a field of :class:`Observation` to (n,) values.

    Args:
        images: (n, H, W, bands) floats, of 32 pixels a side or more. Bands are averaged.

    Returns:
        Values by field, ``stretch`` and ``slant`` with their sign; NaN for an image with a pixel
        that is not finite, without noise or without light.

    Example:
        >>> from lenszoo.simulation import sample
        >>> images = sample("common_test_sim", 4, seed=0).images
        >>> sorted(measure_observation(images))
        ['down', 'noise', 'right', 'sharpness', 'size', 'slant', 'stretch']
    """
    values = np.asarray(images, np.float64).mean(-1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        values = np.where(np.isfinite(values).all((1, 2), keepdims=True), values, np.nan)
        frame = _frame(values.shape[1:])
        noise = _noise(values, frame)
        values = values - np.median(values[:, frame], axis=1)[:, None, None]
        light = _shape(np.where(values > _SIGNAL * noise[:, None, None], values, 0.0))
        measured = {"noise": np.log(noise), "sharpness": _sharpness(values), **light}
    return {name: np.where(np.isfinite(v), v, np.nan) for name, v in measured.items()}


def summarise(images: np.ndarray) -> Observation | None:
    """Summarise the images (n, H, W, bands) of a training.

    Returns:
        Medians and deviations; None for fewer than 8 images, small ones, and those on which a
        measure is the same for all or cannot be taken.
    """
    if len(images) < _ENOUGH or min(images.shape[1:3]) < _SMALLEST:
        return None
    each = measure_observation(images)
    each |= {name: np.abs(each[name]) for name in _EITHER_WAY}
    whole = {name: v[np.isfinite(v)] for name, v in each.items()}
    if min(map(len, whole.values())) < _ENOUGH:
        return None
    pairs = {name: (float(np.median(v)), _deviation(v)) for name, v in whole.items()}
    return Observation(**pairs) if all(pair[1] > 0 for pair in pairs.values()) else None


def compare_observation(images: np.ndarray, trained: Observation) -> Difference | None:
    """Compare images with those of a training; None where they are alike or cannot be measured.

    Turns by quarters and flips make no difference. Of a few images only large differences can be
    told from chance.

    Args:
        images: (n, H, W, bands) floats.
        trained: medians and deviations of the training images.

    Returns:
        The greatest difference, in units of what would be odd.

    Example:
        >>> from lenszoo.simulation import perturbed, sample
        >>> trained = summarise(sample("common_test_sim", 64, seed=0).images)
        >>> noisy = sample(perturbed("common_test_sim", noise=1.5), 32, seed=1).images
        >>> compare_observation(noisy, trained).text[:41]
        'the noise of a pixel is 1.5 times that of'
    """
    if not len(images) or min(images.shape[1:3]) < _SMALLEST:
        return None
    return compare_measured(measure_observation(images), trained)


def compare_measured(each: dict[str, np.ndarray], trained: Observation) -> Difference | None:
    """Compare what was measured on images, as :func:`compare_observation` does."""
    count = int(np.isfinite(np.stack(list(each.values()))).all(0).sum())
    if not count:
        return None
    oddities = [
        (abs(away) / max(least, deviation * max(DEVIATIONS, CERTAIN / math.sqrt(count))), text)
        for away, deviation, least, text in _differences(each, trained)
    ]
    greatest, text = max(oddities)
    return Difference(text, far=False) if greatest > 1 else None


class _Away(NamedTuple):
    """A difference of medians, the deviation of an image, the least that matters, and words."""

    value: float
    deviation: float
    least: float
    text: str


def _differences(each: dict[str, np.ndarray], trained: Observation) -> Iterator[_Away]:
    """Yield the difference of each measure."""
    away: dict[str, float] = {}
    for name, values in each.items():
        values = np.abs(values) if name in _EITHER_WAY else values
        away[name] = float(np.nanmedian(values)) - getattr(trained, name)[0]
    for name, (least, text) in _TEXTS.items():
        yield _Away(away[name], getattr(trained, name)[1], least, text(away[name]))
    pixels = math.hypot(away["right"], away["down"])
    deviation = math.hypot(trained.right[1], trained.down[1]) / math.sqrt(2)
    yield _Away(
        pixels, deviation, 1.0, f"the light lies {pixels:.2g} pixels off its place in the training"
    )


_TEXTS: dict[str, tuple[float, Callable[[float], str]]] = {
    "noise": (
        LOUDER,
        lambda x: f"the noise of a pixel is {math.exp(x):.2g} times that of the training",
    ),
    "sharpness": (
        0.0,
        lambda x: (
            f"they are {'sharper' if x > 0 else 'more blurred'} than those of the training, from "
            "another PSF or pixel scale"
        ),
    ),
    "size": (
        0.0,
        lambda x: (
            f"the light reaches {math.exp(x):.2g} times as far, in pixels, as in the training"
        ),
    ),
    "stretch": (0.0, lambda _: "the light lies at other angles than in the training"),
    "slant": (0.0, lambda _: "the light lies at other angles than in the training"),
}


def _frame(shape: tuple[int, ...]) -> np.ndarray:
    """Mask (H, W) of the border."""
    width = max(2, min(shape) // _FRAME)
    mask = np.ones(shape, bool)
    mask[width:-width, width:-width] = False
    return mask


def _noise(images: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Noise of a pixel (n,) along the border, where a surface has no part (Immerkaer 1996)."""
    rows = images[:, :-2] - 2.0 * images[:, 1:-1] + images[:, 2:]
    both = rows[:, :, :-2] - 2.0 * rows[:, :, 1:-1] + rows[:, :, 2:]
    return 1.4826 * np.median(np.abs(both[:, frame[1:-1, 1:-1]]), axis=1) / 6.0


def _shape(light: np.ndarray) -> dict[str, np.ndarray]:
    """Centre, size and quadrupole of light (n, H, W) about the middle of the image."""
    y, x = (np.arange(side) - (side - 1) / 2 for side in light.shape[1:])
    across, along = light.sum(1), light.sum(2)
    total = along.sum(1)
    right, down = across @ x / total, along @ y / total
    xx, yy = across @ x**2 / total, along @ y**2 / total
    return {
        "size": np.log(xx + yy) / 2,
        "stretch": (xx - yy) / (xx + yy),
        "slant": 2 * np.einsum("nhw,h,w->n", light, y, x) / total / (xx + yy),
        "right": right,
        "down": down,
    }


def _sharpness(images: np.ndarray) -> np.ndarray:
    """Logarithm of the power (n,) at fine scales beside that at coarse ones, less the noise's."""
    height, width = images.shape[1:]
    power = np.abs(np.fft.rfft2(images)) ** 2
    k = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))

    def mean(low: float, high: float) -> np.ndarray:
        return power[:, (k >= low) & (k < high)].mean(1)

    noise = mean(*_FLOOR)
    return np.log((mean(*_FINE) - noise) / (mean(*_COARSE) - noise))


def _deviation(values: np.ndarray) -> float:
    """Standard deviation, from the median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
