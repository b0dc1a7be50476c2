"""Redshift and velocity dispersion of a galaxy that is to become a lens."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lenszoo.simulation.cosmology import comoving_distance
from lenszoo.simulation.paint_templates import magnitudes
from lenszoo.simulation.surveys import ImagingSurvey

_C_KM_S = 299792.458
_ARCSEC = math.pi / 180 / 3600
_Z = np.linspace(0.05, 1.2, 116)
# Early types of the SDSS, r at rest, h = 0.7: sigma grows as L^(1 / 3.91), within the 0.25 +- 0.012
# of Bernardi et al. (2003, astro-ph/0301624). Assumed: a luminosity function of mean M and scatter,
# brighter by Q z in the past, and 2.20 with a scatter of 0.07 in log10 sigma at the mean M.
_MEAN_M, _SCATTER_M, _EVOLUTION = -21.15, 0.841, 0.85
_LOG_SIGMA, _FABER_JACKSON, _SCATTER_LOG_SIGMA = 2.20, 0.4 / 3.91, 0.07
REST_R = (560.0, 674.0)  # [nm], SDSS
_COLOUR_SCATTER = 0.15  # of early types about the template [mag]
_SIGMA_LIMITS = (100.0, 450.0)  # [km/s]; those of galaxies, not of clusters


@dataclass(frozen=True, eq=False)
class MassPrior:
    """Redshift and mass of one galaxy, known or by relations.

    Attributes:
        redshift: of the catalogue, or NaN.
        dispersion: of the catalogue [km/s], or NaN.
        weight: probability of the redshifts of a grid; None where the redshift is known.
        absolute: r magnitude at rest, faded to today, on that grid [mag]; where the redshift lies
            beyond the grid, that at the redshift throughout; NaN without magnitudes.
    """

    redshift: float
    dispersion: float
    weight: np.ndarray | None
    absolute: np.ndarray

    def draw(self, rng: np.random.Generator) -> tuple[float, float]:
        """Draw redshift and velocity dispersion [km/s].

        Without a dispersion it follows a Faber-Jackson relation of the slope of Bernardi et al.
        (2003), with scatter; without a redshift that is drawn from the luminosity function of early
        types and, where there are two bands, their colour.
        """
        z = self.redshift
        if self.weight is not None:
            z = float(np.interp(rng.random(), np.cumsum(self.weight), _Z))
        if self.dispersion > 0:
            return z, self.dispersion
        absolute = float(np.interp(z, _Z, self.absolute))
        log_sigma = _LOG_SIGMA - _FABER_JACKSON * (absolute - _MEAN_M)
        sigma = 10 ** (log_sigma + rng.normal(0.0, _SCATTER_LOG_SIGMA))
        return z, min(max(sigma, _SIGMA_LIMITS[0]), _SIGMA_LIMITS[1])


@lru_cache(maxsize=16)
def _early_types(bands: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Magnitudes of the early-type template at the redshifts of the grid, (redshifts, bands)."""
    return np.array([magnitudes(bands, z, 0.0) for z in _Z])


class MassPriors:
    """Priors of the galaxies of a survey, from redshift, dispersion and magnitudes."""

    def __init__(self, survey: ImagingSurvey) -> None:
        bands = tuple(band.wavelength_nm for band in survey.bands)
        rest = magnitudes([REST_R], 0.0, 0.0)[0]
        self._bands, self._rest, self._track = bands, rest, _early_types(bands)
        distance = np.array([comoving_distance(z) for z in _Z])
        self._offset = self._to_rest(_Z, distance, self._track)
        self._volume = np.gradient(distance, _Z) * distance**2

    def _to_rest(self, z: np.ndarray, distance: np.ndarray, track: np.ndarray) -> np.ndarray:
        """Difference of a band's magnitude and that in r at rest, faded to today: (z, bands)."""
        modulus = 5 * np.log10((1 + z) * distance * 1e5)
        return track - self._rest + (modulus - _EVOLUTION * np.minimum(z, _Z[-1]))[:, None]

    def prior(self, redshift: float, dispersion: float, magnitude: np.ndarray) -> MassPrior:
        """Prior of a galaxy.

        A redshift from colours is low where the template, which does not age, is redder than the
        galaxies of its time: for red galaxies of mean luminosity in g, r and i by 0.02 at a
        redshift of 0.4 and by 0.09 at 0.7. The luminosity function makes it lower for luminous
        ones, by 0.08 and 0.15 at r = -22.6 mag, and their masses small: give redshifts where they
        are known (``tests/simulation/test_paint_mass.py``).

        Args:
            redshift: or NaN.
            dispersion: [km/s] or NaN.
            magnitude: AB in the bands, (bands,); NaN where there is none.
        """
        sound = np.flatnonzero(np.isfinite(magnitude))
        if not len(sound):
            return MassPrior(redshift, dispersion, None, np.full(len(_Z), np.nan))
        # the reddest band but one changes least with redshift
        reference = sound[max(len(sound) - 2, 0)]
        absolute = magnitude[reference] - self._offset[:, reference]
        if redshift > 0:
            if not _Z[0] <= redshift <= _Z[-1]:  # on the grid, it ends there
                track = np.array([magnitudes(self._bands, redshift, 0.0)])
                at = np.array([redshift]), np.array([comoving_distance(redshift)])
                own = magnitude[reference] - self._to_rest(*at, track)[0, reference]
                absolute = np.full(len(_Z), own)
            return MassPrior(redshift, dispersion, None, absolute)
        weight = self._volume * np.exp(-0.5 * ((absolute - _MEAN_M) / _SCATTER_M) ** 2)
        colours = np.diff(magnitude[sound])
        chi2 = ((colours - np.diff(self._track[:, sound], axis=1)) / _COLOUR_SCATTER) ** 2
        chi2 = chi2.sum(1)
        weight = weight * np.exp(-0.5 * (chi2 - chi2.min()))
        return MassPrior(math.nan, dispersion, weight / weight.sum(), absolute)


def scaled_dispersion(sigma: float, flux: float) -> float:
    """Velocity dispersion [km/s] of a galaxy ``flux`` times as bright as one of ``sigma``.

    By the Faber-Jackson relation of :class:`MassPrior`.

    >>> round(scaled_dispersion(250.0, 0.1), 1)
    138.7
    """
    return sigma * 10 ** (2.5 * _FABER_JACKSON * math.log10(flux))


def einstein_radius(sigma: float, z_lens: float, z_source: float) -> float:
    """Einstein radius of an isothermal sphere, ``4 pi (sigma / c)^2 D_ls / D_s`` [arcsec].

    >>> round(einstein_radius(250.0, 0.5, 2.0), 2)
    1.15
    """
    ratio = 1.0 - comoving_distance(z_lens) / comoving_distance(z_source)
    return 4 * math.pi * (sigma / _C_KM_S) ** 2 * ratio / _ARCSEC


def velocity_dispersion(theta_e: float, z_lens: float, z_source: float) -> float:
    """Velocity dispersion [km/s] of the isothermal sphere of an Einstein radius [arcsec]."""
    return math.sqrt(theta_e / einstein_radius(1.0, z_lens, z_source))
