"""Metrics of super-resolution against scikit-image, Keras and what must hold."""

import subprocess
import sys

import numpy as np
import pytest

from lenszoo.errors import LenszooError
from lenszoo.metrics import image_quality as iq
from lenszoo.metrics.interpolation import bicubic


def draw(shape=(5, 40, 33, 2), seed=0, noise=0.1, dtype=np.float32):
    rng = np.random.default_rng(seed)
    target = rng.random(shape) ** 3
    return target.astype(dtype), (target + rng.normal(0, noise, shape)).astype(dtype)


def rings(n=3, size=64):
    """Rings as of a lens, on a sky of 0."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    radius = np.arange(n)[:, None, None] * 2 + size / 5
    return np.exp(-0.5 * ((np.hypot(x, y) - radius) / 2) ** 2)[..., None].astype(np.float32)


# PSNR and SSIM


@pytest.mark.parametrize("data_range", [1.0, 0.3, 255.0])
def test_psnr_equals_scikit_image(data_range):
    skimage = pytest.importorskip("skimage.metrics")
    target, image = draw()
    expected = [
        skimage.peak_signal_noise_ratio(t, i, data_range=data_range)
        for t, i in zip(target, image, strict=True)
    ]
    found = iq.psnr(target, image, data_range=data_range)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_psnr_of_known_noise():
    target, image = draw((20, 100, 100, 1), noise=0.01)
    assert iq.psnr(target, image, data_range=1).mean() == pytest.approx(40, abs=0.02)
    lower = iq.psnr(target, image, data_range=0.3)  # the same images, 10.46 dB less
    np.testing.assert_allclose(lower, iq.psnr(target, image, data_range=1) + 20 * np.log10(0.3))
    assert np.isposinf(iq.psnr(target, target, data_range=1)).all()
    np.testing.assert_allclose(iq.mse(target, target + 0.5), 0.25, rtol=1e-5)


SKIMAGE = {
    "gaussian": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    "uniform": {},
}


@pytest.mark.parametrize("window", iq.WINDOWS)
@pytest.mark.parametrize("data_range", [1.0, 0.2, 500.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(40, 33), (11, 60)])
def test_ssim_equals_scikit_image(window, data_range, dtype, size):
    skimage = pytest.importorskip("skimage.metrics")
    target, image = draw((4, *size, 2), dtype=dtype)
    expected = [
        skimage.structural_similarity(
            t.astype(float),
            i.astype(float),
            data_range=data_range,
            channel_axis=2,
            **SKIMAGE[window],
        )
        for t, i in zip(target, image, strict=True)
    ]
    found = iq.ssim(target, image, data_range=data_range, window=window)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_ssim_on_a_bright_sky_keeps_its_precision():
    target, image = draw((3, 30, 30, 1), noise=0.02)
    plain = iq.ssim(target, image, data_range=1)
    # an offset of many ranges: luminance agrees all the better, structure is the same
    bright = iq.ssim(target.astype(float) + 300, image.astype(float) + 300, data_range=1)
    single = iq.ssim(target + np.float32(300), image + np.float32(300), data_range=1)
    assert (bright >= plain - 1e-9).all()
    np.testing.assert_allclose(single, bright, atol=1e-3)


@pytest.mark.parametrize("unit", [1e-22, 1e-30, 1e15])
def test_the_unit_of_the_flux_does_not_matter(unit):
    target, image = draw()
    fine = np.float32(unit)
    options = {"data_range": 1.0}, {"data_range": unit}
    for score in (iq.psnr, iq.ssim):
        np.testing.assert_allclose(
            score(target * fine, image * fine, **options[1]),
            score(target, image, **options[0]),
            rtol=1e-5,
        )
    np.testing.assert_allclose(
        iq.residual_chi_square(image * fine, target * fine, (0.1 * unit) ** 2),
        iq.residual_chi_square(image, target, 0.01),
        rtol=1e-5,
    )


def test_ssim_is_symmetric_and_one_for_equals():
    target, image = draw()
    np.testing.assert_allclose(iq.ssim(target, target, data_range=1), 1, atol=1e-6)
    there, back = iq.ssim(target, image, data_range=1), iq.ssim(image, target, data_range=1)
    np.testing.assert_allclose(there, back, atol=1e-6)
    assert (there < 0.95).all()


# flux and noise


def test_flux_error_is_the_share_of_flux_lost():
    truth = rings()
    np.testing.assert_allclose(iq.flux_error(0.9 * truth, truth), -0.1, atol=1e-6)
    np.testing.assert_allclose(iq.flux_error(truth, truth), 0)
    sky = iq.flux_error(0.9 * truth + 0.2, truth + 0.2, zero=0.2)
    np.testing.assert_allclose(sky, -0.1, atol=1e-5)
    assert np.isnan(iq.flux_error(truth, 0 * truth)).all()


def test_flux_in_an_aperture_sees_the_ring_alone():
    truth = rings()
    inside = iq.bright_pixels(truth, fraction=0.3)
    assert inside.shape == truth.shape[:3]
    np.testing.assert_array_equal(
        inside, truth[..., 0] > 0.3 * truth.max(axis=(1, 2, 3))[:, None, None]
    )
    outside_only = truth + 0.1 * ~inside[..., None]
    np.testing.assert_allclose(iq.flux_error(outside_only, truth, aperture=inside), 0)
    assert (iq.flux_error(outside_only, truth) > 0.1).all()
    np.testing.assert_array_equal(iq.bright_pixels(truth - 5, fraction=0.3, zero=-5), inside)
    assert not iq.bright_pixels(-truth).any()


def test_chi_square_is_one_for_the_right_noise():
    rng = np.random.default_rng(0)
    truth = rings(4, 128)
    sigma = 0.02 + 0.1 * truth
    target = truth + rng.normal(0, sigma)
    assert iq.residual_chi_square(truth, target, sigma**2).mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(
        iq.residual_chi_square(truth + 1, truth, 4.0), 0.25, rtol=1e-5
    )  # one variance for all


# power spectrum


@pytest.mark.parametrize("shape", [(200, 32, 32, 1), (200, 33, 31, 2), (200, 24, 40, 1)])
def test_power_of_white_noise_is_its_variance(shape):
    noise = np.random.default_rng(1).normal(3, 0.5, shape)
    frequencies, power = iq.power_spectrum(noise)
    side = min(shape[1:3])
    assert power.shape == (200, side // 2)
    np.testing.assert_allclose(power[:, 2:].mean(), 0.25, rtol=0.02)
    assert frequencies[0] == pytest.approx(1 / side, rel=0.25)
    assert (np.diff(frequencies) > 0).all() and 0.45 < frequencies[-1] <= 0.5


def test_a_wave_stands_at_its_frequency():
    y, x = np.mgrid[:64, :64]
    wave = np.sin(2 * np.pi * (0.25 * x + 0.125 * y))[None, ..., None]
    frequencies, power = iq.power_spectrum(wave)
    assert frequencies[power[0].argmax()] == pytest.approx(np.hypot(0.25, 0.125), abs=1 / 64)
    assert power[0].max() > 1e3 * np.median(power[0])


def test_power_ratio_tells_of_blur_and_of_noise():
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(2)
    truth = rng.normal(size=(8, 64, 64, 1))
    blurred = gaussian_filter(truth, (0, 1.0, 1.0, 0), mode="wrap")
    frequencies, ratio = iq.power_spectrum_ratio(blurred, truth)
    expected = np.exp(-((2 * np.pi * frequencies) ** 2))
    np.testing.assert_allclose(ratio.mean(axis=0)[3:15], expected[3:15], rtol=0.15)
    np.testing.assert_allclose(iq.power_spectrum_ratio(truth, truth)[1], 1)
    assert np.isnan(iq.power_spectrum_ratio(truth, 0 * truth)[1]).all()


# bicubic


def test_share_of_way():
    assert iq.share_of_way(30.0, 30.0, 40.0) == 0
    assert iq.share_of_way(40.0, 30.0, 40.0) == 1
    assert iq.share_of_way(35.0, 30.0, 40.0) == 0.5
    assert np.isnan(iq.share_of_way(35.0, 40.0, 40.0))
    assert np.isnan(iq.share_of_way(35.0, 30.0, np.inf))


# bad input


@pytest.mark.parametrize("data_range", [0, -1.0, np.nan, np.inf, None, "1", True])
def test_data_range_must_be_positive(data_range):
    target, image = draw((2, 12, 12, 1))
    for metric in (iq.psnr, iq.ssim):
        with pytest.raises(LenszooError, match="data_range must be a number above 0"):
            metric(target, image, data_range=data_range)
        with pytest.raises(TypeError, match="data_range"):
            metric(target, image)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: iq.ssim(x, x, data_range=1, window="gauss"), "Did you mean 'gaussian'"),
        (lambda x: bicubic(x, 1.5), "scale must be a positive integer"),
        (lambda x: bicubic(x, 0), "scale must be a positive integer"),
        (lambda x: iq.residual_chi_square(x, x, np.ones(7)), "does not fit"),
        (lambda x: iq.residual_chi_square(x, x, 0 * x), "must be positive"),
        (lambda x: iq.flux_error(x, x, aperture=np.ones((2, 12, 11), bool)), "The aperture has"),
        (lambda x: iq.flux_error(x, x, aperture=np.ones((2, 12, 12))), "pass bool"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(LenszooError, match=message) as caught:
        call(draw((2, 12, 12, 1))[0])
    assert "\n" not in str(caught.value)


def test_neither_keras_nor_scikit_image_is_loaded():
    code = (
        "import sys, numpy as np; from lenszoo.metrics import image_quality as iq; "
        "from lenszoo.metrics.interpolation import bicubic; "
        "x = np.zeros((1, 16, 16, 1)); iq.ssim(x, x, data_range=1); bicubic(x, 2); "
        "heavy = {'keras', 'tensorflow', 'jax', 'skimage'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
