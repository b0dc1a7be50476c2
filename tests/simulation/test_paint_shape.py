import numpy as np
import pytest

from lenszoo.simulation.observe import FWHM_TO_SIGMA
from lenszoo.simulation.paint_shape import light_shapes


def gaussian(sigma, q, angle, x0=0.0, y0=0.0, psf=0.8, pixel=0.2, size=64):
    """A Gaussian galaxy of axis ratio q behind a Gaussian PSF, (H, W)."""
    axis = (np.arange(size) + 0.5 - size / 2) * pixel
    y, x = np.meshgrid(axis - y0, axis - x0, indexing="ij")
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    moments = turn @ np.diag([sigma**2 / q, sigma**2 * q]) @ turn.T
    inverse = np.linalg.inv(moments + np.eye(2) * (psf * FWHM_TO_SIGMA) ** 2)
    return np.exp(
        -0.5 * (inverse[0, 0] * x * x + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y * y)
    )


@pytest.mark.parametrize(("q", "angle"), [(0.5, 0.3), (0.7, -1.1), (0.9, 1.4)])
def test_shape_and_centre(q, angle):
    image = gaussian(0.6, q, angle, 0.3, -0.2)
    centre, shape = light_shapes(image[None], 0.2, np.array([0.8]))
    np.testing.assert_allclose(centre[0], (0.3, -0.2), atol=1e-3)
    size = (1 - q) / (1 + q)
    expected = size * np.array([np.cos(2 * angle), np.sin(2 * angle)])
    np.testing.assert_allclose(shape[0], expected, atol=0.01)


def test_without_light():
    centre, shape = light_shapes(np.zeros((1, 32, 32)), 0.2, np.array([0.8]))
    assert np.isfinite(centre).all() and np.isfinite(shape).all()
    assert np.abs(centre).max() < 0.01


def test_neighbours_do_not_pull():
    image = gaussian(0.5, 0.7, 0.4) + 3 * gaussian(0.5, 0.7, 0.4, 5.0, 4.0)
    centre, shape = light_shapes(image[None], 0.2, np.array([0.8]))
    alone = light_shapes(gaussian(0.5, 0.7, 0.4)[None], 0.2, np.array([0.8]))
    np.testing.assert_allclose(centre, alone[0], atol=0.02)
    np.testing.assert_allclose(shape, alone[1], atol=0.02)
