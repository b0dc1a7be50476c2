"""Images of several bands as colours, and of one as greys, to be looked at."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Bands from blue to red; another name has no place in the order.
_BLUE_TO_RED = ("u", "g", "r", "i", "z", "y", "Y", "J", "H", "K")
# Of i, r and g. Galaxies are redder than the AB system's flat spectrum: weighted alike, all of them
# are orange.
_WEIGHTS = (0.75, 1.0, 1.7)
_NOISE_AT = 3.0  # softening in units of the sky noise
_BRIGHTEST = 99.7  # percentile that is shown as white
_FAINTEST = 30.0  # percentile that is shown as black: the sky is dark, its noise not cut off


def colour_bands(bands: Sequence[str] | None, n_bands: int) -> tuple[int, int, int] | None:
    """Indices of the bands shown as red, green and blue; None for fewer than three bands.

    i, r and g where there are such names, else the three reddest of u to K, else the last three
    bands, taken to run from blue to red.

    Args:
        bands: names of the bands; None for none.
        n_bands: how many there are.
    """
    if n_bands < 3:
        return None
    names = list(bands or ())
    if {"g", "r", "i"} <= set(names):
        return names.index("i"), names.index("r"), names.index("g")
    blue_to_red = [names.index(name) for name in _BLUE_TO_RED if name in names]
    if len(blue_to_red) >= 3:
        return blue_to_red[-1], blue_to_red[-2], blue_to_red[-3]
    return n_bands - 1, n_bands - 2, n_bands - 3


def colour_image(
    image: ArrayLike,
    bands: Sequence[str] | None = None,
    *,
    softening: float = _NOISE_AT,
    brightest: float = _BRIGHTEST,
) -> NDArray[np.float64]:
    """One image of linear flux as colours, its faint and its bright parts visible at once.

    The stretch is that of Lupton et al. (2004, PASP 116, 133, arXiv astro-ph/0312483) by
    :func:`astropy.visualization.make_lupton_rgb`: asinh of the mean of the bands, so that a colour
    does not depend on the brightness and bright cores do not turn white. Its parameters come from
    the image itself: black is its 30th percentile a band, the softening three times its noise,
    white its 99.7th percentile, unless told otherwise. Fewer than three bands are averaged and
    shown as greys.

    Args:
        image: shape (H, W, bands) or (H, W), background about zero or at any level; pixels that
            are not finite become mid-grey.
        bands: names of the bands.
        softening: noise of a pixel times this is the flux above which the stretch is logarithmic;
            less shows what is fainter.
        brightest: percentile that is shown as white.

    Returns:
        Red, green and blue in [0, 1], shape (H, W, 3).

    Example:
        >>> colour_image(np.random.default_rng(0).random((8, 8, 4)), ("u", "g", "r", "i")).shape
        (8, 8, 3)
    """
    from astropy.visualization import make_lupton_rgb

    flux = np.asarray(image, float)
    flux = flux[..., None] if flux.ndim == 2 else flux
    chosen = colour_bands(bands, flux.shape[2])
    if chosen is None:
        layers = np.repeat(flux.mean(axis=2, keepdims=True), 3, axis=2)
    else:
        layers = flux[..., list(chosen)]
        if bands is not None and [bands[k] for k in chosen] == ["i", "r", "g"]:
            layers = layers * _WEIGHTS
    bad = ~np.isfinite(layers).all(axis=2)
    if bad.all():
        return np.full(layers.shape, 0.4)
    # noise from pixel to pixel and sky from the faintest fifth: a galaxy may fill the image
    steps = np.diff(np.where(bad, np.nan, layers.mean(axis=2)), axis=1)
    steps = steps[np.isfinite(steps)]
    noise = 1.4826 * np.median(np.abs(steps)) / np.sqrt(2) if len(steps) else 0.0
    layers = np.where(bad[..., None], 0, layers - np.percentile(layers[~bad], _FAINTEST, axis=0))
    intensity = layers.mean(axis=2)
    top = np.percentile(intensity[~bad], brightest)
    if top <= 0:
        top = max(float(intensity[~bad].max()), np.finfo(float).tiny)
    soft = max(softening * noise, top / 1e3) / top
    # astropy shows 0.1 asinh(Q I / stretch) / asinh(0.1 Q): here the brightest band of ``top`` as 1
    peak = max(float(np.percentile(layers.max(axis=2)[~bad], brightest)) / top, 1.0)
    q = 10 * np.sinh(0.1 * np.arcsinh(1 / soft) * peak)
    red, green, blue = np.moveaxis(layers / top, 2, 0)
    with np.errstate(invalid="ignore"):  # 0 / 0 where it is dark
        shown = make_lupton_rgb(red, green, blue, Q=q, stretch=q * soft, output_dtype=np.float64)
    shown[bad] = 0.4
    return shown
