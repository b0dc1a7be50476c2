"""IRAF's zscale: display limits from a line fitted to the sorted pixels."""

from typing import Any

from keras import ops

SAMPLES, CONTRAST, REJECT, ITERATIONS = 1000, 0.25, 2.5, 5
_FEWEST, _FEWEST_SHARE = 5, 0.5
_GROWN_SHARE = 0.01


def zscale_limits(images: Any) -> tuple[Any, Any]:
    """Display limits, low and high, each (batch, bands), of images (batch, height, width, bands).

    As ``astropy.visualization.ZScaleInterval`` with its default parameters: about a thousand pixels
    evenly spaced over the image are sorted, a line is fitted to value against rank, outliers beyond
    2.5 sigma (and their neighbours) are rejected up to five times, and the limits lie half the
    samples away from the median along the line's slope over 0.25, cut at the samples' own range.
    """
    _, height, width, bands = images.shape
    pixels = ops.reshape(images, (-1, height * width, bands))
    stride = max(1, height * width // SAMPLES)
    values = ops.sort(pixels[:, ::stride][:, :SAMPLES], axis=1)
    n = values.shape[1]
    fewest, grown = max(_FEWEST, int(n * _FEWEST_SHARE)), max(1, int(n * _GROWN_SHARE))
    rank = ops.reshape(ops.arange(n, dtype="float32"), (1, n, 1))
    good = ops.ones_like(values)
    left = ops.sum(good, 1, keepdims=True)
    before, slope, alive = left + 1.0, left * 0.0, left * 0.0 + 1.0
    for _ in range(ITERATIONS):
        # a band that has converged keeps its values: `alive` is 0 from then on
        alive = alive * ops.cast((left < before) & (left >= fewest), "float32")
        new_slope, new_good = _reject(rank, values, good, grown)
        slope = slope + alive * (new_slope - slope)
        good = good + alive * (new_good - good)
        before = before + alive * (left - before)
        left = ops.sum(good, 1, keepdims=True)
    return _limits(values, slope[:, 0] / CONTRAST, left[:, 0] >= fewest)


def _reject(rank: Any, values: Any, good: Any, grown: int) -> tuple[Any, Any]:
    """Fit a line to the good samples: its slope (batch, 1, bands), and the samples near it."""
    number = ops.maximum(ops.sum(good, 1, keepdims=True), 1.0)
    x = ops.sum(rank * good, 1, keepdims=True) / number
    y = ops.sum(values * good, 1, keepdims=True) / number
    dx = (rank - x) * good
    slope = ops.sum(dx * (values - y), 1, keepdims=True) / ops.maximum(
        ops.sum(dx * (rank - x), 1, keepdims=True), 1e-12
    )
    flat = values - y - slope * (rank - x)  # its mean over the good samples is zero
    unit = ops.max(ops.abs(flat) * good, 1, keepdims=True)  # squares of small fluxes would be 0
    part = flat / ops.where(unit > 0, unit, 1.0)
    limit = REJECT * unit * ops.sqrt(ops.sum(part * part * good, 1, keepdims=True) / number)
    bad = ops.maximum(1.0 - good, ops.cast(ops.abs(flat) > limit, "float32"))
    return slope, 1.0 - _spread(bad, grown)


def _spread(bad: Any, width: int) -> Any:
    """Widen the ones of (batch, n, bands) to ``width`` samples; an even width extends forward."""
    padded = ops.pad(bad, ((0, 0), (width // 2, (width - 1) // 2), (0, 0)))
    return ops.max_pool(padded, width, strides=1, padding="valid")


def _limits(values: Any, slope: Any, fitted: Any) -> tuple[Any, Any]:
    """Limits along the line, or the samples' own range where too few were good for a line."""
    n = values.shape[1]
    median = (values[:, (n - 1) // 2] + values[:, n // 2]) / 2.0
    centre = (n - 1) // 2
    low = ops.maximum(values[:, 0], median - (centre - 1) * slope)
    high = ops.minimum(values[:, -1], median + (n - centre) * slope)
    return ops.where(fitted, low, values[:, 0]), ops.where(fitted, high, values[:, -1])
