import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from lenszoo.simulation.observe import FWHM_TO_SIGMA, Instrument, gaussian_matrix, minmax


@pytest.mark.parametrize(("fwhm", "truncation"), [(4.0, 5.0), (1.74, 3.0), (1.0, 5.0)])
def test_blur_repeats_the_edge_as_scipy_does(fwhm, truncation):
    image = np.random.default_rng(0).random((40, 40))
    matrix = gaussian_matrix(40, fwhm, truncation)
    theirs = ndimage.gaussian_filter(
        image, fwhm * FWHM_TO_SIGMA, mode="nearest", truncate=truncation
    )
    np.testing.assert_allclose(matrix @ image @ matrix.T, theirs, rtol=1e-12)


@pytest.mark.parametrize("fwhm", [0.05, 1.1, 2.5, 5.0])  # pixels: no blur, by shifts, by matrices
def test_blur_of_the_instrument_acts_on_rows_and_columns(fwhm):
    camera = Instrument(pixels=150, pixel_scale=0.1, psf_fwhm=0.1 * fwhm, supersampling=2)
    fine = np.random.default_rng(1).random((2, 4, 22_500)).astype(np.float32)
    ours = ops.convert_to_numpy(camera.observe(fine.reshape(2, -1))).reshape(2, 150, 150)
    binned = fine.mean(axis=1).reshape(2, 150, 150)
    for one, image in zip(ours, binned, strict=True):
        theirs = ndimage.gaussian_filter(image, fwhm * FWHM_TO_SIGMA, mode="nearest", truncate=5)
        np.testing.assert_allclose(one, theirs, atol=1e-6)


def test_blur_keeps_the_flux_of_a_spot_and_the_level_of_a_sky():
    matrix = gaussian_matrix(50, 3.0, 5.0)
    spot = np.zeros((50, 50))
    spot[25, 24] = 2.0
    assert (matrix @ spot @ matrix.T).sum() == pytest.approx(2.0, rel=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("supersampling", [1, 2, 3])
def test_sub_pixels_fill_their_pixel(supersampling):
    camera = Instrument(8, 0.5, psf_fwhm=1.0, supersampling=supersampling)
    x, y = camera.grid()
    assert x.shape == y.shape == (supersampling**2, 64)
    centres = (np.arange(8) - 3.5) * 0.5
    np.testing.assert_allclose(x.mean(axis=0).reshape(8, 8), np.tile(centres, (8, 1)), atol=1e-6)
    np.testing.assert_allclose(y.mean(axis=0).reshape(8, 8).T, np.tile(centres, (8, 1)), atol=1e-6)
    every = np.unique(np.round(x, 6))
    np.testing.assert_allclose(np.diff(every), 0.5 / supersampling, atol=1e-5)


def test_minmax_scales_each_image_and_survives_a_flat_one():
    images = np.array([[1.0, 3.0, 2.0], [-5.0, -5.0, -5.0]], np.float32)
    np.testing.assert_allclose(ops.convert_to_numpy(minmax(images)), [[0, 1, 0.5], [0, 0, 0]])
