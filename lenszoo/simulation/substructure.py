"""Dark-matter substructure as point masses.

Arrays are (n, 3): x, y (arcsec) and squared Einstein radius (arcsec^2). A point of mass m has
``theta_E^2`` proportional to m, so masses are handled as fractions of the main lens's own.
"""

import numpy as np


def power_law_masses(
    rng: np.random.Generator, n: int, slope: float = -0.9, low: float = 1e6, high: float = 1e10
) -> np.ndarray:
    """``n`` masses (solar) with dN/dm ~ m^slope between ``low`` and ``high``.

    The slope of -0.9 is DeepLenseSim's: its ``beta`` was meant to give -1.9.
    """
    a, b = low ** (slope + 1), high ** (slope + 1)
    return (a + (b - a) * rng.random(n)) ** (1.0 / (slope + 1))


def subhalos(
    rng: np.random.Generator, theta_e2: np.ndarray, r_min: float, r_max: float
) -> np.ndarray:
    """Point masses of squared Einstein radii ``theta_e2`` within [r_min, r_max] arcsec.

    Uniform in radius and angle, as in DeepLenseSim: denser towards the centre.
    """
    r = rng.uniform(r_min, r_max, len(theta_e2))
    angle = rng.uniform(0.0, 2.0 * np.pi, len(theta_e2))
    return np.stack([r * np.cos(angle), r * np.sin(angle), theta_e2], axis=1)


def vortex(
    n: int, theta_e2: float, half_length: float, angle: float, x: float = 0.0, y: float = 0.0
) -> np.ndarray:
    """A line of ``n`` equal point masses of total ``theta_e2``, centred at (x, y) arcsec.

    The straight core of a vortex in a superfluid (axion) halo (Alexander et al. 2020,
    arXiv:1909.07346).
    """
    along = np.linspace(-half_length, half_length, n)
    mass = np.full(n, theta_e2 / n)
    return np.stack([x + along * np.cos(angle), y + along * np.sin(angle), mass], axis=1)
