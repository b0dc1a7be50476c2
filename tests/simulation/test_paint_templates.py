import numpy as np
import pytest

from lenszoo.simulation.paint_templates import SEQUENCE, magnitudes, spectrum

SDSS = [(334, 384), (408, 532), (560, 674), (692, 816)]


def test_early_types_have_the_colours_of_luminous_red_galaxies():
    # Eisenstein et al. (2001, astro-ph/0108153), passive track
    for z, g_r, r_i in ((0.2, 1.25, 0.47), (0.4, 1.65, 0.67)):
        _, g, r, i = magnitudes(SDSS, z, 0.0)
        assert g - r == pytest.approx(g_r, abs=0.25)
        assert r - i == pytest.approx(r_i, abs=0.2)


def test_later_types_are_bluer():
    g_r = [np.subtract(*magnitudes(SDSS, 0.3, kind)[1:3]) for kind in range(len(SEQUENCE))]
    assert g_r == sorted(g_r, reverse=True)
    assert np.subtract(*magnitudes(SDSS, 1.0, 2.5, -0.5)[1:3]) < np.subtract(
        *magnitudes(SDSS, 1.0, 2.5)[1:3]
    )


def test_lyman_break_reddens():
    u_g = [np.subtract(*magnitudes(SDSS, z, 3.0)[:2]) for z in (2.0, 3.0, 3.6)]
    assert u_g[0] < 1.0 < u_g[1] < u_g[2]
    assert magnitudes([(80.0, 90.0)], 3.0, 3.0)[0] == 60.0


def test_flat_spectrum_has_one_ab_magnitude(monkeypatch):
    from lenszoo.simulation import paint_templates

    # f_nu constant is f_lambda as lambda^-2
    flat = paint_templates.WAVELENGTH**-2.0
    monkeypatch.setattr(paint_templates, "spectrum", lambda kind, tilt: flat)
    values = magnitudes([(400.0, 500.0), (700.0, 800.0)], 0.0, 0.0)
    assert values[0] == pytest.approx(values[1], abs=0.01)


def test_spectrum_between_templates():
    middle = spectrum(0.5)
    assert np.allclose(np.log(middle), 0.5 * np.log(spectrum(0.0) * spectrum(1.0)))
