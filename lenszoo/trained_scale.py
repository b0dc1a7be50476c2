"""Noise, sky level and peak of the images that a network learned on."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lenszoo.errors import LenszooError


@dataclass(frozen=True)
class InputScale:
    """Scale of the images that a network learned on, band by band.

    Attributes:
        noise: median over the images of the noise of a pixel along the border, in their unit.
        sky: median over the images of the level along the border, in units of its noise.
        peak: the greatest absolute value of a pixel.
        zero_point: AB magnitude of flux 1; None where unknown.

    Raises:
        LenszooError: lengths differ, or noise or peak are no positive numbers.

    Example:
        >>> InputScale(noise=(0.02,), sky=(0.1,), peak=(9.5,), zero_point=25.0).noise
        (0.02,)
    """

    noise: tuple[float, ...]
    sky: tuple[float, ...]
    peak: tuple[float, ...]
    zero_point: float | None = None

    def __post_init__(self) -> None:
        values = (*self.noise, *self.sky, *self.peak)
        positive = all(value > 0 for value in (*self.noise, *self.peak))
        sizes = {len(self.noise), len(self.sky), len(self.peak)}
        if len(sizes) != 1 or not self.noise or not positive or not all(map(math.isfinite, values)):
            raise LenszooError(
                "Noise, sky and peak of training images are one number a band each, noise and "
                f"peak above 0, not {asdict(self)}."
            )


def stored_scale(values: Any) -> InputScale | None:
    """Return the scale that a run folder stores; None where it stores none or nonsense."""
    if not isinstance(values, Mapping):
        return None
    try:
        noise, sky, peak = (_floats(values[name]) for name in ("noise", "sky", "peak"))
        return InputScale(noise, sky, peak, values.get("zero_point"))
    except (KeyError, TypeError, ValueError):
        return None


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(map(float, values))
