import numpy as np
import pytest
from scipy.signal import fftconvolve
from scipy.special import gammaincinv

from lenszoo.simulation.paint_shape import light_shapes

PIXEL, SUB, SIZE = 0.2, 5, 64  # arcsec, samples a pixel, pixels


def galaxy(index, q, angle, *, r_eff=0.8, x0=0.0, y0=0.0, seeing=0.8):
    """A Sersic galaxy of axis ratio q behind a Moffat profile of beta 3.5, (H, W)."""
    axis = ((np.arange(SIZE * SUB) + 0.5) / SUB - SIZE / 2) * PIXEL
    y, x = np.meshgrid(axis - y0, axis - x0, indexing="ij")
    c, s = np.cos(angle), np.sin(angle)
    radius = np.hypot((x * c + y * s) * np.sqrt(q), (y * c - x * s) / np.sqrt(q))
    light = np.exp(-gammaincinv(2 * index, 0.5) * (radius / r_eff) ** (1 / index))
    near = np.arange(-100, 101) * PIXEL / SUB
    core = seeing / 2 / np.sqrt(2 ** (1 / 3.5) - 1)
    psf = (1 + (near[:, None] ** 2 + near**2) / core**2) ** -3.5
    blurred = fftconvolve(light, psf / psf.sum(), "same")
    return blurred.reshape(SIZE, SUB, SIZE, SUB).mean((1, 3))


def shape_of(image, seeing=0.8):
    centre, shape = light_shapes(image[None], PIXEL, np.array([seeing]))
    return centre[0], shape[0]


@pytest.mark.parametrize("seeing", [0.5, 1.1])
@pytest.mark.parametrize("r_eff", [0.6, 1.2])
@pytest.mark.parametrize("index", [1, 4])
def test_ellipticity_behind_a_psf_with_wings(index, r_eff, seeing):
    q, angle = 0.6, 0.3
    image = galaxy(index, q, angle, r_eff=r_eff, x0=0.3, y0=-0.2, seeing=seeing)
    centre, shape = shape_of(image, seeing)
    np.testing.assert_allclose(centre, (0.3, -0.2), atol=2e-3)
    assert np.hypot(*shape) == pytest.approx((1 - q) / (1 + q), rel=0.14)
    assert np.arctan2(shape[1], shape[0]) == pytest.approx(2 * angle, abs=0.02)


def test_a_round_galaxy_has_no_ellipticity():
    _, shape = shape_of(galaxy(4, 1.0, 0.0))
    assert np.hypot(*shape) < 2e-3


def test_without_light():
    centre, shape = light_shapes(np.zeros((1, 32, 32)), 0.2, np.array([0.8]))
    assert np.isfinite(centre).all() and np.isfinite(shape).all()
    assert np.abs(centre).max() < 0.01


def test_neighbours_do_not_pull():
    alone = galaxy(1, 0.7, 0.4, r_eff=0.5)
    crowded = alone + 3 * galaxy(1, 0.7, 0.4, r_eff=0.5, x0=5.0, y0=4.0)
    for part, expected in zip(shape_of(crowded), shape_of(alone), strict=True):
        np.testing.assert_allclose(part, expected, atol=0.02)
