"""Colours of galaxies and stars in u, g, r and i, by type and redshift.

A colour is an array (u - r, g - r, 0, i - r) [mag]. The laws are simple and have scatter: early
types follow the passive track, discs are bluer, star-forming galaxies at the redshifts of sources
bluer still; the types overlap. Fluxes in z and y follow from r - i.
"""

from collections.abc import Sequence

import numpy as np

from lenszoo.simulation.survey import flux

UGRI = ("u", "g", "r", "i")
# Passive track of luminous red galaxies, rounded (Eisenstein et al. 2001, astro-ph/0108153):
# redshift; u - g, g - r, r - i; and K correction with evolution in r
_TRACK = np.array(
    [
        (0.10, 1.85, 0.95, 0.40, 0.10),
        (0.20, 1.95, 1.25, 0.47, 0.20),
        (0.30, 1.95, 1.50, 0.55, 0.33),
        (0.40, 1.90, 1.65, 0.67, 0.50),
        (0.50, 1.80, 1.70, 0.88, 0.75),
        (0.60, 1.65, 1.75, 1.05, 1.00),
        (0.70, 1.55, 1.75, 1.15, 1.25),
        (0.80, 1.50, 1.75, 1.22, 1.45),
    ]
)
# VIS, 550 to 900 nm, covers r and i; weights of their fluxes
_VIS = np.array([0.0, 0.0, 0.45, 0.55])
# i - z and z - y by r - i, constant and slope: lines through the colours of the templates of
# Coleman, Wu & Weedman (1980) at redshifts below 0.8, good to 0.1 mag; stars lie near them
_I_Z, _Z_Y = (0.10, 0.33), (0.06, 0.15)
_LYMAN_BREAK = 2.4  # redshift from which the Lyman forest and break dim the u band


def _from_steps(u_g: float, g_r: float, r_i: float) -> np.ndarray:
    return np.array([u_g + g_r, g_r, 0.0, -r_i])


def early_type(rng: np.random.Generator, z: float) -> np.ndarray:
    """Draw the colour of an early type at redshift ``z``; the scatter in g - r is 0.06 mag."""
    steps = [np.interp(z, _TRACK[:, 0], _TRACK[:, column]) for column in (1, 2, 3)]
    scatter = rng.normal(0.0, (0.12, 0.06, 0.04))
    return _from_steps(*(np.array(steps) + scatter))


def k_correction(z: float) -> float:
    """K correction with passive evolution of an early type in r [mag]."""
    return float(np.interp(z, _TRACK[:, 0], _TRACK[:, 4]))


def disc(rng: np.random.Generator, z: float) -> np.ndarray:
    """Draw the colour of a spiral's disc at ``z`` < 0.8, between early types and star formation."""
    red = early_type(rng, z)
    blue = _from_steps(0.8, 0.35 + 0.3 * z, 0.2 + 0.25 * z)
    return red + (blue - red) * rng.uniform(0.35, 0.85)


def star_forming(rng: np.random.Generator, z: float) -> np.ndarray:
    """Draw the colour of a star-forming galaxy at ``z``; with dust some are as red as discs."""
    dust = rng.exponential(0.18)
    g_r, r_i = rng.normal((0.10, 0.08), (0.12, 0.10)) + dust * np.array([1.0, 0.7])
    u_g = rng.normal(0.45, 0.2) + 0.5 * dust + 1.5 * max(0.0, z - _LYMAN_BREAK)
    return _from_steps(u_g, g_r, r_i)


def star(rng: np.random.Generator) -> np.ndarray:
    """Draw the colour of a main-sequence star; locus of Covey et al. (2007, arXiv:0707.4473)."""
    g_i = rng.uniform(0.4, 2.8)
    locus = np.array([(0.4, 0.95, 0.31, 0.09), (1.0, 1.35, 0.70, 0.28)])
    locus = np.concatenate([locus, [(1.7, 2.2, 1.17, 0.51), (2.2, 2.5, 1.38, 0.83)]])
    locus = np.concatenate([locus, [(2.8, 2.6, 1.45, 1.34)]])
    steps = [np.interp(g_i, locus[:, 0], locus[:, column]) for column in (1, 2, 3)]
    return _from_steps(*(np.array(steps) + rng.normal(0.0, 0.04, 3)))


def quasar(rng: np.random.Generator) -> np.ndarray:
    """Draw the colour of a quasar at a redshift of 1 to 3, some reddened by dust.

    Means and scatter are rounded from the SDSS colours of Richards et al. (2001, astro-ph/0012449).
    """
    dust = rng.exponential(0.08)
    u_g, g_r, r_i = rng.normal((0.30, 0.20, 0.14), (0.25, 0.15, 0.12))
    return _from_steps(u_g + 1.2 * dust, g_r + dust, r_i + 0.7 * dust)


def fluxes(r_magnitude: float, colour: np.ndarray, bands: Sequence[str]) -> np.ndarray:
    """Flux in each band, (bands,), of an object of this r magnitude and colour [mag]."""
    ugri = flux(r_magnitude + colour)
    if tuple(bands) == UGRI:
        return ugri
    by_name = dict(zip(UGRI, ugri, strict=True)) | {"VIS": float(_VIS @ ugri)}
    r_i = -colour[3]
    by_name["z"] = by_name["i"] * 10 ** (0.4 * (_I_Z[0] + _I_Z[1] * r_i))
    by_name["y"] = by_name["z"] * 10 ** (0.4 * (_Z_Y[0] + _Z_Y[1] * r_i))
    return np.array([by_name[name] for name in bands])
