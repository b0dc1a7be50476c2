"""Lens systems for lens finding: a massive early-type galaxy and a source behind it.

Every scene draws one, lens or not: central galaxies and the blue light around them follow one law
in both classes, which differ in the shape of that light alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lenszoo.simulation import colours
from lenszoo.simulation.components import Component, light_within, sersic_brightness
from lenszoo.simulation.cosmology import comoving_distance
from lenszoo.simulation.scene import ellipticity
from lenszoo.simulation.survey import Survey, magnitude

_C_KM_S = 299792.458
_RADIANS = math.pi / 180 / 3600
_TRIES = 200


@dataclass(frozen=True)
class LensLaw:
    """Distribution of a population of lenses, and limits of detectability.

    The limits are those of Collett (2015, arXiv:1507.02657): magnification, signal-to-noise, an
    Einstein radius larger than source and seeing, arcs longer than the seeing; and a contrast with
    the lens galaxy.

    Attributes:
        einstein_radius: smallest and largest [arcsec].
        signal_to_noise: lower limit, estimated, of the lensed light in all bands together.
        contrast: lower limit of the lensed flux over that of the lens galaxy, within two Einstein
            radii.
        magnification: lower limit, estimated.
        offset: largest distance of the source from the axis [Einstein radii].
        source_magnitude: brightest and faintest in r, unlensed [mag].
        radius_shape: of the beta distribution of the Einstein radii over their range.
        lens_redshift: smallest and largest.
        largest_dispersion: of the mass [km/s]; beyond it another lens is drawn.
        galaxy_dispersion: above it the mass is that of a group, and the light that of a galaxy of
            about this dispersion [km/s].
        brightness: lens galaxies are brighter than the relation of early types by a factor in this
            range, even in its logarithm.
        compactness: their half-light radii, as a factor on those of the relation.
    """

    einstein_radius: tuple[float, float]
    signal_to_noise: float
    contrast: float
    magnification: float = 3.0
    offset: float = 0.5
    source_magnitude: tuple[float, float] = (21.0, 27.0)
    radius_shape: tuple[float, float] = (1.2, 1.8)
    lens_redshift: tuple[float, float] = (0.15, 0.75)
    largest_dispersion: float = 450.0
    galaxy_dispersion: float | None = None
    brightness: tuple[float, float] | None = None
    compactness: tuple[float, float] | None = None


@dataclass(frozen=True)
class Galaxy:
    """A Sersic galaxy: flux in every band, half-light radius [arcsec], index, ellipticity."""

    flux: np.ndarray
    r_eff: float
    index: float
    e1: float
    e2: float

    def component(
        self, x: float, y: float, core: float, profile: str = "sersic", **changed: float
    ) -> Component:
        """Component of the galaxy at (x, y), its cusp flattened within ``core`` [arcsec]."""
        parameters = {"r_eff": self.r_eff, "index": self.index, "e1": self.e1, "e2": self.e2}
        return Component(profile, x, y, self.flux, parameters | {"core": core} | changed)


@dataclass(frozen=True)
class LensSystem:
    """One lens and source.

    Attributes:
        x, y: centre of the lens galaxy [arcsec].
        z_lens, z_source: redshifts.
        einstein_radius: [arcsec].
        lens_e1, lens_e2: ellipticity of the mass.
        gamma1, gamma2: external shear.
        lens, source: the galaxies; the flux of the source is unlensed.
        source_x, source_y: position in the source plane, from the lens [arcsec].
        source_colour: u - r, g - r, 0, i - r [mag].
        arc_flux: estimated lensed flux in every band.
    """

    x: float
    y: float
    z_lens: float
    z_source: float
    einstein_radius: float
    lens_e1: float
    lens_e2: float
    gamma1: float
    gamma2: float
    lens: Galaxy
    source: Galaxy
    source_x: float
    source_y: float
    source_colour: np.ndarray
    arc_flux: np.ndarray

    def truth(self, names: tuple[str, ...]) -> dict[str, float]:
        """Columns of the truth table."""
        return {
            **{name: getattr(self, name) for name in _TRUTH},
            "source_r_eff": self.source.r_eff,
            **_magnitudes("lens", self.lens.flux, names),
            **_magnitudes("source", self.source.flux, names),
        }

    def deflector(self) -> Mapping[str, float]:
        """Parameters of the mass that the renderer reads."""
        return {"lens_x": self.x, "lens_y": self.y} | {k: getattr(self, k) for k in _MASS}


_MASS = ("einstein_radius", "lens_e1", "lens_e2", "gamma1", "gamma2")
_TRUTH = ("einstein_radius", "z_lens", "z_source", *_MASS[1:], "source_x", "source_y")


def _magnitudes(prefix: str, fluxes: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    values = zip(names, magnitude(fluxes), strict=True)
    return {f"{prefix}_magnitude_{name}": float(value) for name, value in values}


def bounded_power(rng: np.random.Generator, low: float, high: float, slope: float) -> float:
    """Draw a magnitude in [low, high] [mag] from counts that grow as ``10^(slope m)``."""
    a, b = 10 ** (slope * low), 10 ** (slope * high)
    return math.log10(a + (b - a) * rng.random()) / slope


def _geometry(rng: np.random.Generator, law: LensLaw) -> tuple[float, float, float, float]:
    """Draw Einstein radius [arcsec], redshifts of lens and source, velocity dispersion [km/s].

    Dispersions above the law's largest, by default those of clusters, are drawn again.
    """
    low, high = law.einstein_radius
    nearest, farthest = law.lens_redshift
    theta_e = low + (high - low) * rng.beta(*law.radius_shape)
    while True:
        z_lens = nearest + (farthest - nearest) * rng.beta(2.0, 2.0)
        z_source = max(z_lens + 0.35, 0.8) + 2.2 * rng.beta(1.5, 2.5)
        ratio = 1.0 - comoving_distance(z_lens) / comoving_distance(z_source)
        sigma = _C_KM_S * math.sqrt(theta_e * _RADIANS / (4 * math.pi * ratio))
        if sigma < law.largest_dispersion:
            return theta_e, z_lens, z_source, sigma


def early_type(
    rng: np.random.Generator, z: float, sigma: float, names: tuple[str, ...]
) -> tuple[Galaxy, float]:
    """Draw an early type at ``z`` of velocity dispersion ``sigma`` [km/s]; and its position angle.

    Luminosity and size follow relations near those of Bernardi et al. (2003, astro-ph/0301624),
    ``sigma ~ L^0.25`` and ``R ~ L^0.63`` in r: here ``L ~ sigma^3.6`` and ``R ~ L^0.6``, with
    assumed scatter, and luminosities flatten towards brightest cluster galaxies. Half-light radii
    are kept between 0.35 and 2.5 arcsec: larger ones, of nearby massive galaxies, are set to 2.5
    (a quarter of the lenses of ``lens_finding_easy``). The position angle is in radians.
    """
    absolute = -21.15 - 9.0 * (math.log10(sigma) - 2.2) + rng.normal(0.0, 0.35)
    absolute = max(absolute, -23.9 + rng.normal(0.0, 0.2))
    distance = comoving_distance(z)
    r = absolute + 5 * math.log10((1 + z) * distance * 1e5) + colours.k_correction(z)
    kpc = 10 ** (0.45 - 0.24 * (absolute + 21.15) + rng.normal(0.0, 0.12))
    r_eff = min(max(kpc * 1e-3 * (1 + z) / distance / _RADIANS, 0.35), 2.5)
    angle = rng.uniform(0.0, math.pi)
    e1, e2 = ellipticity(0.5 + 0.5 * rng.beta(2.5, 1.5), angle)
    index = min(max(rng.normal(4.0, 0.8), 2.3), 6.0)
    flux = colours.fluxes(r, colours.early_type(rng, z), names)
    return Galaxy(flux, r_eff, index, e1, e2), angle


def _lens_galaxy(
    rng: np.random.Generator, law: LensLaw, z: float, sigma: float, names: tuple[str, ...]
) -> tuple[Galaxy, float]:
    """Draw the lens galaxy by the law, and its position angle [radians]."""
    limit = law.galaxy_dispersion
    if limit is not None and sigma > limit:
        sigma = limit + 0.15 * (sigma - limit) + rng.normal(0.0, 15.0)
    galaxy, angle = early_type(rng, z, sigma, names)
    if law.brightness is not None:
        low, high = np.log(law.brightness)
        galaxy = replace(galaxy, flux=galaxy.flux * math.exp(rng.uniform(low, high)))
    if law.compactness is not None:
        galaxy = replace(galaxy, r_eff=max(galaxy.r_eff * rng.uniform(*law.compactness), 0.2))
    return galaxy, angle


def magnification(offset: float, theta_e: float, r_eff: float) -> float:
    """Magnification of an exponential disc of half-light radius ``r_eff`` at ``offset`` by an SIS.

    The mean of ``2 theta_E / beta`` (``1 + theta_E / beta`` outside) over points of equal light;
    all lengths in arcsec. The points are those of a disc that is 12 % more compact, which makes the
    magnification of a small source on the axis up to 10 % too large.
    """
    beta = np.hypot(offset + r_eff * _POINTS[0], r_eff * _POINTS[1])
    return float(np.mean(np.where(beta < theta_e, 2 * theta_e / beta, 1 + theta_e / beta)))


# points of about equal light of an exponential disc; their median radius is 0.88 of the half-light
# radius. The skies of released weights were drawn with them
_RADII = np.array([0.16, 0.33, 0.48, 0.63, 0.79, 0.97, 1.18, 1.44, 1.80, 2.50])
_TURN = 2 * np.pi * (np.arange(10)[:, None] * 0.618 + np.arange(12) / 12)
_POINTS = np.stack([_RADII[:, None] * np.cos(_TURN), _RADII[:, None] * np.sin(_TURN)])


def faintest_source(
    unit: np.ndarray,
    lens: Galaxy,
    theta_e: float,
    r_eff: float,
    boost: float,
    law: LensLaw,
    s: Survey,
) -> float:
    """Estimate the faintest unlensed r magnitude [mag] at which the lens is detectable.

    Signal-to-noise is flux over the noise of the area that the arcs fill: the source's
    noise-equivalent area times the magnification, widened by the PSF, under sky and lens light.

    Args:
        unit: flux of the source in every band at magnitude 25 in r.
        lens: the lens galaxy.
        theta_e: Einstein radius [arcsec].
        r_eff: half-light radius of the source [arcsec].
        boost: magnification of the source.
        law: limits of detectability.
        s: the survey.
    """
    width = r_eff / 1.4  # sigma of a Gaussian as broad as an exponential
    psf = s.psf_fwhm / 2.355
    length = boost * 8.9 * r_eff**2 / (3.54 * width) + 3.54 * psf
    area = length * 3.54 * np.hypot(width, psf)
    glare = lens.flux * sersic_brightness(theta_e, lens.r_eff, lens.index) * s.pixel_area
    noise = s.noise * np.sqrt((1 + glare / s.sky) * area / s.pixel_area)
    per_flux = boost * math.sqrt(float(np.sum((unit / noise) ** 2)))
    within = lens.flux.sum() * light_within(2 * theta_e, lens.r_eff, lens.index)
    limit = max(law.signal_to_noise / per_flux, law.contrast * within / (boost * unit.sum()))
    return float(magnitude(limit))


def draw_system(rng: np.random.Generator, law: LensLaw, survey: Survey) -> LensSystem:
    """Draw a lens system that is detectable by the law in this survey.

    Positions, sizes and redshifts are drawn until the magnification is large enough, the Einstein
    radius resolved, and the brightest source detectable; the source's magnitude then follows counts
    of slope 0.3 down to the faintest detectable one.
    """
    seeing = float(survey.psf_fwhm.min())
    for _ in range(_TRIES):
        theta_e, z_lens, z_source, sigma = _geometry(rng, law)
        lens, angle = _lens_galaxy(rng, law, z_lens, sigma, survey.names)
        r_eff = min(max(0.22 * math.exp(rng.normal(0.0, 0.4)), 0.08), 0.6)
        offset = law.offset * theta_e * math.sqrt(rng.random())
        boost = magnification(offset, theta_e, r_eff)
        colour = colours.star_forming(rng, z_source)
        unit = colours.fluxes(25.0, colour, survey.names)
        bright, faint = law.source_magnitude
        faint = min(faint, faintest_source(unit, lens, theta_e, r_eff, boost, law, survey))
        resolved = theta_e**2 > r_eff**2 + (0.5 * seeing) ** 2 and boost * r_eff > seeing
        if resolved and boost > law.magnification and faint > bright:
            break
    source_flux = unit * 10 ** (0.4 * (25.0 - bounded_power(rng, bright, max(faint, bright), 0.3)))
    q_light = (1 - math.hypot(lens.e1, lens.e2)) / (1 + math.hypot(lens.e1, lens.e2))
    q_mass = min(max(q_light + rng.normal(0.0, 0.07), 0.45), 0.99)
    e1, e2 = ellipticity(q_mass, angle + rng.normal(0.0, 0.12))
    shear, shear_angle = min(rng.rayleigh(0.04), 0.15), rng.uniform(0.0, math.pi)
    around = rng.uniform(0.0, 2 * math.pi)
    own = ellipticity(rng.uniform(0.35, 1.0), rng.uniform(0.0, math.pi))
    x, y = rng.uniform(-0.5, 0.5, 2) * survey.pixel_scale
    return LensSystem(
        x=x,
        y=y,
        z_lens=z_lens,
        z_source=z_source,
        einstein_radius=theta_e,
        lens_e1=e1,
        lens_e2=e2,
        gamma1=shear * math.cos(2 * shear_angle),
        gamma2=shear * math.sin(2 * shear_angle),
        lens=lens,
        source=Galaxy(source_flux, r_eff, rng.uniform(0.7, 2.0), *own),
        source_x=offset * math.cos(around),
        source_y=offset * math.sin(around),
        source_colour=colour,
        arc_flux=boost * source_flux,
    )
