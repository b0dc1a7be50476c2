import numpy as np
import pytest
from keras import ops
from lenstronomy.LensModel.lens_model import LensModel

from lenszoo.simulation import trace

SIE = {"theta_E": 1.3, "e1": 0.12, "e2": -0.2, "center_x": 0.0, "center_y": 0.0}


def column(*values):
    """(1, n) float32."""
    return np.array([values], np.float32)


def numpy_of(pair):
    return tuple(ops.convert_to_numpy(part).astype(np.float64) for part in pair)


def sie(x, y, theta_e=1.3, e1=0.12, e2=-0.2):
    return numpy_of(trace.sie_deflection(x, y, column(theta_e), column(e1), column(e2)))


def points(x, y, masses):
    px, py, theta_e2 = (np.float32(masses)[None, :, k] for k in range(3))
    return numpy_of(trace.point_mass_deflection(x, y, px, py, theta_e2))


@pytest.fixture(scope="module")
def grid():
    """x and y (1, n): a 150 px grid of 0.05 arcsec."""
    axis = ((np.arange(150) - 74.5) * 0.05).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    return x.reshape(1, -1), y.reshape(1, -1)


def oracle(name, grid, **parameters):
    return LensModel([name]).alpha(*(g.astype(np.float64) for g in grid), [parameters])


def assert_deflections_agree(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a - b).max() <= 1e-4


@pytest.mark.parametrize(
    ("e1", "e2"), [(0.12, -0.2), (0.1, 0.0), (-0.3, 0.3), (0.0, 0.5), (0.01, 0.0)]
)
def test_sie_agrees_with_lenstronomy(grid, e1, e2):
    theirs = oracle("SIE", grid, **{**SIE, "e1": e1, "e2": e2})
    assert_deflections_agree(sie(*grid, e1=e1, e2=e2), theirs)


def test_sis_agrees_with_lenstronomy(grid):
    ours = numpy_of(trace.sis_deflection(*grid, column(1.3)))
    assert_deflections_agree(ours, oracle("SIS", grid, theta_E=1.3, center_x=0, center_y=0))


def test_shear_agrees_with_lenstronomy(grid):
    ours = numpy_of(trace.shear_deflection(*grid, column(0.07), column(-0.2)))
    assert_deflections_agree(ours, oracle("SHEAR", grid, gamma1=0.07, gamma2=-0.2))


def test_point_mass_agrees_with_lenstronomy(grid):
    ours = points(*grid, [[0.41, -0.83, 0.15**2]])
    theirs = oracle("POINT_MASS", grid, theta_E=0.15, center_x=0.41, center_y=-0.83)
    assert_deflections_agree(ours, theirs)


def test_sie_tends_to_the_sphere(grid):
    sphere = numpy_of(trace.sis_deflection(*grid, column(1.3)))
    differences = []
    for e in (1e-1, 1e-2, 1e-3):
        round_one = sie(*grid, e1=e, e2=0.0)
        differences.append(max(np.abs(a - b).max() for a, b in zip(round_one, sphere, strict=True)))
    assert differences[0] < 0.15 and differences[1] < 0.015 and differences[2] < 2e-3
    exactly_round = sie(*grid, e1=0.0, e2=0.0)
    for a, b in zip(exactly_round, sphere, strict=True):
        assert np.abs(a - b).max() < 2e-3


def test_sie_turns_with_its_angle(grid):
    """Turning ellipticity and positions by a quarter turns the deflection by a quarter."""
    x, y = grid
    ax, ay = sie(x, y, e1=0.2, e2=0.1)
    bx, by = sie(-y, x, e1=-0.2, e2=-0.1)
    assert np.abs(bx + ay).max() < 1e-5 and np.abs(by - ax).max() < 1e-5


def test_divergence_is_twice_the_convergence_and_there_is_no_curl():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-3, 3, (2, 1, 400)).astype(np.float32)
    far = np.hypot(x, y)[0] > 0.8
    x, y, h = x[:, far], y[:, far], np.float32(0.02)
    right, left = sie(x + h, y), sie(x - h, y)
    above, below = sie(x, y + h), sie(x, y - h)
    slope_x, slope_y = (
        [(a - b) / (2 * h) for a, b in zip(one, other, strict=True)]
        for one, other in ((right, left), (above, below))
    )
    e = np.hypot(0.12, -0.2)
    q, angle = (1 - e) / (1 + e), 0.5 * np.arctan2(-0.2, 0.12)
    major = np.cos(angle) * x + np.sin(angle) * y
    minor = np.cos(angle) * y - np.sin(angle) * x
    kappa = 1.3 / (2 * np.sqrt(q * major**2 + minor**2 / q))
    assert slope_x[0] + slope_y[1] == pytest.approx(2 * kappa, rel=5e-3)
    assert np.abs(slope_x[1] - slope_y[0]).max() < 1e-3


def test_mean_deflection_on_a_circle_counts_the_mass_inside():
    """Gauss: the mean radial deflection is theta_E^2 / R for points inside, 0 for those outside."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    x, y = (1.5 * f(angle)[None].astype(np.float32) for f in (np.cos, np.sin))
    ax, ay = points(x, y, [[0.4, 0.3, 0.04], [-0.7, 0.2, 0.01], [2.0, -2.5, 0.09]])
    radial = ax * np.cos(angle) + ay * np.sin(angle)
    assert radial.mean() == pytest.approx((0.04 + 0.01) / 1.5, abs=1e-6)


def test_massless_points_deflect_nothing(grid):
    filler = [1e3, 1e3, 0.0]
    alone = points(*grid, [[0.5, 0.5, 0.02]])
    padded = points(*grid, [[0.5, 0.5, 0.02], filler, filler])
    for a, b in zip(alone, padded, strict=True):
        np.testing.assert_array_equal(a, b)


def test_shear_has_no_convergence_and_the_sign_of_its_name():
    ax, ay = numpy_of(trace.shear_deflection(column(1, 0), column(0, 1), column(0.1), column(0.0)))
    np.testing.assert_allclose(ax, [[0.1, 0.0]], atol=1e-7)
    np.testing.assert_allclose(ay, [[0.0, -0.1]], atol=1e-7)


def test_nothing_is_infinite_at_the_centre():
    zero = column(0.0)
    for deflection in (
        sie(zero, zero),
        numpy_of(trace.sis_deflection(zero, zero, column(1.3))),
        points(zero, zero, [[0.0, 0.0, 0.1]]),
    ):
        assert np.isfinite(deflection).all() and np.abs(deflection).max() <= 1.31


def test_arctan_is_numpys_within_float32():
    z = np.concatenate([-np.logspace(-8, 8, 2000), [0.0, 1.0, -1.0], np.logspace(-8, 8, 2000)])
    ours = ops.convert_to_numpy(trace.arctan(z.astype(np.float32)))
    np.testing.assert_allclose(ours, np.arctan(z), rtol=3e-7)
