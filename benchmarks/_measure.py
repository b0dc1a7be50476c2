"""Measure lens images: what ``calibration.py`` compares between real and simulated ones.

Positions are in pixels, with (75, 75) the centre of a 150-pixel image; x runs along columns.
"""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

RADII = np.arange(0, 71, 5)  # inner radii of the annuli of the profile, pixels
CORNER = 20  # side of the corner squares that show nothing but sky
FAINT = 0.03  # flux moments ignore what is fainter than this above the sky
_ANGLES = np.arange(72) * np.pi / 36
_SEARCH = np.arange(8.0, 56.0, 0.25)  # where a ridge may lie, pixels from the centre


def measure(images: np.ndarray) -> dict[str, np.ndarray]:
    """Measure images (n, 150, 150) or (n, 150, 150, 1): one array of length n a quantity.

    - ``mean``, ``mean_square``: of the pixels;
    - ``ring_radius`` (geometric mean of the half axes), ``ring_ratio``, ``ring_x``, ``ring_y``: of
      the ridge, see :func:`ridge`;
    - ``flux_ratio``, ``flux_angle`` (degrees): see :func:`flux_shape`;
    - ``sky``, ``sky_sigma``: mean and standard deviation of the four corners of 20 x 20 pixels;
    - ``sky_grain``: sigma of the differences of neighbours there, 1 for white noise in units of
      ``sqrt(2) * sky_sigma``;
    - ``profile``: (n, 15), see :func:`profile`.
    """
    stack = np.reshape(images, (len(images), *images.shape[1:3])).astype(np.float64)
    ends = (slice(None, CORNER), slice(-CORNER, None))
    corners = np.stack([stack[:, y, x] for y in ends for x in ends], axis=1)
    grain = np.sqrt((np.diff(corners, axis=3) ** 2).mean((1, 2, 3)) / 2)
    ring = np.array([ridge(image) for image in stack])
    flux = np.array([flux_shape(image) for image in stack])
    return {
        "mean": stack.mean((1, 2)),
        "mean_square": (stack * stack).mean((1, 2)),
        "ring_radius": ring[:, 0],
        "ring_ratio": ring[:, 1],
        "ring_x": ring[:, 2],
        "ring_y": ring[:, 3],
        "flux_ratio": flux[:, 0],
        "flux_angle": flux[:, 1],
        "sky": corners.mean((1, 2, 3)),
        "sky_sigma": corners.std((1, 2, 3)),
        "sky_grain": grain / np.maximum(corners.std((1, 2, 3)), 1e-12),
        "profile": profile(stack),
    }


def ridge(image: np.ndarray) -> tuple[float, float, float, float]:
    """Ellipse along the ridge of a ring: radius, axis ratio and centre (x, y), pixels.

    In each of 72 directions the ridge is where the image, smoothed by a Gaussian of 2 pixels, is
    brightest between 8 and 56 pixels from the centre. A conic is fitted to these points by least
    squares, each weighted by its brightness above the median; four rounds, each from the centre
    that the last one found. The radius is the geometric mean of the half axes. All is NaN where
    the conic is no ellipse.
    """
    smooth = gaussian_filter(image, 2.0)
    sky = np.median(image)
    half = (np.array(image.shape) - 1) / 2
    cos, sin = np.cos(_ANGLES), np.sin(_ANGLES)
    centre = np.zeros(2)
    for _ in range(4):
        start = np.clip(centre, -15.0, 15.0)
        x, y = start[0] + cos[:, None] * _SEARCH, start[1] + sin[:, None] * _SEARCH
        lines = map_coordinates(smooth, [y + half[0], x + half[1]], order=1, mode="nearest")
        radius = _SEARCH[lines.argmax(1)]
        weight = np.maximum(lines.max(1) - sky, 0.0)
        axes, centre = _ellipse(start[0] + radius * cos, start[1] + radius * sin, weight)
        if np.isnan(axes).any():
            return (np.nan,) * 4
    return (
        float(np.sqrt(axes.prod())),
        float(axes.min() / axes.max()),
        float(centre[0] + half[1] + 0.5),
        float(centre[1] + half[0] + 0.5),
    )


def _ellipse(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half axes (2,) and centre (2,) of ``a x^2 + b x y + c y^2 + d x + e y = 1``."""
    scale = 25.0  # pixels: keeps the columns of the design alike
    u, v = x / scale, y / scale
    design = np.stack([u * u, u * v, v * v, u, v], axis=1)
    (a, b, c, d, e), *_ = np.linalg.lstsq(design * weight[:, None], weight, rcond=None)
    form = np.array([[a, b / 2], [b / 2, c]])
    if np.linalg.det(form) <= 0 or a + c <= 0:
        return np.full(2, np.nan), np.full(2, np.nan)
    centre = -np.linalg.solve(2 * form, [d, e])
    size = 1.0 + centre @ form @ centre
    return scale * np.sqrt(size / np.linalg.eigvalsh(form)), scale * centre


def flux_shape(image: np.ndarray) -> tuple[float, float]:
    """Axis ratio and position angle (degrees from x towards y) of the flux's second moments."""
    flux = np.maximum(image - np.median(image) - FAINT, 0.0)
    flux = flux / flux.sum()
    y, x = np.indices(image.shape)
    x, y = x - (flux * x).sum(), y - (flux * y).sum()
    xx, yy, xy = (flux * x * x).sum(), (flux * y * y).sum(), (flux * x * y).sum()
    spread = np.hypot(xx - yy, 2 * xy)
    ratio = np.sqrt((xx + yy - spread) / (xx + yy + spread))
    return float(ratio), float(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)))


def profile(stack: np.ndarray) -> np.ndarray:
    """Mean (n, 15) of annuli about the centre: r to r + 5 pixels for r = 0, 5, ... 70."""
    y, x = np.indices(stack.shape[1:])
    r = np.hypot(x + 0.5 - stack.shape[2] / 2, y + 0.5 - stack.shape[1] / 2)
    member = np.stack([(r >= low) & (r < low + 5) for low in RADII]).reshape(len(RADII), -1)
    weights = member / member.sum(1, keepdims=True)
    return stack.reshape(len(stack), -1) @ weights.T


def noise_law(images: np.ndarray, fitted: np.ndarray) -> tuple[float, float]:
    """Floor and slope of ``variance = floor + slope * value`` about a true or fitted model.

    Args:
        images: (n, H, W) or (n, H, W, 1); fitted: (n, pixels), the same without noise.

    Squared residuals are averaged in bins of equal count over the fitted value, then weighted by
    the variance of such a mean, which is proportional to the square of the variance itself.
    """
    value = np.maximum(fitted.ravel(), 0.0)
    square = (np.reshape(images, fitted.shape) - fitted).ravel() ** 2
    bins = np.array_split(np.argsort(value), 200)
    x = np.array([value[b].mean() for b in bins])
    y = np.array([square[b].mean() for b in bins])
    slope, floor = np.polyfit(x, y, 1, w=1.0 / (2e-6 + 1.2e-3 * x))
    return float(floor), float(slope)
