"""Centre, growth curve, ellipticity and asymmetry of many cutouts at once, in pixels.

Images here are (m, H, W) float32 above the sky; positions are (m,) in pixels, pixel (0, 0) centred
on (0, 0).
"""

from dataclasses import dataclass

import numpy as np

PETROSIAN_RATIO = 0.2
"""Surface brightness over its mean within, at the Petrosian radius."""

EXTENT = 1.5
"""Extent of the object, in Petrosian radii (Conselice 2003, astro-ph/0303065)."""

_STEP = 0.25  # of growth curves
_CORE = 5  # pixels about the centre that are split into points, each side into
_SPLIT = 4
_ITERATIONS = 6
_LANCZOS = 3


def centroids(images: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the centroid (y, x) of what lies in the middle, under a Gaussian window.

    The window follows the centroid, as SExtractor's XWIN_IMAGE, and becomes as wide as the object
    under it, so that faint neighbours of a small one count for little. Where it leaves the middle
    by more than two sigma, or there is no light, the middle itself is returned.

    Args:
        images: (m, H, W).
        sigma: the width of the window at first, and the most it may have.
    """
    middle = np.array([(n - 1) / 2 for n in images.shape[1:]], np.float32)
    centre = np.broadcast_to(middle, (len(images), 2))
    width = np.full(len(images), sigma, np.float32)
    for _ in range(_ITERATIONS):
        moments = _moments(images, centre, width)
        light = moments[:, 0, 0]
        offset = np.stack([moments[:, 1, 0], moments[:, 0, 1]], axis=1) / light[:, None]
        seen = (moments[:, 2, 0] + moments[:, 0, 2]) / light / 2 - np.square(offset).mean(1)
        share = seen / width**2
        size = np.sqrt(seen / np.maximum(1 - share, 0.05))  # without the window
        # The window pulls a Gaussian towards itself by this share: half, at its own width.
        moved = centre + offset / (1 - np.clip(share, 0, 0.5))[:, None]
        lost = ~(np.hypot(*(moved - middle).T) <= 2 * sigma) | ~(light > 0)
        centre = np.where(lost[:, None], middle, moved).astype(np.float32)
        width = np.clip(np.where(size > 0, size, sigma), 1, sigma).astype(np.float32)
    return centre[:, 0], centre[:, 1]


def ellipticities(
    images: np.ndarray, y: np.ndarray, x: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    """Return 1 - b/a (m,) from second moments under a round Gaussian window, NaN without light.

    Of a Gaussian with second moments Q, a Gaussian window W leaves M with 1/M = 1/Q + 1/W; so M is
    turned back into Q, within reason where noise makes M wider than that.
    """
    sigma = np.clip(sigma, 1.5, min(images.shape[1:]) / 4).astype(np.float32)
    moments = _moments(images, np.stack([y, x], axis=1), sigma)
    light = moments[:, 0, 0]
    my, mx = moments[:, 1, 0] / light, moments[:, 0, 1] / light
    yy, xx = moments[:, 2, 0] / light - my**2, moments[:, 0, 2] / light - mx**2
    xy = moments[:, 1, 1] / light - my * mx
    mean, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    axes = np.stack([mean - spread, mean + spread])
    axes = axes / np.maximum(1 - axes / sigma**2, 0.05)
    return np.where((light > 0) & (axes[0] > 0), 1 - np.sqrt(axes[0] / axes[1]), np.nan)


def asymmetry(
    images: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    r: np.ndarray,
    extent: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """Return sum |I - I_180| / sum |I| (m,) within a radius, less what white noise adds to it.

    The half turn about (y, x) is resampled with a Lanczos kernel, which keeps the noise nearly
    white. Two independent pixels of noise s differ by 2 s / sqrt(pi) on average.

    Args:
        images: (m, H, W).
        y, x: centres.
        r: (m, H, W) distances from them.
        extent: the radius.
        noise: noise of one pixel.
    """
    turned, kept = _half_turn(images, y, x)
    object_ = r <= extent[:, None, None]
    difference = np.sum(np.abs(images - turned), axis=(1, 2), where=object_)
    light = np.sum(np.abs(images), axis=(1, 2), where=object_)
    by_noise = noise * np.sqrt(2 / np.pi * (1 + kept)) * object_.sum((1, 2))
    return np.where(light > 0, (difference - by_noise) / light, np.nan)


@dataclass(frozen=True)
class GrowthCurves:
    """Light within circles about the centroid.

    Attributes:
        light: (m, k) at radii 0, 0.25, 0.5 ... pixels.
        extent: (m,) the radius of the whole object, in pixels.
        total: (m,) the light within it; NaN where there is none.
    """

    light: np.ndarray
    extent: np.ndarray
    total: np.ndarray

    def radius_of(self, part: float) -> np.ndarray:
        """Return the radii (m,) of the circles that hold a part of the total light, in pixels."""
        light = part * self.total
        after = np.maximum((self.light >= light[:, None]).argmax(1), 1)
        rows = np.arange(len(self.light))
        low, high = self.light[rows, after - 1], self.light[rows, after]
        radius = _STEP * (after - 1 + (light - low) / (high - low))
        return np.where(self.total > 0, radius, np.nan)


def growth_curves(images: np.ndarray, y: np.ndarray, x: np.ndarray, r: np.ndarray) -> GrowthCurves:
    """Measure light within circles, and the object's extent: 1.5 Petrosian radii.

    Where the Petrosian radius, or the extent, would leave the image, the largest whole circle takes
    its place.

    Args:
        images: (m, H, W).
        y, x: centres.
        r: (m, H, W) distances from them.
    """
    m, height, width = images.shape
    bins = int(min(height, width) / (2 * _STEP)) + 1
    core, core_r, rest = _core(images, y, x)
    within = _light_within(core, core_r, bins)
    # A whole pixel comes in over a pixel of radius, not at once.
    outer = np.pad(_light_within(rest, r, bins), ((0, 0), (2, 2)), mode="edge")
    box = outer[:, :-4] / 2 + outer[:, 1:-3] + outer[:, 2:-2] + outer[:, 3:-1] + outer[:, 4:] / 2
    within += box * _STEP
    limit = np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x)) + 0.5
    extent = np.minimum(EXTENT * _petrosian(within, limit), limit)
    at = extent / _STEP
    low = np.minimum(at.astype(np.intp), bins - 1)
    rows = np.arange(m)
    total = within[rows, low] + (at - low) * (within[rows, low + 1] - within[rows, low])
    return GrowthCurves(within, extent, np.where(total > 0, total, np.nan))


def _core(
    images: np.ndarray, y: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split the pixels about the centre into points, as circles of few pixels need.

    Returns:
        The points' light and distance from the centre (m, points), and the images without it.
    """
    m, height, width = images.shape
    side = min(2 * _CORE, height, width)
    rows, columns = (
        np.clip(np.rint(c).astype(np.intp) - side // 2, 0, n - side)[:, None] + np.arange(side)
        for c, n in ((y, height), (x, width))
    )
    here = np.arange(m)[:, None, None], rows[:, :, None], columns[:, None, :]
    core, rest = images[here], images.copy()
    rest[here] = 0.0
    shift = ((np.arange(_SPLIT, dtype=np.float32) + 0.5) / _SPLIT - 0.5)[None, None]
    sub_y, sub_x = (
        ((at - centre[:, None])[..., None] + shift).reshape(m, -1).astype(np.float32)
        for at, centre in ((rows, y), (columns, x))
    )
    r = np.sqrt(np.square(sub_y)[:, :, None] + np.square(sub_x)[:, None, :])
    points = np.repeat(np.repeat(core, _SPLIT, axis=1), _SPLIT, axis=2) / np.float32(_SPLIT**2)
    return points, r, rest


def _light_within(light: np.ndarray, r: np.ndarray, bins: int) -> np.ndarray:
    """Return (m, bins + 1): the light at less than 0, 1, 2 ... steps from the centre."""
    m = len(light)
    ring = np.minimum(r * np.float32(1 / _STEP), np.float32(bins)).astype(np.intp)
    ring += (bins + 1) * np.arange(m)[:, None, None]
    rings = np.bincount(ring.ravel(), light.ravel(), minlength=m * (bins + 1))
    within = np.zeros((m, bins + 1))
    np.cumsum(rings.reshape(m, bins + 1)[:, :bins], axis=1, out=within[:, 1:])  # the last: beyond
    return within


def _petrosian(within: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return Petrosian radii (m,): the first at which the annulus of 0.8 to 1.25 R is faint."""
    k = within.shape[1]
    radii = _STEP * np.arange(k)
    first, last = int(1 / _STEP), int((k - 1) / 1.25)  # from one pixel to the largest annulus
    steps = np.arange(first, last + 1)
    inner, outer = _interpolate(within, 0.8 * steps), _interpolate(within, 1.25 * steps)
    ring = (outer - inner) / (1.25**2 - 0.8**2)
    ratio = ring / within[:, steps]
    faint = (ratio < PETROSIAN_RATIO) | (1.25 * radii[steps] > limit[:, None])
    faint[:, -1] = True
    at = faint.argmax(1)
    before = np.maximum(at - 1, 0)
    rows = np.arange(len(within))
    high, low = ratio[rows, before], ratio[rows, at]
    part = np.where(high > low, (high - PETROSIAN_RATIO) / (high - low), 1.0)
    return _STEP * (first + before + np.clip(np.nan_to_num(part, nan=1.0), 0, 1) * (at > before))


def _interpolate(within: np.ndarray, at: np.ndarray) -> np.ndarray:
    low = np.minimum(at.astype(np.intp), within.shape[1] - 2)
    return within[:, low] + (at - low) * (within[:, low + 1] - within[:, low])


def _moments(images: np.ndarray, centre: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return (m, 3, 3): sums of window x dy^i x dx^j x light, for i, j in 0..2."""
    sides = []
    for axis, n in enumerate(images.shape[1:]):
        d = np.arange(n, dtype=np.float32) - centre[:, axis, None]
        window = np.exp(-0.5 * np.square(d / sigma[:, None]))
        sides.append(np.stack([window, window * d, window * d * d], axis=2).astype(np.float32))
    return np.matmul(np.swapaxes(sides[0], 1, 2), np.matmul(images, sides[1])).astype(np.float64)


def _half_turn(images: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return images turned by 180 degrees about (y, x), 0 from outside, and the noise they keep.

    The latter (m,) is the sum of the squares of the interpolation's weights.
    """
    m, height, width = images.shape
    rows, row_weights = _mirror(y, height)
    columns, column_weights = _mirror(x, width)
    padded = np.zeros((m, height + 2, width + 2), np.float32)
    padded[:, 1:-1, 1:-1] = images
    turned = padded[np.arange(m)[:, None, None], rows[:, :, None], columns[:, None, :]]
    taps = range(2 * _LANCZOS)
    turned = sum(row_weights[:, t, None, None] * turned[:, t : t + height] for t in taps)
    turned = sum(column_weights[:, t, None, None] * turned[..., t : t + width] for t in taps)
    return turned, np.square(row_weights).sum(1) * np.square(column_weights).sum(1)


def _mirror(centre: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what mirrors n pixels about a centre, by a Lanczos kernel.

    Returns:
        (m, n + 5) positions in the row with a zero at both ends, and (m, 6) weights: mirrored
        pixel i is the sum over t of weight t times the pixel at position i + t.
    """
    whole = np.floor(2 * centre)
    at = whole[:, None] + _LANCZOS - np.arange(n + 2 * _LANCZOS - 1)
    t = (2 * centre - whole)[:, None] - _LANCZOS + np.arange(2 * _LANCZOS)
    weights = np.sinc(t) * np.sinc(t / _LANCZOS)
    weights = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return np.clip(at + 1, 0, n + 1).astype(np.intp), weights
