import numpy as np
import pytest
from keras import ops
from scipy import stats

from lenszoo.simulation.substructure import power_law_masses, subhalos, vortex
from lenszoo.simulation.trace import point_mass_deflection


def deflection(masses, x, y):
    """Complex deflection of point masses at (x, y)."""
    px, py, theta_e2 = (np.float32(masses)[None, :, k] for k in range(3))
    ax, ay = point_mass_deflection(np.float32([x]), np.float32([y]), px, py, theta_e2)
    return ops.convert_to_numpy(ax)[0] + 1j * ops.convert_to_numpy(ay)[0]


@pytest.mark.parametrize("slope", [-0.9, -1.9])
def test_masses_follow_their_power_law(slope):
    masses = power_law_masses(np.random.default_rng(0), 50_000, slope, 1e6, 1e10)
    assert masses.min() >= 1e6 and masses.max() <= 1e10
    a, b = 1e6 ** (slope + 1), 1e10 ** (slope + 1)
    assert stats.kstest(masses, lambda m: (m ** (slope + 1) - a) / (b - a)).pvalue > 1e-3
    # the slope of dN/dm, from counts in two decades
    low, high = ((masses > m) & (masses < 10 * m) for m in (1e7, 1e8))
    assert np.log10(high.sum() / low.sum()) == pytest.approx(slope + 1, abs=0.03)


def test_subhalos_are_uniform_in_radius_and_angle():
    points = subhalos(np.random.default_rng(1), np.full(20_000, 0.01), 0.25, 2.0)
    r, angle = np.hypot(*points.T[:2]), np.arctan2(points[:, 1], points[:, 0])
    assert stats.kstest(r, "uniform", (0.25, 1.75)).pvalue > 1e-3
    assert stats.kstest(angle, "uniform", (-np.pi, 2 * np.pi)).pvalue > 1e-3
    assert (points[:, 2] == 0.01).all()


def test_a_short_vortex_is_a_point_mass():
    x, y = np.array([0.5, -1.0, 0.2]), np.array([0.3, 0.4, -1.5])
    line = vortex(25, 0.05, 1e-4, angle=0.7, x=0.1, y=-0.2)
    point = np.array([[0.1, -0.2, 0.05]])
    np.testing.assert_allclose(deflection(line, x, y), deflection(point, x, y), rtol=1e-4)


def test_a_fine_vortex_is_a_rod():
    """A rod along phi: alpha* = m / 2L exp(-i phi) log((w + L) / (w - L)), w = z exp(-i phi)."""
    x, y = np.array([0.5, -1.0, 0.2, 2.0]), np.array([0.3, 0.4, -1.5, 1.0])
    length, angle, mass = 0.8, 0.6, 0.05
    w = (x + 1j * y) * np.exp(-1j * angle)
    rod = mass / (2 * length) * np.exp(-1j * angle) * np.log((w + length) / (w - length))
    line = vortex(400, mass, length, angle)
    np.testing.assert_allclose(deflection(line, x, y), rod.conj(), rtol=5e-3)


def test_a_vortex_is_a_straight_line_of_equal_masses():
    points = vortex(25, 0.05, 0.8, angle=0.6, x=0.3, y=-0.4)
    assert points[:, 2].sum() == pytest.approx(0.05)
    assert np.ptp(points[:, 2]) == 0
    steps = np.diff(points[:, :2], axis=0)
    np.testing.assert_allclose(steps, steps[:1].repeat(24, axis=0), atol=1e-12)
    assert np.hypot(*(points[-1] - points[0])[:2]) == pytest.approx(1.6)
    np.testing.assert_allclose(points[:, :2].mean(axis=0), [0.3, -0.4], atol=1e-12)
