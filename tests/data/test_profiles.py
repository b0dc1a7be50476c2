"""Moments, growth curves and half turns of Gaussians, whose values are known in closed form."""

import numpy as np
import pytest

from lenszoo.data.profiles import asymmetry, centroids, ellipticities, growth_curves

SIDE = 61
MIDDLE = (SIDE - 1) / 2


def gaussian(sigma=4.0, q=1.0, dy=0.0, dx=0.0, flux=1000.0):
    """A Gaussian of axis ratio q along x, sampled at the pixels, as a stack of one."""
    y, x = np.mgrid[:SIDE, :SIDE] - MIDDLE
    r2 = q * (x - dx) ** 2 + (y - dy) ** 2 / q
    image = flux / (2 * np.pi * sigma**2) * np.exp(-r2 / (2 * sigma**2))
    return image[None].astype(np.float32)


def distances(y=MIDDLE, x=MIDDLE):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - y, columns - x)[None]


@pytest.mark.parametrize(("dy", "dx"), [(0.0, 0.0), (0.3, -1.2), (-2.4, 1.7)])
def test_the_window_follows_the_centroid(dy, dx):
    y, x = centroids(gaussian(3.0, dy=dy, dx=dx), sigma=6.0)
    assert (y[0] - MIDDLE, x[0] - MIDDLE) == pytest.approx((dy, dx), abs=0.05)


def test_without_light_or_far_from_the_middle_the_centre_is_the_middle():
    for image in (np.zeros((1, SIDE, SIDE), np.float32), gaussian(1.5, dy=25.0)):
        with np.errstate(invalid="ignore"):
            y, x = centroids(image, sigma=4.0)
        assert (y[0], x[0]) == (MIDDLE, MIDDLE)


@pytest.mark.parametrize("q", [1.0, 0.8, 0.5])
def test_the_window_is_taken_out_of_the_ellipticity(q):
    middle = np.array([MIDDLE], np.float32)
    found = ellipticities(gaussian(q=q), middle, middle, np.array([6.0]))
    assert found[0] == pytest.approx(1 - q, abs=0.01)


def test_a_growth_curve_is_the_integral_of_its_gaussian():
    middle = np.array([MIDDLE], np.float32)
    curve = growth_curves(gaussian(), middle, middle, distances())
    radius = 0.25 * np.arange(curve.light.shape[1])
    within = 1000 * (1 - np.exp(-(radius**2) / (2 * 4**2)))
    np.testing.assert_allclose(curve.light[0], within, atol=10)  # 1 % of the light
    assert curve.total[0] == pytest.approx(1000, rel=0.01)
    assert curve.radius_of(0.5)[0] == pytest.approx(4 * np.sqrt(2 * np.log(2)), rel=0.02)


def test_a_half_turn_about_any_centre_leaves_a_gaussian_as_it_is():
    y, x = np.array([MIDDLE + 0.3]), np.array([MIDDLE - 0.7])
    image = gaussian(dy=0.3, dx=-0.7)
    found = asymmetry(image, y, x, distances(y[0], x[0]), np.array([15.0]), np.zeros(1))
    assert abs(found[0]) < 0.005
    pair = image + gaussian(2.0, dx=8.0, flux=200.0)
    found = asymmetry(pair, y, x, distances(y[0], x[0]), np.array([15.0]), np.zeros(1))
    assert found[0] == pytest.approx(2 * 200 / 1200, abs=0.05)


def test_noise_alone_is_no_asymmetry():
    noise = np.random.default_rng(0).normal(0, 2, (200, SIDE, SIDE)).astype(np.float32)
    n = len(noise)
    centre, extent = np.full(n, MIDDLE), np.full(n, 20.0)
    r = np.repeat(distances(), n, axis=0)
    found = asymmetry(noise, centre, centre, r, extent, np.full(n, 2.0))
    assert abs(found.mean()) < 0.02
