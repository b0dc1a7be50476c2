import numpy as np
import pytest
from keras import ops

from lenszoo.simulation.scene import Scene, ellipticity, stack
from lenszoo.simulation.trace import ellipticity_to_axis_ratio


@pytest.mark.parametrize(("axis_ratio", "angle"), [(0.4, 0.3), (0.9, -1.2), (0.6, 1.5)])
def test_ellipticity_is_the_inverse_of_axis_ratio_and_angle(axis_ratio, angle):
    parameters = (np.float32([[e]]) for e in ellipticity(axis_ratio, angle))
    q, cosine, sine = (
        float(ops.convert_to_numpy(x)[0, 0]) for x in ellipticity_to_axis_ratio(*parameters)
    )
    assert q == pytest.approx(axis_ratio, rel=1e-5)
    assert np.arctan2(sine, cosine) == pytest.approx(angle, abs=1e-5)


def test_missing_point_masses_are_massless_and_far_away():
    keys = np.zeros((1, 2), np.uint32)
    scenes = [Scene({"sky": 1.0}, keys=keys), Scene({"sky": 2.0}, np.ones((2, 3)), keys)]
    arrays = stack(scenes, 2)
    assert arrays["sky"].tolist() == [[1.0], [2.0]] and arrays["sky"].dtype == np.float32
    assert arrays["point_theta_e2"].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert (np.abs(arrays["point_x"][0]) > 100).all()
    assert arrays["keys"].shape == (2, 1, 2)
