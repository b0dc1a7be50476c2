"""Image-quality metrics of super-resolution: PSNR, SSIM, flux error, power spectrum.

Every function takes stacks of images of shape (n, H, W, bands) and returns one number an image,
float64. Stacks, also memory maps, are processed in chunks. PSNR and SSIM equal those of
scikit-image; both depend on ``data_range``, which has no default: the same images have 40.0 dB at
a range of 1 and 29.5 dB at 0.3.

Bad input (shapes that differ, NaN or inf, a range that is not positive) raises
:class:`lenszoo.errors.LenszooError`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError, unknown
from lenszoo.flux_range import power_of_two
from lenszoo.metrics.stacks import Floats, check_stack, chunks, finite, pairs

WINDOWS = ("gaussian", "uniform")
# Wang et al. 2004: an 11 x 11 Gaussian of 1.5 pixels; stabilisers of mean and contrast
SIGMA, RADIUS, K1, K2 = 1.5, 5, 0.01, 0.03
_UNIFORM = 7  # side of scikit-image's default window
_BLOCK = 24
_GOAL = ("targets", "images")


def mse(target: ArrayLike, image: ArrayLike) -> Floats:
    """Mean squared difference over pixels and bands.

    Args:
        target, image: shape (n, H, W, bands).

    Returns:
        Shape (n,), in squared units of the images.

    Example:
        >>> from lenszoo.evaluation import mse
        >>> truth = np.zeros((2, 32, 32, 1))
        >>> mse(truth, truth + 0.1).round(4).tolist()
        [0.01, 0.01]
    """
    parts = [
        np.square(a - b, dtype=float).mean(axis=(1, 2, 3)) for a, b in pairs(target, image, _GOAL)
    ]
    return np.concatenate(parts)


def psnr(target: ArrayLike, image: ArrayLike, *, data_range: float) -> Floats:
    """Peak signal-to-noise ratio, ``10 log10(data_range^2 / MSE)``.

    Equal to ``skimage.metrics.peak_signal_noise_ratio``.

    Args:
        target, image: shape (n, H, W, bands).
        data_range: the brightest possible value less the faintest.

    Returns:
        Shape (n,) [dB]; inf where both are equal.

    >>> target = np.zeros((1, 8, 8, 1))
    >>> psnr(target, target + 0.01, data_range=1.0).round(3).tolist()
    [40.0]
    """
    return to_decibel(mse(target, image), data_range=data_range)


def to_decibel(error: ArrayLike, *, data_range: float) -> Floats:
    """PSNR in dB of a mean squared error, inf where that is 0."""
    peak = check_range(data_range)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(peak**2 / np.asarray(error, np.float64))


def check_range(data_range: Any) -> float:
    """Check that the range is a positive number; return it as a float."""
    number = isinstance(data_range, int | float | np.number) and not isinstance(data_range, bool)
    if not number or not 0 < data_range < np.inf:
        raise LenszooError(f"data_range must be a number above 0, got {data_range!r}.")
    return float(data_range)


def ssim(
    target: ArrayLike, image: ArrayLike, *, data_range: float, window: str = "gaussian"
) -> Floats:
    """Structural similarity, the mean over pixels and bands (Wang et al. 2004, IEEE TIP 13, 600).

    With the local means m, variances v and the covariance c of both images,

        (2 m_x m_y + C1) (2 c + C2) / ((m_x^2 + m_y^2 + C1) (v_x + v_y + C2)),

    C1 = (0.01 data_range)^2 and C2 = (0.03 data_range)^2, wherever the window fits into the image.

    Args:
        target, image: shape (n, H, W, bands).
        data_range: the brightest possible value less the faintest.
        window: ``"gaussian"`` is that of the paper, 11 x 11 pixels with a sigma of 1.5 and
            population covariances: ``structural_similarity(gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False)`` of scikit-image. ``"uniform"`` is scikit-image's default:
            7 x 7 equal weights and sample covariances.

    Returns:
        Shape (n,), at most 1.

    Raises:
        LenszooError: see the module; also images smaller than the window.

    Example:
        >>> from lenszoo.evaluation import ssim
        >>> truth = np.random.default_rng(0).random((2, 32, 32, 1))
        >>> ssim(truth, truth, data_range=1.0).round(4).tolist()
        [1.0, 1.0]
    """
    peak = check_range(data_range)
    if window not in WINDOWS:
        raise unknown("window of SSIM", window, WINDOWS)
    if window == "gaussian":
        weights, sample = gaussian_window(), 1.0
    else:
        weights, sample = np.full(_UNIFORM, 1 / _UNIFORM), _UNIFORM**2 / (_UNIFORM**2 - 1)
    shape = np.shape(target)
    if len(shape) == 4 and min(shape[1:3]) < len(weights):
        raise LenszooError(
            f"SSIM needs images of at least {len(weights)} x {len(weights)} pixels, got {shape}."
        )
    unit = power_of_two(peak)  # to divide by it is exact, and squares of small fluxes are not 0
    c1, c2 = (K1 * peak / unit) ** 2, (K2 * peak / unit) ** 2
    values = []
    for pair in pairs(target, image, _GOAL):
        x, y = (np.moveaxis(part, 3, 1) / part.dtype.type(unit) for part in pair)
        # Without their mean, single-precision images need no more than single precision.
        level = x.mean(axis=(2, 3), keepdims=True, dtype=float).astype(x.dtype)
        x, y = x - level, y - level
        mx, my, squares, product = (_slide(q, weights) for q in (x, y, x**2 + y**2, x * y))
        covariance = sample * (product - mx * my)
        variances = sample * (squares - mx**2 - my**2)
        mx, my = mx + level, my + level
        luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        local = luminance * (2 * covariance + c2) / (variances + c2)
        values.append(local.mean(axis=(1, 2, 3), dtype=np.float64))
    return np.concatenate(values)


def gaussian_window() -> Floats:
    """The 11 weights of SSIM's window along one axis, sum 1."""
    offsets = np.arange(-RADIUS, RADIUS + 1)
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    return weights / weights.sum()


def _slide(stack: NDArray[Any], weights: Floats) -> NDArray[Any]:
    """Weighted means of (n, bands, H, W) wherever the separable window fits.

    Products with small banded matrices: several times faster than scipy.ndimage here.
    """
    reach = len(weights) - 1
    height, width = (side - reach for side in stack.shape[2:])
    band = np.zeros((_BLOCK, _BLOCK + reach), stack.dtype)
    for i in range(_BLOCK):
        band[i, i : i + reach + 1] = weights
    rows = np.empty((*stack.shape[:2], height, stack.shape[3]), stack.dtype)
    for start in range(0, height, _BLOCK):
        k = min(_BLOCK, height - start)
        part = stack[:, :, start : start + k + reach]
        np.matmul(band[:k, : k + reach], part, out=rows[:, :, start : start + k])
    result = np.empty((*stack.shape[:2], height, width), stack.dtype)
    for start in range(0, width, _BLOCK):
        k = min(_BLOCK, width - start)
        part = rows[..., start : start + k + reach]
        np.matmul(part, band[:k, : k + reach].T, out=result[..., start : start + k])
    return result


def flux_error(
    image: ArrayLike, truth: ArrayLike, *, aperture: ArrayLike | None = None, zero: float = 0.0
) -> Floats:
    """Relative error of the flux, ``(sum(image) - sum(truth)) / sum(truth - zero)``.

    Args:
        image, truth: shape (n, H, W, bands).
        aperture: shape (n, H, W), bool: the pixels that count, such as :func:`bright_pixels`; by
            default all.
        zero: the pixel value that stands for no flux.

    Returns:
        Shape (n,), signed; NaN where the truth has no flux above zero.

    Raises:
        LenszooError: see the module; also an aperture of another shape.

    Example:
        >>> from lenszoo.evaluation import flux_error
        >>> truth = np.random.default_rng(0).random((2, 32, 32, 1))
        >>> flux_error(1.1 * truth, truth).round(3).tolist()
        [0.1, 0.1]
    """
    inside = None if aperture is None else np.asanyarray(aperture)
    if inside is not None and (inside.shape != np.shape(truth)[:3] or inside.dtype != np.bool_):
        raise LenszooError(
            f"The aperture has shape {inside.shape} and type {inside.dtype}, the images "
            f"{np.shape(truth)}: pass bool of shape (n, height, width)."
        )
    values, start = [], 0
    for x, y in pairs(image, truth, ("images", "truth")):
        counts: Any = True if inside is None else inside[start : start + len(x), ..., None]
        start += len(x)
        excess = ((x - y) * counts).sum(axis=(1, 2, 3), dtype=float)
        flux = ((y - zero) * counts).sum(axis=(1, 2, 3), dtype=float)
        values.append(np.divide(excess, flux, out=np.full(len(x), np.nan), where=flux > 0))
    return np.concatenate(values)


def bright_pixels(
    images: ArrayLike, *, fraction: float = 0.2, zero: float = 0.0
) -> NDArray[np.bool_]:
    """Mask of the bright pixels, as of a lensed ring.

    Args:
        images: shape (n, H, W, bands); bands are averaged. Best without noise.
        fraction: threshold as a share of the way from ``zero`` to the image's maximum.
        zero: the pixel value that stands for no flux.

    Returns:
        Shape (n, H, W).

    Example:
        >>> from lenszoo.evaluation import bright_pixels
        >>> image = np.zeros((1, 4, 4, 1))
        >>> image[0, 1, 1] = 1.0
        >>> int(bright_pixels(image).sum())
        1
    """
    stack = check_stack(images, "images")
    inside = np.empty(stack.shape[:3], np.bool_)
    for rows in chunks(stack.shape):
        light = np.asarray(stack[rows], np.float64).mean(axis=3) - zero
        peak = light.max(axis=(1, 2), keepdims=True)
        inside[rows] = (light > fraction * peak) & (peak > 0)
    return inside


def residual_chi_square(image: ArrayLike, target: ArrayLike, variance: ArrayLike) -> Floats:
    """Mean of ``(target - image)^2 / variance``, about 1 if the residuals are noise.

    Args:
        image: shape (n, H, W, bands).
        target: the same shape, noise included.
        variance: the noise variance of each pixel of ``target``, in its squared units, in any shape
            that broadcasts to it.

    Returns:
        Shape (n,).

    Raises:
        LenszooError: see the module; also a variance that is not positive or does not fit.

    Example:
        >>> from lenszoo.evaluation import residual_chi_square
        >>> truth = np.random.default_rng(0).random((2, 32, 32, 1))
        >>> residual_chi_square(truth + 0.1, truth, 0.01).round(2).tolist()
        [1.0, 1.0]
    """
    goal = check_stack(target, "targets")
    noise = np.asanyarray(variance)
    try:
        spread = np.broadcast_to(noise, goal.shape)
    except ValueError:
        raise LenszooError(
            f"The variance has shape {noise.shape}, which does not fit the targets' {goal.shape}."
        ) from None
    values, start = [], 0
    for x, y in pairs(image, goal, ("images", "targets")):
        part = np.asarray(spread[start : start + len(x)], np.float64)
        start += len(x)
        if not ((part > 0) & np.isfinite(part)).all():
            raise LenszooError("The variance must be positive and finite in every pixel.")
        values.append((np.square(y - x, dtype=float) / part).mean(axis=(1, 2, 3)))
    return np.concatenate(values)


def power_spectrum(images: ArrayLike) -> tuple[Floats, Floats]:
    """Azimuthally averaged power spectrum, the mean of the bands.

    Each image less its mean is multiplied by a Hann window against leakage from its edges;
    ``|FFT|^2`` is divided by the sum of the squared window, so that white noise of variance s^2 has
    the power s^2 at every frequency.

    Args:
        images: shape (n, H, W, bands).

    Returns:
        Frequencies (bins,) in cycles a pixel up to 0.5, and powers (n, bins) in squared units of
        the images.

    Raises:
        LenszooError: see the module; also images of fewer than 4 pixels a side.

    Example:
        >>> from lenszoo.evaluation import power_spectrum
        >>> truth = np.random.default_rng(0).random((2, 32, 32, 1))
        >>> frequencies, powers = power_spectrum(truth)
        >>> frequencies.shape, powers.shape
        ((16,), (2, 16))
    """
    stack = check_stack(images, "images")
    _, height, width, _ = stack.shape
    side = min(height, width)
    if side < 4:
        raise LenszooError(f"A power spectrum needs 4 pixels a side, got {stack.shape}.")
    # half-sample Hann: no weight is 0 and the window is symmetric about the image's centre
    along = [np.sin(np.pi * (np.arange(k) + 0.5) / k) ** 2 for k in (height, width)]
    taper = np.outer(*along)
    taper /= np.sqrt((taper**2).sum())
    rings = _Rings(height, width)
    powers = np.empty((len(stack), side // 2))
    for rows in chunks(stack.shape):
        part = np.moveaxis(finite(stack[rows], "images", rows.start), 3, 1)
        part = part - part.mean(axis=(2, 3), keepdims=True, dtype=np.float64)
        waves = np.fft.rfft2(part * taper)
        powers[rows] = rings.mean((waves.real**2 + waves.imag**2).mean(axis=1))
    return rings.frequencies, powers


class _Rings:
    """Rings about the origin of the half plane that ``rfft2`` gives, one cycle an image wide."""

    def __init__(self, height: int, width: int) -> None:
        side = min(height, width)
        radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
        # the half that is left out equals the other: all columns count twice but the first and,
        # of an even width, the last
        twice = np.full(radius.shape, 2.0)
        twice[:, 0] = 1
        if width % 2 == 0:
            twice[:, -1] = 1
        ring = np.round(radius * side).astype(int).ravel()
        order = np.argsort(ring, kind="stable")
        self.order = order[(ring[order] >= 1) & (ring[order] <= side // 2)]
        self.starts = np.searchsorted(ring[self.order], np.arange(1, side // 2 + 1))
        self.weights = twice.ravel()[self.order]
        self.totals = np.add.reduceat(self.weights, self.starts)
        self.frequencies = self.mean(radius[None])[0]

    def mean(self, plane: Floats) -> Floats:
        """Means (n, rings) of (n, H, W // 2 + 1)."""
        flat = plane.reshape(len(plane), -1)[:, self.order] * self.weights
        return np.add.reduceat(flat, self.starts, axis=1) / self.totals


def power_spectrum_ratio(image: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    """Power spectrum of images over that of the truth, 1 where both have the same detail.

    Args:
        image, truth: shape (n, H, W, bands).

    Returns:
        Frequencies (bins,) in cycles a pixel, see :func:`power_spectrum`, and ratios (n, bins), NaN
        where the truth has no power.

    Raises:
        LenszooError: see :func:`power_spectrum`.

    Example:
        >>> from lenszoo.evaluation import power_spectrum_ratio
        >>> truth = np.random.default_rng(0).random((2, 32, 32, 1))
        >>> frequencies, ratio = power_spectrum_ratio(0.5 * truth, truth)
        >>> ratio[0, :3].round(3).tolist()
        [0.25, 0.25, 0.25]
    """
    if np.shape(image) != np.shape(truth):
        raise LenszooError(
            f"The images have shape {np.shape(image)}, the truth {np.shape(truth)}: pass two "
            "stacks of one shape."
        )
    frequencies, power = power_spectrum(image)
    _, reference = power_spectrum(truth)
    ratio = np.full(power.shape, np.nan)
    return frequencies, np.divide(power, reference, out=ratio, where=reference > 0)


def share_of_way(value: float, bicubic: float, floor: float) -> float:
    """PSNR as a share of the way from bicubic interpolation to the noise floor.

    ``(value - bicubic) / (floor - bicubic)``, all [dB]: 0 for bicubic interpolation, 1 for the
    noiseless truth, NaN where the two are equal.

    >>> share_of_way(36.0, bicubic=34.0, floor=38.0)
    0.5
    """
    way = floor - bicubic
    return (value - bicubic) / way if way and np.isfinite(way) else float("nan")
