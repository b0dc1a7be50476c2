import numpy as np
import pytest
from component_scenes import PROFILES, UGRI, brightness, total
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel

from lenszoo.simulation.components import Component, light_within
from lenszoo.simulation.lens_systems import magnification
from lenszoo.simulation.presets.lens_finding import KIDS


def test_lensed_flux_is_the_magnification():
    """Against lenstronomy's rays on a grid ten times finer than ours."""
    lens = {"einstein_radius": 1.4, "lens_e1": 0.15, "lens_e2": -0.05, "gamma1": 0.03}
    shape = {"r_eff": 0.25, "index": 1.0, "e1": 0.1, "e2": 0.2}
    source = Component("source", 0.2, -0.15, UGRI, shape | {"core": 0.01})
    layers, _ = brightness([source], **lens)
    mass = {"theta_E": 1.4, "e1": 0.15, "e2": -0.05, "center_x": 0.0, "center_y": 0.0}
    model = LensModel(["SIE", "SHEAR"])
    axis = (np.arange(1200) + 0.5 - 600) * 0.01
    x, y = (g.ravel() for g in np.meshgrid(axis, axis))
    bx, by = model.ray_shooting(x, y, [mass, {"gamma1": 0.03, "gamma2": 0.0}])
    light = LightModel(["SERSIC_ELLIPSE"])
    kwargs = {"amp": 1.0, "R_sersic": 0.25, "n_sersic": 1.0, "e1": 0.1, "e2": 0.2}
    kwargs |= {"center_x": 0.2, "center_y": -0.15}
    lensed = light.surface_brightness(bx, by, [kwargs]).sum()
    fine = (np.arange(1200) + 0.5 - 600) * 0.005
    u, v = (g.ravel() for g in np.meshgrid(fine, fine))
    unlensed = light.surface_brightness(u, v, [kwargs]).sum() * 0.25
    expected = lensed / unlensed
    assert float(layers["magnification"][0]) == pytest.approx(expected, rel=0.015)
    np.testing.assert_allclose(total(layers, KIDS, "lensed"), expected * UGRI, rtol=0.015)
    assert magnification(0.25, 1.4, 0.25) == pytest.approx(expected, rel=0.25)


def test_arc_contrast_is_the_ratio_within_two_einstein_radii():
    galaxy = Component("sersic", 0.0, 0.0, UGRI, PROFILES["sersic 1"][1] | {"e1": 0.0, "e2": 0.0})
    source = Component("source", 0.1, 0.0, 0.1 * UGRI, {**PROFILES["sersic 1"][1], "r_eff": 0.15})
    layers, _ = brightness([galaxy, source], einstein_radius=1.0)
    inside = light_within(2.0, 0.8, 1.0)
    expected = 0.1 * float(layers["magnification"][0]) / inside
    assert float(layers["arc_contrast"][0]) == pytest.approx(expected, rel=0.03)


def test_arc_contrast_leaves_a_neighbour_of_the_lens_out():
    galaxy = Component("sersic", 0.1, 0.0, UGRI, PROFILES["sersic 1"][1])
    source = Component("source", 0.2, 0.0, 0.1 * UGRI, {**PROFILES["sersic 1"][1], "r_eff": 0.15})
    near = Component("sersic", 0.9, 0.4, UGRI, PROFILES["sersic 1"][1])
    lens = {"einstein_radius": 1.0, "lens_x": 0.1}
    contrasts = {
        len(galaxies): float(brightness([*galaxies, source], **lens)[0]["arc_contrast"][0])
        for galaxies in ([galaxy], [galaxy, near], [galaxy] * 2 + [near])
    }
    assert contrasts[2] == pytest.approx(contrasts[1])
    assert contrasts[3] == pytest.approx(contrasts[1] / 2)
