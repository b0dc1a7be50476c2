"""Sources behind painted lenses: redshift, colour, size, and star-forming clumps."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lenszoo.simulation.components import light_within, sersic_b, sersic_brightness
from lenszoo.simulation.paint_templates import magnitudes
from lenszoo.simulation.surveys import ImagingSurvey

CLUMPS = 4  # slots
_Z0 = 0.311  # scale of the redshift distribution to i = 25.3
_FARTHEST = 4.5
_Z = np.linspace(0.1, _FARTHEST, 111)
_KINDS = np.linspace(0.5, 3.0, 11)
_REFERENCE = 640.0  # [nm]
# cores of discs and sigma of clumps below which samples of 0.09" would miss light [arcsec]
_CORE, _NARROWEST = 0.03, 0.04


@dataclass(frozen=True)
class Source:
    """A source, unlensed.

    Attributes:
        redshift: of the source.
        kind, tilt: of its spectrum, see :func:`lenszoo.simulation.paint_templates.spectrum`.
        r_eff: half-light radius [arcsec].
        index: Sersic index.
        e1, e2: ellipticity.
        colour: magnitudes in the bands less that in the reference band, (bands,) [mag].
        clumps: (CLUMPS, 4): offset x and y, sigma [arcsec], share of the light.
        clump_colour: as ``colour``, bluer.
        stamp: number of the stamp that takes the place of all this, or -1.
        angle: rotation of the stamp [radians].
        core: radius within which the cusp is flattened [arcsec].
    """

    redshift: float
    kind: float
    tilt: float
    r_eff: float
    index: float
    e1: float
    e2: float
    colour: np.ndarray
    clumps: np.ndarray
    clump_colour: np.ndarray
    stamp: int = -1
    angle: float = 0.0
    core: float = _CORE

    @property
    def amplitude(self) -> float:
        """Brightness at the half-light radius of the body at unit flux [1/arcsec^2].

        ``R^2 + core^2`` in place of ``R^2`` leaves the light outside of the core.
        """
        outside = 1.0 - light_within(self.core, self.r_eff, self.index)
        return sersic_brightness(self.r_eff, self.r_eff, self.index) / outside

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Brightness of the body at unit flux [1/arcsec^2], at offsets x and y [arcsec]."""
        e = math.hypot(self.e1, self.e2)
        q, angle = (1 - e) / (1 + e), 0.5 * math.atan2(self.e2, self.e1)
        c, s = math.cos(angle), math.sin(angle)
        u, v = c * x + s * y, c * y - s * x
        r2 = (q * u * u + v * v / q + self.core**2) / self.r_eff**2
        power = r2 ** (0.5 / self.index)
        return self.amplitude * np.exp(-sersic_b(self.index) * (power - 1.0))


@lru_cache(maxsize=16)
def _table(bands: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Magnitudes of the templates, (redshifts, kinds, bands)."""
    return np.array([[magnitudes(bands, z, kind) for kind in _KINDS] for z in _Z])


class Sources:
    """Law of the sources in the bands of a survey."""

    def __init__(self, survey: ImagingSurvey, clumps: int = CLUMPS, stamps: int = 0) -> None:
        bands = tuple(band.wavelength_nm for band in survey.bands)
        self._most_clumps, self._stamps = clumps, stamps
        middles = np.array([math.sqrt(low * high) for low, high in bands])
        self.reference = int(np.abs(middles - _REFERENCE).argmin())
        table = _table(bands)
        self._colours = table - table[..., self.reference, None]
        self._log = np.log10(middles / middles[self.reference])

    def colour(self, z: float, kind: float, tilt: float) -> np.ndarray:
        """Magnitudes in the bands less that in the reference band, (bands,) [mag]."""
        a, b = (
            min(max(float((value - grid[0]) / (grid[1] - grid[0])), 0.0), len(grid) - 1.0)
            for value, grid in ((z, _Z), (kind, _KINDS))
        )
        i, j = min(int(a), len(_Z) - 2), min(int(b), len(_KINDS) - 2)
        u, v = a - i, b - j
        part = self._colours[i : i + 2, j : j + 2]
        low, high = part[:, 0] * (1 - v) + part[:, 1] * v
        return low * (1 - u) + high * u - 2.5 * tilt * self._log

    def redshift(self, rng: np.random.Generator, z_lens: float) -> float:
        """Draw a redshift behind the lens: ``z^2 exp(-z / 0.311)``, the LSST science book's.

        LSST Science Collaboration (2009, arXiv:0912.0201), chapter 3: a scale of
        ``0.0417 i - 0.744``, here to i = 25.3.
        """
        while True:
            z = float(rng.gamma(3.0, _Z0))
            if z_lens + 0.1 < z < _FARTHEST:
                return z

    def draw(self, rng: np.random.Generator, z: float) -> Source:
        """Draw a source at redshift ``z``: a disc, mostly blue and star-forming, with clumps.

        Half-light radii scatter by 0.17 dex; late types have less than 0.2 (van der Wel et al.
        2014, arXiv:1404.2844). Their median, 0.28" or about 2.4 kpc at redshifts above 1, and all
        the rest, colours, axis ratios, Sersic indices and clumps, are assumed.
        """
        red = rng.random() < 0.15
        kind = float(rng.uniform(0.8, 2.0) if red else rng.uniform(2.0, 3.0))
        tilt = float(rng.normal(-0.3, 0.4))
        r_eff = min(max(0.28 * math.exp(rng.normal(0.0, 0.4)), 0.08), 0.8)
        index = float(min(max(rng.lognormal(0.05, 0.35), 0.5), 3.0))
        q, turn = rng.uniform(0.3, 1.0), rng.uniform(0.0, math.pi)
        size = (1 - q) / (1 + q)
        clumps = np.zeros((CLUMPS, 4))
        clumps[:, 2] = 1.0
        n = int(rng.integers(0, self._most_clumps + 1))
        # along the disc: an elliptical cloud of the body's own shape
        along, across = rng.normal(0.0, 0.7 * r_eff, (2, CLUMPS))
        widths = np.maximum(r_eff * rng.uniform(0.08, 0.2, CLUMPS), _NARROWEST)
        shares = rng.dirichlet(np.ones(CLUMPS)) * rng.uniform(0.1, 0.45)
        root = math.sqrt(q)
        c, s = math.cos(turn), math.sin(turn)
        u, v = along / root, across * root
        clumps[:n, 0], clumps[:n, 1] = (c * u - s * v)[:n], (s * u + c * v)[:n]
        clumps[:n, 2], clumps[:n, 3] = widths[:n], shares[:n]
        bluer = min(kind + rng.uniform(0.0, 0.6), 3.0)
        stamp = int(rng.integers(self._stamps)) if self._stamps else -1
        return Source(
            z, kind, tilt, r_eff, index, size * math.cos(2 * turn), size * math.sin(2 * turn),
            self.colour(z, kind, tilt), clumps, self.colour(z, bluer, tilt - 0.2),
            stamp, float(rng.uniform(0.0, 2 * math.pi)),
        )  # fmt: skip
