"""Non-lenses that resemble lenses: spirals, rings, mergers, companions, edge-on discs, stars.

Each is a list of components built around the lens system that its scene drew: the central galaxy
is that lens galaxy or has its brightness and redshift, and the blue light is about as bright, and
as far out, as the arcs of the source would be. Classes then differ in shape more than in brightness
and colour.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lenszoo.simulation import colours
from lenszoo.simulation.components import Component
from lenszoo.simulation.lens_systems import Galaxy, LensSystem, bounded_power
from lenszoo.simulation.scene import ellipticity
from lenszoo.simulation.survey import Survey, magnitude

# slots of each profile: a central galaxy of two parts, a second one, companions and field
SLOTS = {"sersic": 10, "source": 3, "arms": 1, "ring": 1, "edge_on": 1, "star": 3}
MAX_FIELD = 5  # galaxies of the field
_MAX_COMPANIONS = 3


def core(survey: Survey) -> float:
    """Radius within which cusps are flattened for the survey's grid to sample them [arcsec]."""
    return 0.7 * survey.pixel_scale / survey.supersampling


def _rescaled(galaxy: Galaxy, factor: float, **changed: float) -> Galaxy:
    return replace(galaxy, flux=galaxy.flux * factor, **changed)


def _with_colour(flux: np.ndarray, colour: np.ndarray, survey: Survey) -> np.ndarray:
    """Flux in every band with this colour and the same sum over the bands."""
    unit = colours.fluxes(25.0, colour, survey.names)
    return unit * (flux.sum() / unit.sum())


def _blue(rng: np.random.Generator, s: LensSystem, survey: Survey, scatter: float) -> np.ndarray:
    """Draw the flux of blue light, near that of the arcs, with their colour or another one."""
    colour = s.source_colour
    if rng.random() < 0.5:
        colour = colours.star_forming(rng, rng.uniform(0.3, 1.2))
    return _with_colour(s.arc_flux, colour, survey) * math.exp(rng.normal(0.0, scatter))


def elliptical(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw the lens galaxy alone; a third of them with a disc."""
    if rng.random() > 0.35:
        return [s.lens.component(s.x, s.y, core(survey))]
    share = rng.uniform(0.3, 0.7)
    inner = _rescaled(s.lens, 1 - share, r_eff=0.6 * s.lens.r_eff)
    outer = _rescaled(s.lens, share, r_eff=1.3 * s.lens.r_eff, index=1.0)
    return [g.component(s.x, s.y, core(survey)) for g in (inner, outer)]


def companion(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw the lens galaxy with one to three blue galaxies where arcs would be.

    Half of them are elongated along the tangent, and two or three lie around the galaxy as lensed
    images do.
    """
    components = elliptical(rng, s, survey)
    n = int(rng.choice(_MAX_COMPANIONS, p=(0.4, 0.35, 0.25))) + 1
    shares = rng.dirichlet(np.full(n, 3.0))
    blue, turn = _blue(rng, s, survey, 0.35), rng.uniform(0.0, 2 * math.pi)
    for k, share in enumerate(shares):
        radius = s.einstein_radius * rng.uniform(0.8, 1.6)
        turn += rng.uniform(0.6, 2.0) * math.pi / n if k else 0.0
        tangent = turn + math.pi / 2 + rng.normal(0.0, 0.3)
        angle = tangent if rng.random() < 0.5 else rng.uniform(0.0, math.pi)
        galaxy = Galaxy(
            blue * share,
            min(max(0.32 * math.exp(rng.normal(0.0, 0.4)), 0.12), 0.8),
            rng.uniform(0.7, 2.0),
            *ellipticity(rng.uniform(0.25, 0.9), angle),
        )
        x, y = s.x + radius * math.cos(turn), s.y + radius * math.sin(turn)
        components.append(galaxy.component(x, y, core(survey)))
    return components


def spiral(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw a red bulge, a disc and two to four blue arms, mostly near face on."""
    e1, e2 = ellipticity(rng.uniform(0.45, 1.0), rng.uniform(0.0, math.pi))
    scale = s.einstein_radius * rng.uniform(0.4, 0.85)
    bulge = _rescaled(s.lens, rng.uniform(0.25, 0.8), r_eff=rng.uniform(0.3, 0.6) * s.lens.r_eff)
    disc = _with_colour(s.lens.flux, colours.disc(rng, s.z_lens), survey) * rng.uniform(0.2, 0.8)
    arms = {
        "scale": scale,
        "e1": e1,
        "e2": e2,
        "arms": float(rng.choice((2, 3, 4), p=(0.66, 0.17, 0.17))),
        "winding": float(rng.choice((-1, 1)) / math.tan(math.radians(rng.uniform(11.0, 34.0)))),
        "phase": rng.uniform(0.0, 2 * math.pi),
        "sharpness": rng.uniform(1.0, 5.0),
        "clumps": rng.uniform(0.1, 0.8),
    }
    blue = _blue(rng, s, survey, 0.35) * 1.3
    return [
        bulge.component(s.x, s.y, core(survey)),
        Galaxy(disc, 1.678 * scale, 1.0, e1, e2).component(s.x, s.y, core(survey)),
        Component("arms", s.x, s.y, blue, arms),
    ]


def ring(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw a red core with a detached blue ring, as in Hoag's object; some with a disc."""
    e1, e2 = ellipticity(rng.uniform(0.55, 1.0), rng.uniform(0.0, math.pi))
    radius = s.einstein_radius * rng.uniform(0.8, 1.35)
    around = {
        "radius": radius,
        "width": radius * rng.uniform(0.07, 0.28),
        "e1": e1,
        "e2": e2,
        "lopsidedness": rng.uniform(0.0, 0.6),
        "phase": rng.uniform(0.0, 2 * math.pi),
        "clumps": rng.uniform(0.1, 0.8),
    }
    components = [
        _rescaled(s.lens, rng.uniform(0.6, 1.0), r_eff=0.7 * s.lens.r_eff).component(
            s.x, s.y, core(survey)
        ),
        Component("ring", s.x, s.y, _blue(rng, s, survey, 0.35), around),
    ]
    if rng.random() < 0.4:
        disc = _with_colour(s.lens.flux, colours.disc(rng, s.z_lens), survey)
        galaxy = Galaxy(disc * rng.uniform(0.1, 0.4), radius, 1.0, e1, e2)
        components.append(galaxy.component(s.x, s.y, core(survey)))
    return components


def merger(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw two galaxies close together, with tidal tails about as bright as the arcs."""
    separation, turn = rng.uniform(0.5, 1.3) * s.einstein_radius + 0.3, rng.uniform(0.0, 2 * np.pi)
    share = rng.uniform(0.2, 0.5)
    red = rng.random() < 0.5
    colour = (colours.early_type if red else colours.disc)(rng, s.z_lens)
    second = Galaxy(
        _with_colour(s.lens.flux * share, colour, survey),
        s.lens.r_eff * rng.uniform(0.4, 1.0),
        4.0 if red else 1.2,
        *ellipticity(rng.uniform(0.5, 1.0), rng.uniform(0.0, math.pi)),
    )
    tails = {
        "scale": rng.uniform(0.35, 0.7) * s.einstein_radius + 0.2,
        "arms": float(rng.choice((1, 2), p=(0.6, 0.4))),
        "winding": float(rng.choice((-1, 1)) / math.tan(math.radians(rng.uniform(22.0, 55.0)))),
        "phase": rng.uniform(0.0, 2 * math.pi),
        "sharpness": rng.uniform(2.0, 9.0),
        "clumps": 0.0,
    }
    tails["e1"], tails["e2"] = ellipticity(rng.uniform(0.5, 1.0), rng.uniform(0.0, math.pi))
    x, y = s.x + separation * math.cos(turn), s.y + separation * math.sin(turn)
    return [
        _rescaled(s.lens, 1 - 0.7 * share).component(s.x, s.y, core(survey)),
        second.component(x, y, core(survey)),
        Component("arms", s.x, s.y, _blue(rng, s, survey, 0.5), tails),
    ]


def edge_on(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw an edge-on disc with a small bulge."""
    angle = rng.uniform(0.0, math.pi)
    scale = rng.uniform(0.25, 0.5) * (s.einstein_radius + 0.5)
    disc = _with_colour(s.lens.flux, colours.disc(rng, s.z_lens), survey) * rng.uniform(0.5, 0.9)
    thin = {
        "scale": scale,
        "height": max(0.12, scale * rng.uniform(0.1, 0.25)),
        "cosine": math.cos(angle),
        "sine": math.sin(angle),
        "dust": rng.uniform(0.0, 0.7),
    }
    e1, e2 = ellipticity(rng.uniform(0.5, 0.8), angle)
    bulge = _rescaled(s.lens, rng.uniform(0.05, 0.45), r_eff=0.4 * scale, index=2.0, e1=e1, e2=e2)
    return [
        bulge.component(s.x, s.y, core(survey)),
        Component("edge_on", s.x, s.y, disc + 0.5 * _blue(rng, s, survey, 0.5), thin),
    ]


def star(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw a star at least as bright as the lens galaxy; half of them with one or two more."""
    components = []
    r = float(magnitude(s.lens.flux.mean())) - 1.5 * rng.random()
    others = int(rng.choice(3, p=(0.5, 0.35, 0.15)))
    for k in range(others + 1):
        turn, radius = rng.uniform(0.0, 2 * math.pi), s.einstein_radius * rng.uniform(0.7, 1.5)
        radius *= k > 0  # the first star is the central one
        x, y = s.x + radius * math.cos(turn), s.y + radius * math.sin(turn)
        flux = colours.fluxes(r + k * rng.uniform(0.5, 2.0), colours.star(rng), survey.names)
        components.append(Component("star", x, y, flux, {}))
    return components


def pair(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw two to four point sources, as far apart as lensed images; half around a galaxy.

    A third of them are quasars, the others stars. Each has a colour of its own, by which alone some
    of them differ from a lensed quasar.
    """
    components = []
    if rng.random() < 0.5:
        galaxy = _rescaled(s.lens, rng.uniform(0.2, 1.0))
        components.append(galaxy.component(s.x, s.y, core(survey)))
    n = int(rng.choice(3, p=(0.6, 0.25, 0.15))) + 2
    r, turn = bounded_power(rng, 16.5, 21.5, 0.2), rng.uniform(0.0, 2 * math.pi)
    for k in range(n):
        radius = s.einstein_radius * rng.uniform(0.5, 1.5)
        turn += math.pi + rng.normal(0.0, 0.6) if k else 0.0
        colour = colours.quasar(rng) if rng.random() < 0.35 else colours.star(rng)
        flux = colours.fluxes(r + rng.uniform(0.0, 2.5) * (k > 0), colour, survey.names)
        x, y = s.x + radius * math.cos(turn), s.y + radius * math.sin(turn)
        components.append(Component("star", x, y, flux, {}))
    return components


KINDS: dict[str, Callable[[np.random.Generator, LensSystem, Survey], list[Component]]] = {
    "elliptical": elliptical,
    "spiral": spiral,
    "ring": ring,
    "merger": merger,
    "companion": companion,
    "edge_on": edge_on,
    "star": star,
    "pair": pair,
}


def field(
    rng: np.random.Generator,
    survey: Survey,
    *,
    crowding: float = 1.0,
    red: float = 0.2,
    most: int = MAX_FIELD,
) -> list[Component]:
    """Draw field galaxies: 1.75 per 100 arcsec^2 to r = 26 mag, most of them blue.

    Counts grow as 10^(0.33 m) (as in Capak et al. 2007, arXiv:0704.2430), so most are faint.

    Args:
        rng: of the scene.
        survey: the camera.
        crowding: factor on their number.
        red: share of early types among those of redshift below 0.8.
        most: largest number.
    """
    half = 0.5 * survey.pixels * survey.pixel_scale
    components = []
    for _ in range(min(most, rng.poisson(crowding * 0.028 * 4 * half * half / 1.6))):
        r = bounded_power(rng, 19.0, 26.0, 0.33)
        z = min(max(rng.normal(0.5 + 0.12 * (r - 21.0), 0.25), 0.1), 2.5)
        early = rng.random() < red and z < 0.8
        colour = colours.early_type(rng, z) if early else colours.star_forming(rng, z)
        size = 0.45 * 10 ** (-0.09 * (r - 21.0) + rng.normal(0.0, 0.15))
        galaxy = Galaxy(
            colours.fluxes(r, colour, survey.names),
            max(size, 0.08),
            3.5 if early else rng.uniform(0.7, 1.8),
            *ellipticity(rng.uniform(0.3, 1.0), rng.uniform(0.0, math.pi)),
        )
        x, y = rng.uniform(-half, half, 2)
        components.append(galaxy.component(x, y, core(survey)))
    return components


def group(rng: np.random.Generator, s: LensSystem, survey: Survey, most: int) -> list[Component]:
    """Draw one to ``most`` fainter early types at the redshift of the lens, around it."""
    components = []
    for _ in range(1 + min(rng.poisson(1.6), most - 1)):
        fainter = rng.uniform(0.3, 3.5)
        flux = _with_colour(s.lens.flux, colours.early_type(rng, s.z_lens), survey)
        size = s.lens.r_eff * 10 ** (-0.16 * fainter) * math.exp(rng.normal(0.0, 0.25))
        galaxy = Galaxy(
            flux * 10 ** (-0.4 * fainter),
            min(max(size, 0.15), 2.0),
            min(max(rng.normal(3.0, 0.8), 1.0), 5.0),
            *ellipticity(rng.uniform(0.45, 1.0), rng.uniform(0.0, math.pi)),
        )
        radius, turn = 0.8 + abs(rng.normal(0.0, 4.0)), rng.uniform(0.0, 2 * math.pi)
        x, y = s.x + radius * math.cos(turn), s.y + radius * math.sin(turn)
        components.append(galaxy.component(x, y, core(survey)))
    return components
