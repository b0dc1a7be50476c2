"""Spectral templates of galaxies, and their magnitudes in a survey's bands.

The templates are those of Coleman, Wu & Weedman (1980, doi:10.1086/190674), extended by Bolzonella,
Miralles & Pello (2000, astro-ph/0003380), as GalSim distributes them, averaged in bins of 5.7 %.
"""

import math
from collections.abc import Sequence

import numpy as np

_EDGES = np.geomspace(90.0, 1300.0, 49)  # [nm]
WAVELENGTH = np.sqrt(_EDGES[1:] * _EDGES[:-1])
"""Rest wavelengths of the templates [nm]."""

# brightness per wavelength over that at 550 nm
TEMPLATES = {
    "E": (
        0.0374,
        0.0509,
        0.0504,
        0.048,
        0.0445,
        0.0361,
        0.0379,
        0.034,
        0.0297,
        0.0273,
        0.0266,
        0.0259,
        0.0263,
        0.0287,
        0.0316,
        0.0346,
        0.034,
        0.0288,
        0.0313,
        0.0526,
        0.0925,
        0.143,
        0.204,
        0.25,
        0.269,
        0.311,
        0.367,
        0.579,
        0.728,
        0.906,
        0.944,
        0.912,
        1,
        1,
        1.04,
        1.01,
        1.01,
        0.973,
        0.966,
        0.909,
        0.9,
        0.92,
        0.862,
        0.879,
        0.814,
        0.738,
        0.68,
        0.628,
    ),
    "Sbc": (
        0.311,
        0.615,
        0.759,
        0.785,
        0.726,
        0.576,
        0.711,
        0.648,
        0.576,
        0.464,
        0.442,
        0.42,
        0.402,
        0.408,
        0.396,
        0.38,
        0.37,
        0.366,
        0.365,
        0.366,
        0.368,
        0.382,
        0.417,
        0.489,
        0.591,
        0.693,
        0.842,
        0.968,
        0.999,
        1.06,
        1.03,
        0.973,
        1,
        0.957,
        0.921,
        0.901,
        0.884,
        0.867,
        0.852,
        0.837,
        0.823,
        0.811,
        0.8,
        0.783,
        0.721,
        0.653,
        0.598,
        0.547,
    ),
    "Scd": (
        0.849,
        1.68,
        2.08,
        2.15,
        1.99,
        1.59,
        1.95,
        1.77,
        1.57,
        1.26,
        1.21,
        1.14,
        1.09,
        1.05,
        0.969,
        0.875,
        0.797,
        0.736,
        0.687,
        0.66,
        0.66,
        0.677,
        0.699,
        0.718,
        0.74,
        0.87,
        0.996,
        1.1,
        1.11,
        1.15,
        1.17,
        1.03,
        1,
        0.963,
        0.916,
        0.867,
        0.818,
        0.771,
        0.727,
        0.683,
        0.639,
        0.596,
        0.554,
        0.521,
        0.477,
        0.431,
        0.393,
        0.359,
    ),
    "Im": (
        2.01,
        3.98,
        4.9,
        5,
        4.54,
        3.67,
        4.3,
        3.77,
        3.29,
        3.06,
        2.95,
        2.83,
        2.71,
        2.54,
        2.35,
        2.15,
        1.97,
        1.79,
        1.63,
        1.49,
        1.37,
        1.27,
        1.21,
        1.17,
        1.14,
        1.44,
        1.4,
        1.41,
        1.33,
        1.29,
        1.5,
        1.1,
        1,
        0.948,
        0.904,
        0.851,
        0.804,
        0.763,
        0.726,
        0.692,
        0.662,
        0.635,
        0.609,
        0.573,
        0.508,
        0.452,
        0.401,
        0.356,
    ),
}
SEQUENCE = ("E", "Sbc", "Scd", "Im")
"""Templates from red to blue."""

# Lyman alpha to delta [nm], and their optical depth at an observed wavelength over that at rest to
# the power of 3.46 (Madau 1995, doi:10.1086/175332)
_LYMAN = ((121.567, 0.0036), (102.572, 0.0017), (97.254, 0.0012), (94.974, 0.00093))
_LIMIT = 91.2  # [nm]; the gas absorbs all light below
_SAMPLES = 12  # a band


def spectrum(kind: float, tilt: float = 0.0) -> np.ndarray:
    """Brightness per wavelength of a template, on :data:`WAVELENGTH`.

    Args:
        kind: position in :data:`SEQUENCE`, 0 to 3; between two, their geometric mean.
        tilt: power of the wavelength over 550 nm by which it is multiplied; below 0 is bluer.
    """
    low = min(int(kind), len(SEQUENCE) - 2)
    share = kind - low
    red, blue = (np.array(TEMPLATES[SEQUENCE[i]]) for i in (low, low + 1))
    return red ** (1 - share) * blue**share * (WAVELENGTH / 550.0) ** tilt


def _forest(observed: np.ndarray, z: float) -> np.ndarray:
    """Fraction of the light that the Lyman forest transmits."""
    depth = np.zeros_like(observed)
    for line, strength in _LYMAN:
        here = (observed < line * (1 + z)) & (observed > _LIMIT)
        depth += np.where(here, strength * (observed / line) ** 3.46, 0.0)
    return np.where(observed < _LIMIT * (1 + z), 0.0, np.exp(-depth))


def magnitudes(
    bands: Sequence[tuple[float, float]], z: float, kind: float, tilt: float = 0.0
) -> np.ndarray:
    """AB magnitudes in bands of a template at redshift ``z``, up to one constant for all ``z``.

    Photons are counted: ``m = -2.5 log10(integral of f_lambda lambda / integral of 1 / lambda)``
    over a band of even transmission, with ``f_lambda = f(lambda / (1 + z)) / (1 + z)``.

    Args:
        bands: limits of the bands [nm].
        z: redshift.
        kind, tilt: of :func:`spectrum`.

    Returns:
        (bands,) float64; 60 where there is no light at all.
    """
    rest = spectrum(kind, tilt)
    result = []
    for low, high in bands:
        step = (high - low) / _SAMPLES
        observed = low + step * (np.arange(_SAMPLES) + 0.5)
        light = np.interp(observed / (1 + z), WAVELENGTH, rest) * _forest(observed, z) / (1 + z)
        ratio = float(np.sum(light * observed) * step) / math.log(high / low)
        result.append(-2.5 * math.log10(ratio) if ratio > 1e-12 else 60.0)
    return np.array(result)
