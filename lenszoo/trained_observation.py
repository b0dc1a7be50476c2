"""Noise, sharpness, size, shape and place of the light in the images that a classifier knows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from lenszoo.errors import LenszooError

Spread: TypeAlias = tuple[float, float]
"""Median over images, and their standard deviation, from the median absolute deviation."""


@dataclass(frozen=True)
class Observation:
    """Medians and standard deviations, over images, of what is measured on each.

    Attributes:
        noise: logarithm of the noise of a pixel, in the unit of the images.
        sharpness: logarithm of the power at fine scales beside that at coarse ones.
        size: logarithm of the root mean square distance of the light from the middle [pixels].
        stretch: excess of the light along the axes, as a share.
        slant: excess of the light along the diagonals, as a share.
        right: centre of the light to the right of the middle [pixels].
        down: centre of the light below the middle, by rising row [pixels].

    Raises:
        LenszooError: a number is not finite, or a deviation not above 0.

    Example:
        >>> row = (-5.0, 0.1)
        >>> Observation(row, row, row, row, row, row, row).noise
        (-5.0, 0.1)
    """

    noise: Spread
    sharpness: Spread
    size: Spread
    stretch: Spread
    slant: Spread
    right: Spread
    down: Spread

    def __post_init__(self) -> None:
        pairs = [getattr(self, field.name) for field in fields(self)]
        if (
            not all(math.isfinite(x) for pair in pairs for x in pair)
            or min(p[1] for p in pairs) <= 0
        ):
            raise LenszooError(
                f"An observation is finite medians with deviations above 0, not {self}."
            )


def stored_observation(values: Any) -> Observation | None:
    """Return the observation that a run folder stores; None where it stores none or nonsense."""
    if not isinstance(values, Mapping):
        return None
    try:
        pairs = {name: tuple(map(float, pair)) for name, pair in values.items()}
        if any(len(pair) != 2 for pair in pairs.values()):
            return None
        return Observation(**pairs)  # type: ignore[arg-type]
    except (TypeError, ValueError, LenszooError):
        return None
