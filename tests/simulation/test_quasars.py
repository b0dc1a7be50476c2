"""Lensed quasars: positions, magnifications and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from lenszoo.simulation.lens_systems import draw_system
from lenszoo.simulation.presets.lens_finding_surveys import _PS1_LAW, PS1
from lenszoo.simulation.quasars import quasar_images
from lenszoo.simulation.random import scene_generator

THETA_E, BETA = 2.0, 0.8


def sphere(offset):
    """An isothermal sphere at (0.3, -0.2) with a source to its right."""
    system = draw_system(scene_generator(3, 0), _PS1_LAW, PS1)
    round_lens = dict.fromkeys(("lens_e1", "lens_e2", "gamma1", "gamma2"), 0.0)
    place = {"x": 0.3, "y": -0.2, "source_x": offset, "source_y": 0.0}
    return replace(system, einstein_radius=THETA_E, **round_lens, **place)


def images(offset, n):
    drawn = [quasar_images(scene_generator(4, i), sphere(offset), PS1) for i in range(n)]
    return [sorted(stars, key=lambda star: star.x) for stars in drawn]


def test_images_of_a_sphere_are_where_and_as_bright_as_theory_says():
    drawn = images(BETA, 60)
    for stars in drawn:
        assert [star.profile for star in stars] == ["star", "star"]
        assert [star.x - 0.3 for star in stars] == pytest.approx([BETA - THETA_E, BETA + THETA_E])
        assert [star.y + 0.2 for star in stars] == pytest.approx([0.0, 0.0], abs=1e-6)
    ratio = np.array([stars[1].flux / stars[0].flux for stars in drawn])
    expected = (THETA_E / BETA + 1) / (THETA_E / BETA - 1)
    assert np.median(ratio) == pytest.approx(expected, rel=0.15)
    # an image differs from the next in brightness, hardly in colour
    colour = np.log(ratio[:, 0] / ratio[:, -1])
    assert colour.std() < 0.1 < np.log(ratio[:, 2]).std() < 0.6


def test_the_second_image_is_bright_enough_to_be_seen():
    flux = [np.sort([star.flux[1] for star in stars])[-2] for stars in images(BETA, 60)]
    second = 25 - 2.5 * np.log10(flux)
    assert np.quantile(second, 0.95) < 21.5 + 0.5


def test_a_source_with_one_image_is_no_lensed_quasar():
    assert images(1.5 * THETA_E, 1) == [[]]
