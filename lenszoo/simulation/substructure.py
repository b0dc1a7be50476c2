"""Dark-matter substructure as point masses: subhalos and vortices.

Arrays are (n, 3): x, y [arcsec] and squared Einstein radius [arcsec^2]. ``theta_E^2`` of a point is
proportional to its mass, so masses are fractions of that of the main lens.
"""

import numpy as np


def power_law_masses(
    rng: np.random.Generator, n: int, slope: float = -0.9, low: float = 1e6, high: float = 1e10
) -> np.ndarray:
    """Draw ``n`` masses with dN/dm ~ m^slope between ``low`` and ``high`` [solar masses].

    The slope of -0.9 is DeepLenseSim's; its ``beta`` was meant to give -1.9.

    >>> masses = power_law_masses(np.random.default_rng(0), 1000)
    >>> bool(masses.min() > 1e6 and masses.max() < 1e10)
    True
    """
    a, b = low ** (slope + 1), high ** (slope + 1)
    return (a + (b - a) * rng.random(n)) ** (1.0 / (slope + 1))


def subhalos(
    rng: np.random.Generator, theta_e2: np.ndarray, r_min: float, r_max: float
) -> np.ndarray:
    """Draw positions of point masses of squared Einstein radii ``theta_e2`` [arcsec^2].

    Uniform in radius, from ``r_min`` to ``r_max`` [arcsec], and in angle, as in DeepLenseSim:
    denser towards the centre.
    """
    r = rng.uniform(r_min, r_max, len(theta_e2))
    angle = rng.uniform(0.0, 2.0 * np.pi, len(theta_e2))
    return np.stack([r * np.cos(angle), r * np.sin(angle), theta_e2], axis=1)


def vortex(
    n: int, theta_e2: float, half_length: float, angle: float, x: float = 0.0, y: float = 0.0
) -> np.ndarray:
    """Place ``n`` equal point masses of total ``theta_e2`` [arcsec^2] on a line about (x, y).

    The straight core of a vortex in a superfluid (axion) halo (Alexander et al. 2020,
    arXiv:1909.07346). Lengths in arcsec, the angle in radians.

    >>> vortex(3, theta_e2=0.3, half_length=1.0, angle=0.0).round(3).tolist()
    [[-1.0, 0.0, 0.1], [0.0, 0.0, 0.1], [1.0, 0.0, 0.1]]
    """
    along = np.linspace(-half_length, half_length, n)
    mass = np.full(n, theta_e2 / n)
    return np.stack([x + along * np.cos(angle), y + along * np.sin(angle), mass], axis=1)
