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
from lenszoo.simulation.paint_galaxies import Galaxies
from lenszoo.simulation.paint_law import PaintLaw
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
_CELLS = 72  # a side of the grid on which images are sought
_SLOPE = 0.3  # of the counts of sources, log10 a magnitude; assumed
_TURNS = 2 * np.pi * np.arange(8) / 8
# images near a companion are sought from these places [its Einstein radii]: cells are too wide
_AROUND = np.concatenate(
    [r * np.stack([np.cos(_TURNS), np.sin(_TURNS)], 1) for r in (0.03, 0.1, 0.3, 1.0)]
)
_UNIT = 25.0  # magnitude at which floors are computed [mag]


@dataclass(frozen=True)
class Lens:
    """A singular isothermal ellipsoid with external shear, by the names of the truth table.

    ``companions`` are isothermal spheres, (k, 3): x and y from the ellipsoid, Einstein radius
    [arcsec].
    """

    einstein_radius: float
    e1: float
    e2: float
    gamma1: float
    gamma2: float
    companions: tuple[tuple[float, float, float], ...] = ()

    def deflection(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Deflection at positions from the lens [arcsec], float64; see :mod:`.trace`."""
        e = math.hypot(self.e1, self.e2)
        q = (1 - e) / (1 + e)
        f = math.sqrt(max(1 - q * q, 1e-6))
        angle = 0.5 * math.atan2(self.e2, self.e1)
        c, s = math.cos(angle), math.sin(angle)
        u, v = c * x + s * y, c * y - s * x
        psi = np.sqrt(np.maximum(q * q * u * u + v * v, 1e-12))
        scale = self.einstein_radius * math.sqrt(q) / f
        au = scale * np.arctan(f * u / psi)
        av = scale * np.arctanh(np.clip(f * v / psi, -1 + 1e-12, 1 - 1e-12))
        ax = c * au - s * av + self.gamma1 * x + self.gamma2 * y
        ay = s * au + c * av + self.gamma2 * x - self.gamma1 * y
        for cx, cy, radius in self.companions:
            pull = radius / np.maximum(np.hypot(x - cx, y - cy), 1e-6)
            ax, ay = ax + pull * (x - cx), ay + pull * (y - cy)
        return ax, ay


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
        seeing = float(np.median(galaxies.psf_fwhm[row]))
        x, y = galaxies.centre[row]
        keys = np.stack([noise_key(rng) for _ in galaxies.survey.names])
        for attempt in range(1, law.tries + 1):
            z_lens, sigma = self._priors[row].draw(rng)
            z_source = self.sources.redshift(rng, z_lens)
            companions = self._spheres(row, z_lens, z_source, sigma)
            theta_e, sigma = self._radius(rng, z_lens, z_source, sigma)
            lens = _mass(rng, theta_e, galaxies.shape[row], companions)
            source = self.sources.draw(rng, z_source)
            around, offset = rng.uniform(0, 2 * math.pi), law.source_offset * rng.random() ** 0.5
            bx, by = (theta_e * offset * part(around) for part in (math.cos, math.sin))
            magnitude = bounded_power(rng, *law.source_magnitude, _SLOPE)
            fault = self._fault(row, lens, source, bx, by, magnitude, seeing)
            if not fault:
                images = image_positions(lens, bx, by)
                if _largest_separation(images) < law.image_separation_fwhm * seeing:
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

    def _fault(
        self,
        row: int,
        lens: Lens,
        source: Source,
        bx: float,
        by: float,
        magnitude: float,
        seeing: float,
    ) -> str:
        """Name the floor that a lens fails, or ""; cheap floors come first."""
        law = self.law
        theta_e = lens.einstein_radius
        low, high = law.einstein_radius_arcsec
        if not low <= theta_e <= high:
            return "einstein_radius"
        if 2.5 * theta_e < law.image_separation_fwhm * seeing:
            return "image_separation"
        half = 2.3 * theta_e + source.r_eff
        step = 2 * half / _GRID
        axis = (np.arange(_GRID) + 0.5) * step - half
        y, x = axis[:, None], axis[None, :]
        ax, ay = lens.deflection(x, y)
        light = self._brightness(source, x - ax - bx, y - ay - by)
        if float(light.sum()) * step * step < law.magnification:
            return "magnification"
        signal, contrast = self._observed(row, light, axis, source)
        brighter = 10 ** (0.4 * (_UNIT - magnitude))
        if signal * brighter < law.arc_signal_to_noise:
            return "arc_signal_to_noise"
        return "arc_contrast" if contrast * brighter < law.arc_contrast else ""

    def _brightness(self, source: Source, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.stamps is None:
            return source.brightness(x, y)
        return self.stamps.brightness(source, x, y)

    def _observed(
        self, row: int, light: np.ndarray, axis: np.ndarray, source: Source
    ) -> tuple[float, float]:
        """Signal-to-noise and contrast of the arcs of a source of magnitude 25."""
        galaxies = self.galaxies
        step = axis[1] - axis[0]
        sigma = np.maximum(galaxies.psf_fwhm[row] * FWHM_TO_SIGMA, 0.5 * step)[:, None, None]
        near, blur = [], []
        for middle in galaxies.centre[row]:
            chosen = np.flatnonzero(np.abs(self._pixels - middle) < axis[-1])
            near.append(slice(chosen[0], chosen[-1] + 1))
            offset = self._pixels[chosen, None] - middle - axis
            kernel = np.exp(offset**2 * (-0.5 / sigma**2))
            blur.append(kernel * (step * self._scale / math.sqrt(2 * math.pi) / sigma))
        flux = self._unit_flux * 10 ** (-0.4 * source.colour)
        arcs = flux[:, None, None] * (blur[1] @ light @ blur[0].transpose(0, 2, 1))
        hosts = np.maximum(galaxies.images[row, near[1], near[0]], 0.0).transpose(2, 0, 1)
        rms = galaxies.rms[row]
        noise = rms[:, None, None] if rms.ndim == 1 else rms[near[1], near[0]].transpose(2, 0, 1)
        variance = noise**2 + hosts / self._gain[:, None, None]
        sound = np.isfinite(variance) & (variance > 0)  # a host of NaN has a variance of NaN
        squares = np.where(sound, arcs * arcs, 0.0) / np.where(sound, variance, 1.0)
        peaks = sound & (arcs > 0.5 * arcs.max((1, 2), keepdims=True))
        above, below = (np.where(peaks, part, 0.0).sum((1, 2)) for part in (arcs, hosts))
        contrast = np.where(below > 0, above / np.where(below > 0, below, 1.0), 0.0)
        return math.sqrt(float(squares.sum())), float(contrast.max())


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


def _largest_separation(images: np.ndarray) -> float:
    if len(images) < 2:
        return 0.0
    offsets = images[:, None] - images[None]
    return float(np.sqrt((offsets**2).sum(-1)).max())


def image_positions(lens: Lens, bx: float, by: float) -> np.ndarray:
    """Solve the lens equation for a point: images (k, 2), from the lens [arcsec].

    Triangles of a grid whose corners map around the point start Newton's method. The image at the
    singular centre, which has no light, is left out, and so are those of companions.
    """
    half = 3.0 * lens.einstein_radius
    axis = np.linspace(-half, half, _CELLS + 1) + 1e-4 * half
    x, y = np.meshgrid(axis, axis)
    ax, ay = lens.deflection(x, y)
    u, v = x - ax - bx, y - ay - by
    starts = []
    for corners in (((0, 0), (0, 1), (1, 0)), ((1, 1), (1, 0), (0, 1))):
        points = [
            (u[i : i + _CELLS, j : j + _CELLS], v[i : i + _CELLS, j : j + _CELLS])
            for i, j in corners
        ]
        sides = [
            a[0] * b[1] - a[1] * b[0] for a, b in zip(points, points[1:] + points[:1], strict=True)
        ]
        inside = ((sides[0] > 0) & (sides[1] > 0) & (sides[2] > 0)) | (
            (sides[0] < 0) & (sides[1] < 0) & (sides[2] < 0)
        )
        rows, columns = np.nonzero(inside)
        middle = np.mean(corners, axis=0) * (axis[1] - axis[0])
        starts.append(np.stack([axis[columns] + middle[1], axis[rows] + middle[0]], axis=1))
    starts += [(cx, cy) + radius * _AROUND for cx, cy, radius in lens.companions]
    return _polished(lens, np.concatenate(starts), bx, by, axis[1] - axis[0])


def _polished(lens: Lens, places: np.ndarray, bx: float, by: float, step: float) -> np.ndarray:
    """Newton's method from each place; those that converge, each once."""
    h = 1e-5 * lens.einstein_radius
    for _ in range(12):
        x = places[:, :1] + np.array([0.0, h, -h, 0.0, 0.0])
        y = places[:, 1:] + np.array([0.0, 0.0, 0.0, h, -h])
        ax, ay = lens.deflection(x, y)
        u, v = x - ax - bx, y - ay - by
        uu, vu = (u[:, 1] - u[:, 2]) / (2 * h), (v[:, 1] - v[:, 2]) / (2 * h)
        uv, vv = (u[:, 3] - u[:, 4]) / (2 * h), (v[:, 3] - v[:, 4]) / (2 * h)
        determinant = uu * vv - uv * vu
        determinant = np.where(np.abs(determinant) < 1e-9, 1e-9, determinant)
        shift = (
            np.stack([(vv * u[:, 0] - uv * v[:, 0]), (uu * v[:, 0] - vu * u[:, 0])], axis=1)
            / determinant[:, None]
        )
        length = np.sqrt((shift**2).sum(1, keepdims=True))
        places = places - shift * np.minimum(1.0, step / np.maximum(length, 1e-12))
        if length.max(initial=0.0) < 1e-10:
            break
    ax, ay = lens.deflection(places[:, 0], places[:, 1])
    miss = np.hypot(places[:, 0] - ax - bx, places[:, 1] - ay - by)
    radius = np.hypot(places[:, 0], places[:, 1])
    sound = (miss < 1e-8) & (radius > 1e-3 * lens.einstein_radius)
    for cx, cy, own in lens.companions:
        sound &= np.hypot(places[:, 0] - cx, places[:, 1] - cy) > 1e-3 * own
    solved = places[sound]
    result: list[np.ndarray] = []
    for place in solved[np.lexsort(solved.T)]:
        if all(np.hypot(*(place - other)) > 1e-5 for other in result):
            result.append(place)
    return np.array(result).reshape(-1, 2)
