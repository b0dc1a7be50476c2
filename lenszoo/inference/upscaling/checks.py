"""Images beside those that a super-resolution model learned on: pixel scale and noise."""

import logging
from typing import Any

import numpy as np

from lenszoo.data.fits import axis_scales
from lenszoo.data.flux_units import is_per_area
from lenszoo.data.input_scale import measure_each
from lenszoo.data.pixel_scale import same_scale, shown_scales
from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling.pixels import Scaling, blocks, find_bad, find_range
from lenszoo.inference.upscaling.upscaler import Upscaler

NOISE_TOLERANCE = 3.0
"""Factor between two noise levels, either way, from which on a warning is due."""

_MOST = 64
_NOISE = "noise"

log = logging.getLogger("lenszoo")


def check_like_training(
    upscaler: Upscaler, image: np.ndarray, scaling: Scaling, name: str, told: set[str]
) -> None:
    """Warn, in a line each, where pixel scale or noise are not those of a model's training.

    Args:
        upscaler: the model; nothing is checked that it does not know.
        image: float32 (H, W, bands), as read.
        scaling: how its values become the model's.
        name: the file, with the HDU in brackets where one was chosen.
        told: grows by what was warned of: each pixel scale once, and noise once.
    """
    scales, trained = axis_scales(name), upscaler.pixel_scale
    if scales is not None and trained is not None:
        shown = shown_scales(*scales)
        if shown not in told and not all(same_scale(along, trained) for along in scales):
            told.add(shown)
            log.warning(
                "%s: %s arcsec a pixel, but %s learned at %.3g: what it adds is detail of another "
                "camera.", name, shown, upscaler.name, trained,
            )  # fmt: skip
    if upscaler.inputs is None or _NOISE in told:
        return
    noise, learned = _noise(image, scaling), float(np.median(upscaler.inputs.noise))
    if noise is not None and not 1 / NOISE_TOLERANCE <= noise / learned <= NOISE_TOLERANCE:
        told.add(_NOISE)
        log.warning(
            "%s: the noise of a pixel is %.2g of the range that the model sees as 0 to 1, but %s "
            "learned at %.2g: do not trust the details; another range, scaling=, may help.",
            name, noise, upscaler.name, learned,
        )  # fmt: skip


def check_range(image: np.ndarray, name: str) -> None:
    """Raise LenszooError where all pixels of an image lie beyond float32; NaN stays NaN."""
    if np.isinf(image).any() and not np.isfinite(image).any():
        raise LenszooError(
            f"{name}: its pixels go beyond float32, to 3.4e38; divide them by a number first."
        )


def _noise(image: np.ndarray, scaling: Scaling) -> float | None:
    """Return the median noise of the blocks of an image, in the model's values."""
    values = find_range(image, find_bad(image), scaling)
    if not values.high > values.low:
        return None
    places = list(blocks(image.shape))
    rows = np.linspace(0, len(places) - 1, min(len(places), _MOST)).astype(int).tolist()
    parts = [image[places[row]][None] for row in rows]
    noise = np.concatenate([measure_each(part).noise.ravel() for part in parts])
    noise = noise[np.isfinite(noise)]
    return float(np.median(noise)) / (values.high - values.low) if noise.size else None


def check_per_pixel(header: Any, name: str) -> None:
    """Raise LenszooError where a header gives flux per area of the sky: ``flux="per_pixel"``."""
    if is_per_area(header):
        raise LenszooError(
            f"{name}: its pixels are {header['BUNIT']}, flux per area of the sky; leave out "
            "flux='per_pixel'."
        )
