"""Painted lenses that several tests look at, and those that were drawn for them."""

from lenszoo.simulation import PaintLaw
from lenszoo.simulation.paint_draw import Painter
from lenszoo.simulation.random import scene_generator

SMALL = PaintLaw(einstein_radius_arcsec=(0.8, 2.4))


def drawn(galaxies, law, seed, n):
    """Paintings as they were drawn, without pixels."""
    painter = Painter(galaxies, law, None)
    every = [painter.draw(scene_generator(seed, i), i % len(galaxies)) for i in range(n)]
    return [p for p in every if not isinstance(p, str)]
