from dataclasses import replace

import numpy as np
import pytest
from component_scenes import PROFILES, UGRI, brightness
from keras import ops

from lenszoo.simulation.components import Component
from lenszoo.simulation.presets.lens_finding import EUCLID, KIDS
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.survey import magnitude


def test_the_psf_keeps_flux_and_colour():
    galaxy = Component("sersic", 0.3, -0.2, UGRI, PROFILES["sersic 1"][1])
    layers, arrays = brightness([galaxy])
    image = ops.convert_to_numpy(KIDS.blurred(layers["light"], arrays["psf_fwhm"]))[0]
    np.testing.assert_allclose(image.sum(axis=1), UGRI, rtol=0.01)


@pytest.mark.parametrize("survey", [KIDS, EUCLID], ids=["ground", "space"])
def test_a_tiny_galaxy_looks_like_a_star(survey):
    one = np.ones(len(survey.bands))
    tiny = {"r_eff": 0.3 * survey.pixel_scale, "index": 0.5, "e1": 0.0, "e2": 0.0, "core": 1e-3}
    x, y = 0.37 * survey.pixel_scale, -0.21 * survey.pixel_scale
    layers, arrays = brightness([Component("sersic", x, y, one, tiny)], survey)
    fwhm = arrays["psf_fwhm"]
    galaxy = ops.convert_to_numpy(survey.blurred(layers["light"], fwhm))
    position = np.float32([[x]]), np.float32([[y]])
    star = ops.convert_to_numpy(survey.stars(*position, one[None, None].astype(np.float32), fwhm))
    peak = star.max(axis=2)
    assert (np.abs(galaxy - star).max(axis=2) < 0.15 * peak).all()
    axis = survey.axis()
    for images in (galaxy, star):
        images = images.reshape(-1, survey.pixels, survey.pixels)
        centre = (images.sum(axis=1) @ axis) / images.sum(axis=(1, 2))
        np.testing.assert_allclose(centre, x, atol=0.05 * survey.pixel_scale)


def test_noise_is_that_of_the_depth_in_every_band():
    """An aperture of 2 arcsec measures a star of the limiting magnitude at 5 sigma."""
    keys = np.stack(
        [scene_generator(0, i).integers(0, 2**32, (4, 2), np.uint32) for i in range(40)]
    )
    empty = np.zeros((40, 4, 64**2), np.float32)
    noisy, variance = (ops.convert_to_numpy(a) for a in KIDS.observe(empty, {"keys": keys}))
    np.testing.assert_allclose(noisy.std(axis=(0, 2)), KIDS.noise, rtol=0.01)
    np.testing.assert_allclose(variance[0, :, 0], KIDS.noise**2, rtol=1e-5)
    n = np.pi / 0.2**2
    depth = magnitude(5 * KIDS.noise * np.sqrt(n))
    np.testing.assert_allclose(depth, [24.23, 25.12, 25.02, 23.68], atol=1e-6)
    for a in range(4):
        for b in range(a):
            assert abs(np.corrcoef(noisy[:, a].ravel(), noisy[:, b].ravel())[0, 1]) < 0.012
    # light of thrice the sky's makes four times the variance
    bright = (empty + 3 * KIDS.sky[:, None]).astype(np.float32)
    noisy = ops.convert_to_numpy(KIDS.observe(bright, {"keys": keys})[0])
    np.testing.assert_allclose((noisy - bright).std(axis=(0, 2)), 2 * KIDS.noise, rtol=0.01)


def test_noise_of_neighbours_is_correlated_where_stacks_are_resampled():
    keys = np.stack([scene_generator(0, i).integers(0, 2**32, (4, 2), np.uint32) for i in range(8)])
    empty, camera = np.zeros((8, 4, 64**2), np.float32), replace(KIDS, correlation=0.2)
    factor = np.full((8, 4), 2.0, np.float32)
    noisy, variance = camera.observe(empty, {"keys": keys, "noise_factor": factor})
    noisy, variance = (ops.convert_to_numpy(a) for a in (noisy, variance))
    np.testing.assert_allclose(variance[0, :, 0], 4 * KIDS.noise**2, rtol=1e-5)
    np.testing.assert_allclose(noisy.std(axis=(0, 2)), 2 * KIDS.noise, rtol=0.02)
    for image in noisy[0].reshape(4, 64, 64):
        for one, next_one in ((image[1:], image[:-1]), (image[:, 1:], image[:, :-1])):
            assert np.corrcoef(one.ravel(), next_one.ravel())[0, 1] == pytest.approx(0.2, abs=0.06)
