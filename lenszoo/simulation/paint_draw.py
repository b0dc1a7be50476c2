"""Draw painted lenses on the host: mass, source, position, and the floors they must pass.

The floors are checked in float64 on a coarse grid about the lens, so that the same lenses are
drawn on every backend; the truth table holds what the finished image measures.
"""

import math
from dataclasses import dataclass

import numpy as np

from lenszoo.simulation.lens_systems import bounded_power
from lenszoo.simulation.observe import FWHM_TO_SIGMA
from lenszoo.simulation.paint_companions import find_companions
from lenszoo.simulation.paint_galaxies import Galaxies, arc_signal_to_noise
from lenszoo.simulation.paint_law import PaintLaw
from lenszoo.simulation.paint_lens import Lens, image_positions, largest_separation
from lenszoo.simulation.paint_mass import (
    MassPriors,
    einstein_radius,
    scaled_dispersion,
    velocity_dispersion,
)
from lenszoo.simulation.paint_source import Source, Sources
from lenszoo.simulation.paint_stamps import Stamps
from lenszoo.simulation.random import noise_key
from lenszoo.simulation.scene import ellipticity

_GRID = 64  # samples a side of the coarse grid
_SLOPE = 0.3  # of the counts of sources, log10 a magnitude; assumed
_UNIT = 25.0  # magnitude of the flux that others are multiples of [mag]


@dataclass(frozen=True, eq=False)
class Painting:
    """All that is drawn for one painted lens.

    Attributes:
        row: of the galaxy.
        lens: the mass.
        x, y: its centre, from the middle of the cutout [arcsec].
        z_lens: redshift of the lens.
        dispersion: its velocity dispersion [km/s].
        source: the source.
        source_x, source_y: position in the source plane, from the lens [arcsec].
        magnitude: unlensed source in the reference band [mag].
        images: (k, 2) images of the source's centre, from the lens [arcsec].
        tries: lenses that were drawn.
        keys: (bands, 2) keys of the noise.
    """

    row: int
    lens: Lens
    x: float
    y: float
    z_lens: float
    dispersion: float
    source: Source
    source_x: float
    source_y: float
    magnitude: float
    images: np.ndarray
    tries: int
    keys: np.ndarray


@dataclass(frozen=True, eq=False)
class _Host:
    """A galaxy for the floors: see :class:`.Galaxies`, and its ``light_and_weight``.

    ``seeing`` is the median of the bands' ``psf_fwhm`` [arcsec].
    """

    centre: np.ndarray
    psf_fwhm: np.ndarray
    seeing: float
    light: np.ndarray
    weight: np.ndarray


class Painter:
    """Draws the lenses of some galaxies by a law."""

    def __init__(self, galaxies: Galaxies, law: PaintLaw, stamps: Stamps | None) -> None:
        survey = galaxies.survey
        self.galaxies, self.law, self.stamps = galaxies, law, stamps
        self.sources = Sources(survey, law.clumps, 0 if stamps is None else len(stamps))
        priors = MassPriors(survey)
        self._priors = [
            priors.prior(*values)
            for values in zip(
                galaxies.redshift, galaxies.velocity_dispersion, galaxies.magnitude, strict=True
            )
        ]
        self._companions = find_companions(galaxies, law.companions) if law.companions else None
        self._gain = survey.gain
        self._unit_flux = np.array([float(band.flux(_UNIT)) for band in survey.bands])
        size, scale = survey.cutout_size_pixels, survey.pixel_scale_arcsec
        self._pixels = (np.arange(size) + 0.5 - size / 2) * scale
        self._scale = scale

    def draw(self, rng: np.random.Generator, row: int) -> Painting | str:
        """Draw a lens on a galaxy; or name the floor at which most of the tries failed."""
        law, galaxies = self.law, self.galaxies
        failures: dict[str, int] = {}
        widths = galaxies.psf_fwhm[row]
        host = _Host(
            galaxies.centre[row], widths, float(np.median(widths)), *galaxies.light_and_weight(row)
        )
        x, y = host.centre
        keys = np.stack([noise_key(rng) for _ in galaxies.survey.names])
        for attempt in range(1, law.tries + 1):
            z_lens, sigma = self._priors[row].draw(rng)
            z_source = self.sources.redshift(rng, z_lens)
            companions = self._spheres(row, z_lens, z_source, sigma)
            theta_e, sigma = self._radius(rng, z_lens, z_source, sigma)
            fault = self._radius_fault(theta_e, host.seeing)
            if not fault:
                lens = _mass(rng, theta_e, galaxies.shape[row], companions)
                source = self.sources.draw(rng, z_source)
                around = rng.uniform(0, 2 * math.pi)
                offset = law.source_offset * rng.random() ** 0.5
                bx, by = (theta_e * offset * part(around) for part in (math.cos, math.sin))
                magnitude = bounded_power(rng, *law.source_magnitude, _SLOPE)
                fault = self._light_fault(host, lens, source, bx, by, magnitude)
            if not fault:
                images = image_positions(lens, bx, by)
                if largest_separation(images) < law.image_separation_fwhm * host.seeing:
                    fault = "image_separation"
            if fault:
                failures[fault] = failures.get(fault, 0) + 1
                continue
            return Painting(
                row, lens, float(x), float(y), z_lens, sigma, source, bx, by, magnitude, images,
                attempt, keys,
            )  # fmt: skip
        return max(failures, key=lambda name: failures[name])

    def _radius(
        self, rng: np.random.Generator, z_lens: float, z_source: float, sigma: float
    ) -> tuple[float, float]:
        """Einstein radius [arcsec] and velocity dispersion [km/s] by the law."""
        if self.law.law == "natural":
            return einstein_radius(sigma, z_lens, z_source), sigma
        theta_e = float(rng.uniform(*self.law.einstein_radius_arcsec))
        return theta_e, velocity_dispersion(theta_e, z_lens, z_source)

    def _spheres(
        self, row: int, z_lens: float, z_source: float, sigma: float
    ) -> tuple[tuple[float, float, float], ...]:
        """Companions of a galaxy of some velocity dispersion [km/s], with their Einstein radii."""
        if self._companions is None:
            return ()
        return tuple(
            (x, y, einstein_radius(scaled_dispersion(sigma, flux), z_lens, z_source))
            for x, y, flux in self._companions[row].tolist()
        )

    def _radius_fault(self, theta_e: float, seeing: float) -> str:
        """Name the floor that an Einstein radius [arcsec] fails whatever the source, or ""."""
        low, high = self.law.einstein_radius_arcsec
        if not low <= theta_e <= high:
            return "einstein_radius"
        return "image_separation" if 2.5 * theta_e < self.law.image_separation_fwhm * seeing else ""

    def _light_fault(
        self, host: _Host, lens: Lens, source: Source, bx: float, by: float, magnitude: float
    ) -> str:
        """Name the floor that the light of a source fails, or ""."""
        law = self.law
        half = 2.3 * lens.einstein_radius + source.r_eff
        step = 2 * half / _GRID
        axis = (np.arange(_GRID) + 0.5) * step - half
        y, x = axis[:, None], axis[None, :]
        ax, ay = lens.deflection(x, y)
        light = self._brightness(source, x - ax - bx, y - ay - by)
        if float(light.sum()) * step * step < law.magnification:
            return "magnification"
        signal, contrast = self._observed(host, light, axis, source, magnitude)
        if signal < law.arc_signal_to_noise:
            return "arc_signal_to_noise"
        return "arc_contrast" if contrast < law.arc_contrast else ""

    def _brightness(self, source: Source, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.stamps is None:
            return source.brightness(x, y)
        return self.stamps.brightness(source, x, y)

    def _observed(
        self,
        host: _Host,
        light: np.ndarray,
        axis: np.ndarray,
        source: Source,
        magnitude: float,
    ) -> tuple[float, float]:
        """Signal-to-noise and contrast of the arcs of a source of some magnitude."""
        step = axis[1] - axis[0]
        sigma = np.maximum(host.psf_fwhm * FWHM_TO_SIGMA, 0.5 * step)[:, None, None]
        near, blur = [], []
        for middle in host.centre:
            chosen = np.flatnonzero(np.abs(self._pixels - middle) < axis[-1])
            if not len(chosen):  # no pixel's centre lies there
                return 0.0, 0.0
            near.append(slice(chosen[0], chosen[-1] + 1))
            offset = self._pixels[chosen, None] - middle - axis
            # sums of denormal numbers, products of smaller ones, are slow
            kernel = np.exp(np.maximum(offset**2 * (-0.5 / sigma**2), -50.0))
            blur.append(kernel * (step * self._scale / math.sqrt(2 * math.pi) / sigma))
        flux = self._unit_flux * 10 ** (0.4 * (_UNIT - magnitude - source.colour))
        arcs = flux[:, None, None] * (blur[1] @ light @ blur[0].transpose(0, 2, 1))
        place = (slice(None), near[1], near[0])
        own, weight = host.light[place], host.weight[place]
        peaks = (arcs > 0.5 * arcs.max((1, 2), keepdims=True)) & (weight > 0)
        above, below = ((part * peaks).sum((1, 2)) for part in (arcs, own))
        contrast = np.where(below > 0, above / np.where(below > 0, below, 1.0), 0.0)
        return arc_signal_to_noise(arcs, weight, self._gain), float(contrast.max())


def _mass(
    rng: np.random.Generator,
    theta_e: float,
    shape: np.ndarray,
    companions: tuple[tuple[float, float, float], ...],
) -> Lens:
    """Draw an ellipsoid that follows the light, and external shear.

    Position angles of mass scatter about those of the light by 10 degrees, and the ratio of the two
    axis ratios by 0.11 (Koopmans et al. 2006, astro-ph/0601628); here 0.11 is that of the axis
    ratio itself, a little more. The shear, a Rayleigh distribution of 0.04, is assumed.
    """
    size, angle = math.hypot(*shape), 0.5 * math.atan2(shape[1], shape[0])
    q = min(max((1 - size) / (1 + size) + rng.normal(0.0, 0.11), 0.4), 0.98)
    e1, e2 = ellipticity(q, angle + rng.normal(0.0, math.radians(10.0)))
    shear, direction = min(rng.rayleigh(0.04), 0.15), rng.uniform(0.0, math.pi)
    return Lens(
        theta_e,
        float(e1),
        float(e2),
        shear * math.cos(2 * direction),
        shear * math.sin(2 * direction),
        companions,
    )
