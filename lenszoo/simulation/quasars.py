"""Lensed quasars: the images of a point source behind a lens galaxy."""

import math

import numpy as np

from lenszoo.simulation import colours
from lenszoo.simulation.components import Component
from lenszoo.simulation.lens_systems import LensSystem, bounded_power
from lenszoo.simulation.paint_lens import Lens, image_positions
from lenszoo.simulation.survey import Survey

MOST_IMAGES = 4
_BRIGHT, _FAINT, _SLOPE = 17.0, 23.0, 0.35  # unlensed r [mag], and log10 of the counts a magnitude
_SECOND = 21.5  # r of the second brightest image, at least, before microlensing [mag]
_MICROLENSING = 0.25  # scatter of ln(flux) of an image, and of its colours below
_COLOURS = 0.04


def quasar_images(rng: np.random.Generator, s: LensSystem, survey: Survey) -> list[Component]:
    """Draw a quasar in the place of the source of a system: its images, as stars.

    Positions solve the lens equation and fluxes are those of their magnifications, with scatter as
    by microlensing. Before that scatter two images at least are brighter than r = 21.5 mag.

    Returns:
        Two to four stars; none where the source has a single image.
    """
    lens = Lens(s.einstein_radius, s.lens_e1, s.lens_e2, s.gamma1, s.gamma2)
    places = image_positions(lens, s.source_x, s.source_y)[:MOST_IMAGES]
    if len(places) < 2:
        return []
    boost = _magnifications(lens, places)
    second = float(np.sort(boost)[-2])
    limit = min(max(_SECOND + 2.5 * math.log10(second), _BRIGHT + 0.1), _FAINT)
    r = bounded_power(rng, _BRIGHT, limit, _SLOPE)
    unit = colours.fluxes(r, colours.quasar(rng), survey.names)
    stars = []
    for (x, y), magnification in zip(places, boost, strict=True):
        scatter = rng.normal(0.0, _MICROLENSING) + rng.normal(0.0, _COLOURS, len(unit))
        flux = unit * magnification * np.exp(scatter)
        stars.append(Component("star", s.x + float(x), s.y + float(y), flux, {}))
    return stars


def _magnifications(lens: Lens, places: np.ndarray) -> np.ndarray:
    """Magnification of a point source at its images (k, 2), at most 30."""
    h = 1e-4 * lens.einstein_radius
    x, y = places[:, :1], places[:, 1:]
    ax, ay = lens.deflection(x + np.array([h, -h, 0.0, 0.0]), y + np.array([0.0, 0.0, h, -h]))
    xx, yx = 1 - (ax[:, 0] - ax[:, 1]) / (2 * h), -(ay[:, 0] - ay[:, 1]) / (2 * h)
    xy, yy = -(ax[:, 2] - ax[:, 3]) / (2 * h), 1 - (ay[:, 2] - ay[:, 3]) / (2 * h)
    return np.minimum(1.0 / np.maximum(np.abs(xx * yy - xy * yx), 1e-6), 30.0)
