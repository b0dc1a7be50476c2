"""Do images have the brightness that a classifier learned on: faintest pixel 0, brightest 1?"""

from collections.abc import Callable

import numpy as np

from lenszoo.data.input_scale import Difference

# where the faintest and the brightest pixel of an image may lie, noise and masks considered
_FAINTEST, _BRIGHTEST = (-0.5, 0.3), (0.3, 1.5)
_LOOKED_AT, _TOLERATED = 16, 0.25

FAR = 6.0
"""Factor between the brightest pixels, either way, from which on no answer means anything: of
images three times brighter the best classifiers know nothing (ROC-AUC 0.48 to 0.54 for 0.99)."""


def span(image: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest finite pixel; 0 and 1 where there is none."""
    pixels = image[np.isfinite(image)]
    return (float(pixels.min()), float(pixels.max())) if pixels.size else (0.0, 1.0)


def compare_brightness(
    count: int, span_of: Callable[[int], tuple[float, float]]
) -> tuple[int, Difference] | None:
    """Compare images with those scaled to [0, 1] that a classifier learned on.

    Looked at are some, evenly over all; a few odd ones among them are nobody's fault. They are far
    where the brightest pixel of most is beyond :data:`FAR`.

    Args:
        count: number of images.
        span_of: lowest and highest pixel of an image, by its place.

    Returns:
        The place of the first odd image, and the difference; None where they are alike.
    """
    rows = np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(int)).tolist()
    spans = {row: span_of(row) for row in rows}
    odd = [
        row
        for row, (lowest, highest) in spans.items()
        if not (_within(lowest, _FAINTEST) and _within(highest, _BRIGHTEST))
    ]
    if len(odd) <= _TOLERATED * len(rows):
        return None
    far = sum(not 1 / FAR <= highest <= FAR for _, highest in spans.values())
    lowest, highest = spans[odd[0]]
    text = (
        f"pixels from {lowest:.4g} to {highest:.4g} ({len(odd)} of {len(rows)} images looked at "
        "are like it), not in [0, 1], the faintest pixel 0 and the brightest 1: scale each image "
        "so, as scaling='minmax' does"
    )
    return odd[0], Difference(text, far > len(rows) / 2)


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]
