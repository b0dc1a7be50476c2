"""The smooth fit behind the calibration finds the truth of simulated images."""

import sys
from pathlib import Path

import numpy as np
import pytest

from lenszoo.simulation import sample_scenes

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import _fit
import _measure


@pytest.fixture(scope="module")
def fitted():
    drawn = sample_scenes("common_test_sim", range(0, 12, 3), seed=77)  # four of class no
    images = _fit.quantise(drawn.images)
    truth = _fit.smooth_truth(drawn.truth)
    # off the truth by what the coarse grid may be off, so that the fit has a way to go
    away = np.array([0.03, 0.02, 0.02, 0.03, -0.03, 0.05, 0.03])
    parameters, model = _fit.fit(images, truth + away, iterations=9)
    return images, truth, parameters, model


def test_fit_recovers_the_truth(fitted):
    _, truth, parameters, _ = fitted
    # a few of the fit's own standard errors: arcsec, shear, arcsec, ellipticity
    limit = np.array([0.01, 0.01, 0.01, 0.01, 0.01, 0.03, 0.03])
    assert (np.abs(parameters - truth) < limit).all()


def test_a_smooth_image_leaves_nothing_but_noise(fitted):
    images, _, _, model = fitted
    chi_square = _fit.ring_chi_square(images, model)
    assert ((chi_square > 0.8) & (chi_square < 1.2)).all()


def test_what_the_lens_model_lacks_shows_in_the_ring(fitted):
    images, _, _, model = fitted
    dented = images.copy()
    dented[:, 60:90, :, :] *= 0.9
    assert (_fit.ring_chi_square(dented, model) > 1.3).all()


def test_noise_law_of_the_residuals(fitted):
    images, _, _, model = fitted
    floor, slope = _measure.noise_law(images, model)
    assert slope == pytest.approx(_fit.NOISE_SLOPE, rel=0.12)
    assert abs(floor) < 6e-6


def test_quantise_keeps_what_is_quantised():
    pixels = (np.arange(256) + 0.5) / 256
    np.testing.assert_array_equal(_fit.quantise(pixels), pixels.astype(np.float32))
    assert _fit.quantise(np.array([0.0, 1.0])).tolist() == [0.5 / 256, 255.5 / 256]


def test_ridge_and_flux_of_a_known_ellipse():
    y, x = np.indices((150, 150)) + 0.5
    u, v = (x - 78.0) / 30.0, (y - 72.0) / 20.0
    ring = np.exp(-0.5 * ((np.hypot(u, v) - 1.0) * 8.0) ** 2)
    radius, ratio, cx, cy = _measure.ridge(ring)
    assert radius == pytest.approx(np.sqrt(600), rel=0.01)
    assert ratio == pytest.approx(2 / 3, abs=0.01)
    assert (cx, cy) == pytest.approx((78.0, 72.0), abs=0.2)
    flux_ratio, angle = _measure.flux_shape(ring)
    assert flux_ratio == pytest.approx(2 / 3, abs=0.01)
    assert abs(angle) < 0.5


def test_profile_counts_annuli():
    y, x = np.indices((150, 150)) + 0.5
    r = np.hypot(x - 75, y - 75)
    profile = _measure.profile(((r >= 20) & (r < 25)).astype(float)[None])
    np.testing.assert_allclose(profile[0], (_measure.RADII == 20).astype(float), atol=1e-12)
