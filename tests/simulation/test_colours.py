import numpy as np
import pytest

from lenszoo.simulation import colours
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.survey import magnitude


def draws(law, *arguments, n=400):
    return np.array([law(scene_generator(4, i), *arguments) for i in range(n)])


def test_early_types_scatter_about_the_passive_track():
    drawn = draws(colours.early_type, 0.3)
    steps = -np.diff(drawn, axis=1)  # u - g, g - r, r - i
    np.testing.assert_allclose(steps.mean(axis=0), [1.95, 1.50, 0.55], atol=0.02)
    np.testing.assert_allclose(steps.std(axis=0), [0.12, 0.06, 0.04], rtol=0.15)
    assert (drawn[:, 2] == 0.0).all()


def test_discs_are_bluer_than_early_types_and_star_forming_galaxies_bluer_still():
    g_i = [
        np.median(-np.diff(draws(law, 0.5)[:, [1, 3]], axis=1))
        for law in (colours.early_type, colours.disc, colours.star_forming)
    ]
    assert g_i[0] > g_i[1] > g_i[2]


def test_fluxes_have_the_magnitude_and_the_colour():
    colour = np.array([2.4, 1.0, 0.0, -0.5])
    bands = magnitude(colours.fluxes(21.0, colour, colours.UGRI))
    np.testing.assert_allclose(bands, 21.0 + colour)
    vis = float(magnitude(colours.fluxes(21.0, colour, ("VIS",))[0]))
    assert 20.5 < vis < 21.0  # between i and r
    assert colours.k_correction(0.45) == pytest.approx(0.625)


def test_red_fluxes_follow_from_those_in_r_and_i():
    """Within 0.1 mag of the templates' colours of an early type at redshift 0.4."""
    colour = np.array([3.5, 1.6, 0.0, -0.72])
    z, y = magnitude(colours.fluxes(20.0, colour, ("z", "y")))
    assert 20.0 - 0.72 - z == pytest.approx(0.37, abs=0.1)
    assert z - y == pytest.approx(0.18, abs=0.1)


def test_quasars_are_bluer_than_discs_and_some_are_reddened():
    g_i = -np.diff(draws(colours.quasar)[:, [1, 3]], axis=1)[:, 0]
    assert np.median(g_i) < np.median(-np.diff(draws(colours.disc, 0.4)[:, [1, 3]], axis=1))
    assert np.mean(g_i) > np.median(g_i)
