"""Random cameras: each scene equals the perturbed sky of its camera."""

from dataclasses import replace

import numpy as np
import pytest

from lenszoo.simulation import get_preset, perturbed, sample, sample_scenes
from lenszoo.simulation.observe import gaussian_matrix
from lenszoo.simulation.random_cameras import Cameras, gaussian_matrices, random_cameras

NAME, BASE = "common_test_sim_varied", "common_test_sim"
POSE = ("noise_factor", "psf_factor", "pixel_factor", "shift_x", "shift_y", "angle")
SMOOTH = (0, 3)  # of class "no", which compile fast


def without_noise(preset):
    """In counts, as they are expected."""
    return replace(preset, minmax=False, observe=lambda image, arrays: (image, image + 1.0))


def by_one_camera(truth, i):
    """The sky as the camera of a scene sees it."""
    drawn = {name: float(truth[name][i]) for name in POSE}
    return perturbed(
        BASE,
        noise=drawn["noise_factor"],
        psf=drawn["psf_factor"],
        shift=(drawn["shift_x"], drawn["shift_y"]),
        angle=drawn["angle"],
        pixel_scale=drawn["pixel_factor"],
    )


@pytest.mark.parametrize("scene", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_scene_equals_the_perturbed_one(scene):
    ours = sample_scenes(without_noise(get_preset(NAME)), [scene], 5)
    theirs = sample_scenes(without_noise(by_one_camera(ours.truth, 0)), [scene], 5)
    tolerance = 2e-4 * theirs.images.max()
    np.testing.assert_allclose(ours.images, theirs.images, atol=tolerance)
    for name in theirs.truth.keys() - {"signal_to_noise"}:
        assert ours.truth[name][0] == pytest.approx(theirs.truth[name][0], rel=1e-6), name


def test_its_noise_is_that_of_the_camera():
    """The same uniforms: but for rounding, the counts are the same to the last photon."""
    ours = sample_scenes(replace(get_preset(NAME), minmax=False), [3], 5)
    theirs = sample_scenes(replace(by_one_camera(ours.truth, 0), minmax=False), [3], 5)
    assert (ours.images == theirs.images).mean() > 0.99
    np.testing.assert_allclose(
        ours.truth["signal_to_noise"], theirs.truth["signal_to_noise"], rtol=1e-3
    )


def test_cameras_that_do_not_differ_see_the_sky_itself():
    one = (1.0, 1.0)
    still = random_cameras(get_preset(BASE), Cameras(one, one, one, shift=0.0), name="still")
    turned = sample_scenes(without_noise(still), SMOOTH, 5)
    for i, scene in enumerate(SMOOTH):  # all but the angle
        other = perturbed(BASE, angle=float(turned.truth["angle"][i]))
        expected = sample_scenes(without_noise(other), [scene], 5).images[0]
        np.testing.assert_allclose(turned.images[i], expected, atol=2e-4 * expected.max())


def test_what_is_drawn_fills_its_range_and_says_nothing_of_the_class():
    drawn = sample(NAME, 300, 2)
    limits = {
        "noise_factor": (0.5, 3.0),
        "psf_factor": (0.5, 2.0),
        "pixel_factor": (0.7, 1.4),
        "shift_x": (-5.0, 5.0),
        "shift_y": (-5.0, 5.0),
        "angle": (0.0, 360.0),
    }
    for name, (low, high) in limits.items():
        values = drawn.truth[name]
        scaled = np.log(values) if name.endswith("factor") else values
        low, high = (np.log([low, high])) if name.endswith("factor") else (low, high)
        assert low <= scaled.min() and scaled.max() <= high, name
        # uniform: its mean and spread, within five standard errors
        width = high - low
        assert scaled.mean() == pytest.approx((low + high) / 2, abs=5 * width / 12**0.5 / 300**0.5)
        assert scaled.std() == pytest.approx(width / 12**0.5, rel=0.15), name
        means = [scaled[drawn.labels == label].mean() for label in range(3)]
        assert np.ptp(means) < 7 * width / 12**0.5 / 100**0.5, name
    assert np.isfinite(drawn.images).all()
    assert (drawn.images.min((1, 2, 3)) == 0).all() and (drawn.images.max((1, 2, 3)) == 1).all()


def test_matrices_of_many_widths_are_those_of_one():
    sigma = np.array([[0.4], [1.7], [4.8]], np.float32)
    ours = np.asarray(gaussian_matrices(40, sigma, 5.0, 5.0))
    for matrix, one in zip(ours, sigma[:, 0], strict=True):
        fwhm = one * 2 * np.sqrt(2 * np.log(2))
        np.testing.assert_allclose(matrix, gaussian_matrix(40, fwhm, 5.0), atol=1e-6)
        np.testing.assert_allclose(matrix.sum(1), 1.0, atol=1e-6)
