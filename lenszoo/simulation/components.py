"""Components of a scene: light profiles of galaxies, stars and lensed sources.

A scene of many galaxies is a list of components, each one profile with its flux in every band.
:func:`banks` packs them into arrays of fixed size, one a profile, so that one compiled program
serves all scenes; empty slots have no flux.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from lenszoo.simulation.shine import LANE

# parameters of each profile, in the order of lenszoo.simulation.shine, and values of an empty slot
PARAMETERS: Mapping[str, Mapping[str, float]] = {
    "sersic": {"r_eff": 1.0, "index": 1.0, "e1": 0.0, "e2": 0.0, "core": 0.1},
    "source": {"r_eff": 1.0, "index": 1.0, "e1": 0.0, "e2": 0.0, "core": 0.1},
    "arms": {
        "scale": 1.0,
        "e1": 0.0,
        "e2": 0.0,
        "arms": 2.0,
        "winding": 1.0,
        "phase": 0.0,
        "sharpness": 1.0,
        "clumps": 0.0,
    },
    "ring": {
        "radius": 1.0,
        "width": 1.0,
        "e1": 0.0,
        "e2": 0.0,
        "lopsidedness": 0.0,
        "phase": 0.0,
        "clumps": 0.0,
    },
    "edge_on": {"scale": 1.0, "height": 1.0, "cosine": 1.0, "sine": 0.0, "dust": 0.0},
    "star": {},
}


@dataclass(frozen=True)
class Component:
    """One light profile.

    Attributes:
        profile: "sersic", "arms", "ring", "edge_on", "star", or "source", a Sersic profile behind
            the lens.
        x, y: centre [arcsec]; of a source, in the source plane, from the lens.
        flux: total flux in every band, (bands,).
        parameters: of the profile, named as in :data:`PARAMETERS`.
    """

    profile: str
    x: float
    y: float
    flux: np.ndarray
    parameters: Mapping[str, float]


def columns(profile: str) -> tuple[str, ...]:
    """Columns of a bank by name; the fluxes follow, one column a band."""
    return ("x", "y", *(() if profile == "star" else ("amplitude",)), *PARAMETERS[profile])


def sersic_b(index: float) -> float:
    """``b_n`` of a Sersic profile (Capaccioli 1989)."""
    return 1.9992 * index - 0.3271


def light_within(radius: float, r_eff: float, index: float) -> float:
    """Fraction of a Sersic profile's light within ``radius`` [arcsec]."""
    return float(special.gammainc(2 * index, sersic_b(index) * (radius / r_eff) ** (1 / index)))


def sersic_brightness(radius: float, r_eff: float, index: float) -> float:
    """Brightness of a Sersic profile of unit flux at ``radius`` [arcsec], per arcsec^2."""
    b = sersic_b(index)
    at_r_eff = b ** (2 * index) / (
        2 * math.pi * index * r_eff**2 * math.exp(b) * math.gamma(2 * index)
    )
    return at_r_eff * math.exp(-b * ((radius / r_eff) ** (1 / index) - 1))


def _sersic_amplitude(p: Mapping[str, float]) -> float:
    """Amplitude of unit flux: a flattened cusp has the light of the true one outside the core."""
    outside = 1.0 - light_within(p["core"], p["r_eff"], p["index"])
    return sersic_brightness(p["r_eff"], p["r_eff"], p["index"]) / outside


_T = np.linspace(0.0, 40.0, 40001)
# integral of R exp(-R) (1 - exp(-R^2)) dR, and of exp(-t) sqrt(1 + pi t / 2) dt
_ARMS = float(np.trapezoid(_T * np.exp(-_T) * (1 - np.exp(-_T * _T)), _T))
_EDGE_ON = float(np.trapezoid(np.exp(-_T) * np.sqrt(1 + 0.5 * np.pi * _T), _T))
_LANE = float(np.trapezoid(np.exp(-((_T / LANE) ** 2)) / np.cosh(_T) ** 2, _T))


def _arms_amplitude(p: Mapping[str, float]) -> float:
    mean = special.ive(0, p["sharpness"])  # mean of exp(k (cos - 1)) over the azimuth
    return 1.0 / (2 * math.pi * _ARMS * p["scale"] ** 2 * mean)


def _ring_amplitude(p: Mapping[str, float]) -> float:
    r, w = p["radius"], p["width"]
    across = w * w * math.exp(-0.5 * (r / w) ** 2)
    across += r * w * math.sqrt(math.pi / 2) * (1 + math.erf(r / w / math.sqrt(2)))
    return 1.0 / (2 * math.pi * across)


def _edge_on_amplitude(p: Mapping[str, float]) -> float:
    across = 2.0 * p["height"] * (1.0 - p["dust"] * _LANE)
    return 1.0 / (2.0 * p["scale"] * _EDGE_ON * across)


_AMPLITUDES = {
    "sersic": _sersic_amplitude,
    "source": _sersic_amplitude,
    "arms": _arms_amplitude,
    "ring": _ring_amplitude,
    "edge_on": _edge_on_amplitude,
}


def banks(
    components: Sequence[Component], slots: Mapping[str, int], n_bands: int
) -> dict[str, np.ndarray]:
    """Pack components into one array a profile.

    Args:
        components: in any order, no more of a profile than its slots.
        slots: rows of the array of each profile.
        n_bands: bands of the fluxes.

    Returns:
        By profile, (slots, columns + bands) float32, columns as :func:`columns` names them.

    Raises:
        ValueError: more components of a profile than slots.
    """
    packed = {}
    for profile, room in slots.items():
        chosen = [c for c in components if c.profile == profile]
        if len(chosen) > room:
            raise ValueError(f"{len(chosen)} components of profile {profile}, room for {room}")
        empty = [0.0] * (len(columns(profile)) - len(PARAMETERS[profile]))
        bank = np.zeros((room, len(columns(profile)) + n_bands), np.float32)
        bank[:, :-n_bands] = [*empty, *PARAMETERS[profile].values()]
        for row, c in zip(bank, chosen, strict=False):
            amplitude = () if profile == "star" else (_AMPLITUDES[profile](c.parameters),)
            own = (c.parameters[name] for name in PARAMETERS[profile])
            row[:] = [c.x, c.y, *amplitude, *own, *c.flux]
        packed[profile] = bank
    return packed
