"""Halos along the line of sight: lenses on several planes between observer and source.

In a flat universe a ray that is seen at ``theta`` meets plane j, at comoving distance ``d_j`` of
that of the source, at the angle (Blandford & Narayan 1986, ApJ 310, 568)

    beta_j = theta - sum over i < j of (1 - d_i / d_j) / (1 - d_i) alpha_i(beta_i)

where ``alpha_i`` is the deflection that plane i alone gives to the source. Angles are in arcsec.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from lenszoo.simulation.cosmology import (
    FOUR_GM_C2_MPC,
    H0,
    OMEGA_M,
    comoving_distance,
    redshift_at,
)

CHUNK = 20  # halos that one step of the compiled loop adds
# Halos of Sheth & Tormen (1999, astro-ph/9901122) in a flat universe of Omega_m = 0.3, H0 = 70
# km/s/Mpc, sigma_8 = 0.81, between redshifts of 0.1 and 0.8, as the package colossus computes them:
# dN/dm ~ m^-1.9, and at 10^8 solar masses dN/dln m = 6.5 (1 + 0.29 z) a comoving Mpc^3
_SLOPE, _DENSITY, _GROWTH, _PIVOT = 1.9, 6.5, 0.29, 1e8
HEAVIEST = 1e10  # solar masses; heavier halos hold galaxies, which would be seen
# Concentration of halos of this mass, assumed. A core of two scale radii holds as much within one
# of them, seen in projection, about as the NFW profile does: 0.2 of the mass, not 0.17
_CONCENTRATION, _CORE = 15.0, 2.0
_CRITICAL = 2.775e11 * (H0 / 100) ** 2  # density today [solar masses / Mpc^3]
_ARCSEC = math.pi / 180 / 3600


@dataclass(frozen=True)
class LineOfSight:
    """Numbers of halos and planes, and the field that they fill.

    Attributes:
        before, behind: planes in front of the lens and behind it.
        halos: on each of these planes, the most massive ones that are expected there.
        radius: of the field at the lens [arcsec]; behind the lens it narrows with the rays.
        narrowest: radius of the field at the source [arcsec].
    """

    before: tuple[int, ...] = (140, 140, 140, 140)
    behind: tuple[int, ...] = (160, 140, 140)
    radius: float = 2.6
    narrowest: float = 0.8

    @property
    def halos(self) -> tuple[int, ...]:
        """Halos of each plane but the lens's, in the order of distance."""
        return (*self.before, *self.behind)

    def draw(
        self, rng: np.random.Generator, z_lens: float, z_source: float
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Draw the halos of a line of sight.

        Returns:
            Arrays of :func:`source_position`, and values for the truth table.
        """
        lens, source = comoving_distance(z_lens), comoving_distance(z_source)
        edges = np.concatenate(
            [
                np.linspace(0.0, lens, len(self.before) + 1)[:-1],
                np.linspace(lens, source, len(self.behind) + 1),
            ]
        )
        arrays: dict[str, np.ndarray] = {}
        distances, sheets, lightest, total = [], [], [], 0.0
        for k, n in enumerate(self.halos):
            middle = 0.5 * (edges[k] + edges[k + 1])
            field = self._field(middle, lens, source)
            volume = math.pi * (field * _ARCSEC * middle) ** 2 * (edges[k + 1] - edges[k])
            z = redshift_at(middle)
            low = lightest_mass(n / volume, z)
            mass = _masses(rng, n, low)
            radius2 = squared_einstein_radius(mass, middle, z, source)
            r, angle = field * np.sqrt(rng.random(n)), rng.uniform(0.0, 2 * np.pi, n)
            core = _CORE * scale_radius(mass, z) / (middle / (1 + z)) / _ARCSEC
            halos = np.stack([r * np.cos(angle), r * np.sin(angle), radius2, core**2], axis=1)
            arrays[f"halos_{k}"] = halos.astype(np.float32)
            distances.append(middle / source)
            # the mean of the halos, which belongs to the smooth universe
            mean = n * squared_einstein_radius(mean_mass(low), middle, z, source) / field**2
            sheets.append(mean)
            lightest.append(low)
            total += float(mass.sum())
        distances.insert(len(self.before), lens / source)
        arrays["plane_distance"] = np.array(distances, np.float32)
        arrays["plane_sheet"] = np.array(sheets, np.float32)
        return arrays, {"los_lightest_halo": max(lightest), "los_mass": total}

    def _field(self, distance: float, lens: float, source: float) -> float:
        """Radius of the field [arcsec] at a comoving distance."""
        if distance <= lens:
            return self.radius
        share = (source - distance) / (source - lens)
        return self.radius * share * lens / distance + self.narrowest * (1 - share)


def lightest_mass(density: float, z: float) -> float:
    """Mass [solar masses] above which there are ``density`` halos a comoving Mpc^3.

    >>> f"{lightest_mass(500.0, 0.3):.2g}"
    '9.9e+05'
    """
    # N(> m) = amplitude ((pivot / m)^0.9 - (pivot / heaviest)^0.9)
    slope = _SLOPE - 1
    amplitude = _DENSITY * (1 + _GROWTH * z) / slope
    return _PIVOT * (density / amplitude + (_PIVOT / HEAVIEST) ** slope) ** (-1 / slope)


def mean_mass(low: float) -> float:
    """Mean mass of halos between ``low`` and the heaviest [solar masses]."""
    a, b = 1 - _SLOPE, 2 - _SLOPE
    return a / b * (HEAVIEST**b - low**b) / (HEAVIEST**a - low**a)


def _masses(rng: np.random.Generator, n: int, low: float) -> np.ndarray:
    a = 1 - _SLOPE
    return (low**a + (HEAVIEST**a - low**a) * rng.random(n)) ** (1 / a)


def squared_einstein_radius(mass, distance: float, z: float, source: float):
    """Squared Einstein radius [arcsec^2] of ``mass`` [solar masses] for a source.

    ``4 G M / c^2 D_LS / (D_L D_S)`` with angular-diameter distances; ``distance`` and ``source``
    are comoving [Mpc].
    """
    return FOUR_GM_C2_MPC * mass * (source - distance) * (1 + z) / (distance * source) / _ARCSEC**2


def scale_radius(mass, z: float):
    """Scale radius [Mpc] of halos of ``mass`` within 200 times the critical density."""
    critical = _CRITICAL * (OMEGA_M * (1 + z) ** 3 + 1 - OMEGA_M)
    return (3 * mass / (800 * math.pi * critical)) ** (1 / 3) / _CONCENTRATION


def halo_deflection(x, y, halos):
    """Deflection of Plummer halos: ``alpha = sum of theta_E^2 (x - x_k) / (r_k^2 + core_k^2)``.

    Their mass within a projected radius r is ``M r^2 / (r^2 + core^2)``.

    Args:
        x, y: positions, (batch or 1, n) [arcsec].
        halos: (batch, halos, 4): x, y [arcsec], squared Einstein radius and squared core
            [arcsec^2].
    """
    number = halos.shape[1]
    spare = -number % CHUNK
    if spare:
        halos = ops.pad(halos, ((0, 0), (0, spare), (0, 0)))
    # a core keeps the padding, of no mass, from a division by zero
    chunks = ops.reshape(halos, (halos.shape[0], -1, CHUNK, 4))
    x, y = (part + ops.zeros((halos.shape[0], 1), x.dtype) for part in (x, y))

    def add(k: Any, sums: tuple[Any, Any]) -> tuple[Any, Any]:
        ax, ay = sums
        part = ops.take(chunks, k, axis=1)
        for i in range(CHUNK):
            dx, dy = x - part[:, i, 0:1], y - part[:, i, 1:2]
            scale = part[:, i, 2:3] / (dx * dx + dy * dy + part[:, i, 3:4] + 1e-12)
            ax, ay = ax + scale * dx, ay + scale * dy
        return ax, ay

    start = (ops.zeros_like(x), ops.zeros_like(y))
    return ops.fori_loop(0, (number + spare) // CHUNK, add, start)


def source_position(
    x, y, arrays: Mapping[str, Any], before: int, main: Callable[..., tuple[Any, Any]]
) -> tuple[Any, Any]:
    """Trace rays through all planes to the source, (batch, n) each [arcsec].

    Args:
        x, y: positions in the image, (1 or batch, n) [arcsec].
        arrays: with ``plane_distance`` (batch, planes), comoving, of that of the source;
            ``halos_k`` of each plane but the lens's, see :func:`halo_deflection`; ``plane_sheet``
            (batch, planes - 1), the convergence of their mean, which is taken off.
        before: planes in front of the lens.
        main: ``main(x, y)``, the deflection of the lens.
    """
    distance = arrays["plane_distance"]
    deflections: list[tuple[Any, Any]] = []
    for j in range(distance.shape[1]):
        bx, by = _at(x, y, distance, deflections, distance[:, j : j + 1])
        if j == before:
            deflections.append(main(bx, by))
            continue
        k = j if j < before else j - 1
        ax, ay = halo_deflection(bx, by, arrays[f"halos_{k}"])
        sheet = arrays["plane_sheet"][:, k : k + 1]
        deflections.append((ax - sheet * bx, ay - sheet * by))
    return _at(x, y, distance, deflections, ops.ones_like(distance[:, :1]))


def _at(x, y, distance, deflections: Sequence[tuple[Any, Any]], plane) -> tuple[Any, Any]:
    """Where rays meet a plane, behind those that have deflected them."""
    for i, (ax, ay) in enumerate(deflections):
        own = distance[:, i : i + 1]
        weight = (1.0 - own / plane) / (1.0 - own)
        x, y = x - weight * ax, y - weight * ay
    return x, y
