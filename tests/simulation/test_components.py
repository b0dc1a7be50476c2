import dataclasses

import numpy as np
import pytest
from component_scenes import PROFILES, UGRI, brightness, total
from keras import ops

from lenszoo.simulation.components import Component, banks, light_within
from lenszoo.simulation.non_lenses import SLOTS
from lenszoo.simulation.presets.lens_finding import KIDS

WIDE = dataclasses.replace(KIDS, pixels=200, margin=0)


@pytest.mark.parametrize("case", PROFILES)
def test_profiles_have_the_flux_they_are_given(case):
    profile, parameters = PROFILES[case]
    for x, y in ((0.0, 0.0), (0.031, -0.044)):  # wherever the grid falls on the cusp
        layers, _ = brightness([Component(profile, x, y, UGRI, parameters)], WIDE)
        seen = total(layers, WIDE)
        within = light_within(20.0, 0.8, parameters.get("index", 1.0))
        assert within > 0.98
        np.testing.assert_allclose(seen, UGRI * within, rtol=0.01)


def test_too_many_components_are_an_error():
    star = Component("star", 0.0, 0.0, UGRI, {})
    with pytest.raises(ValueError, match="4 components of profile star, room for 3"):
        banks([star] * 4, SLOTS, 4)


def test_bright_arms_are_where_the_spiral_is():
    """Arms where 2 phi - 2 w ln R is the phase, and next to nothing between them."""
    parameters = PROFILES["two arms"][1] | {"e1": 0.0, "e2": 0.0, "clumps": 0.0}
    layers, _ = brightness([Component("arms", 0.0, 0.0, UGRI, parameters)])
    x, y = KIDS.grid()
    r = np.hypot(x, y)[0] / parameters["scale"]
    light = ops.convert_to_numpy(layers["light"])[0, 0]
    turn = 2 * np.arctan2(y, x)[0] - 2 * parameters["winding"] * np.log(r) - parameters["phase"]
    ring = (r > 1.0) & (r < 1.2)
    on, off = ring & (np.cos(turn) > 0.9), ring & (np.cos(turn) < -0.9)
    assert light[on].mean() > 100 * light[off].mean()
