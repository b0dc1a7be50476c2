import math

import numpy as np
import pytest
from keras import ops
from lenstronomy.LightModel.light_model import LightModel

from lenszoo.simulation.presets.deeplense import sersic_flux
from lenszoo.simulation.shine import sersic


def brightness(x, y, *parameters):
    columns = [np.array([[p]], np.float32) for p in parameters]
    return ops.convert_to_numpy(sersic(np.float32(x), np.float32(y), *columns))


def fine_grid(half, n):
    axis = (np.arange(n) + 0.5 - n / 2) * (2 * half / n)
    x, y = np.meshgrid(axis, axis)
    return x.reshape(1, -1), y.reshape(1, -1), (2 * half / n) ** 2


@pytest.mark.parametrize(
    ("r_eff", "index", "e1", "e2"),
    [(0.25, 1.0, -0.1, 0.1), (0.5, 1.5, 0.3, 0.0), (0.8, 4.0, 0.0, -0.2), (0.3, 0.6, 0.0, 0.0)],
)
def test_sersic_agrees_with_lenstronomy(r_eff, index, e1, e2):
    x, y, _ = fine_grid(2.0, 150)
    theirs = LightModel(["SERSIC_ELLIPSE"]).surface_brightness(
        x,
        y,
        [
            {
                "amp": 20.0,
                "R_sersic": r_eff,
                "n_sersic": index,
                "e1": e1,
                "e2": e2,
                "center_x": 0.0,
                "center_y": 0.0,
            }
        ],
    )
    difference = np.abs(brightness(x, y, 20.0, r_eff, index, e1, e2) - theirs) / theirs.max()
    assert np.median(difference) <= 2e-6 and difference.max() <= 1e-4


@pytest.mark.parametrize(("index", "half"), [(1.0, 4.0), (1.5, 8.0)])
def test_total_flux_and_the_half_of_it(index, half):
    x, y, area = fine_grid(half, 1200)
    image = brightness(x, y, 3.0, 0.4, index, 0.2, -0.1).astype(np.float64)
    total = image.sum() * area
    assert total == pytest.approx(3.0 * sersic_flux(0.4, index), rel=2e-3)
    # the ellipse of half the light has the effective radius; b_n is good to about 1e-3
    bright = image[image > 3.0]
    assert bright.sum() * area / total == pytest.approx(0.5, abs=2e-3)


def test_brightness_at_the_effective_radius_is_the_amplitude():
    q = (1 - 0.3) / (1 + 0.3)
    along = 0.5 / math.sqrt(q)
    assert brightness([[along]], [[0.0]], 7.0, 0.5, 2.0, 0.3, 0.0) == pytest.approx(7.0, rel=1e-5)
    across = 0.5 * math.sqrt(q)
    assert brightness([[0.0]], [[across]], 7.0, 0.5, 2.0, 0.3, 0.0) == pytest.approx(7.0, rel=1e-5)
