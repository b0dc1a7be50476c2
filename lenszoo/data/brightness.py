"""Do images have the brightness that a classifier learned on: faintest pixel 0, brightest 1?"""

import logging
from collections.abc import Callable

import numpy as np

log = logging.getLogger("lenszoo")

# where the faintest and the brightest pixel of an image may lie, noise and masks considered
_FAINTEST, _BRIGHTEST = (-0.5, 0.3), (0.3, 1.5)
_LOOKED_AT, _TOLERATED = 16, 0.25


def span(image: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest finite pixel; 0 and 1 where there is none."""
    pixels = image[np.isfinite(image)]
    return (float(pixels.min()), float(pixels.max())) if pixels.size else (0.0, 1.0)


def check_brightness(
    count: int,
    span_of: Callable[[int], tuple[float, float]],
    name_of: Callable[[int], str],
    label: str,
) -> str | None:
    """Warn where images are not scaled as those that a classifier learned on; return the line.

    Looked at are some, evenly over all; a few odd ones among them are nobody's fault.

    Args:
        count: number of images.
        span_of: lowest and highest pixel of an image, by its place.
        name_of: what messages call it.
        label: what messages call the classifier.
    """
    rows = np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(int)).tolist()
    odd = []
    for row in rows:
        lowest, highest = span_of(row)
        if not (_within(lowest, _FAINTEST) and _within(highest, _BRIGHTEST)):
            odd.append((row, lowest, highest))
    if len(odd) <= _TOLERATED * len(rows):
        return None
    row, lowest, highest = odd[0]
    line = (
        f"{name_of(row)}: pixels from {lowest:.4g} to {highest:.4g} ({len(odd)} of {len(rows)} "
        f"images looked at are like it), but {label} learned on images in [0, 1], the faintest "
        "pixel 0 and the brightest 1: scale each image so, as scaling='minmax' does, or the "
        "answers mean nothing."
    )
    log.warning("%s", line)
    return line


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]
