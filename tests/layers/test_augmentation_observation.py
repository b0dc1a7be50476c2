import numpy as np
import pytest
from keras import ops
from scipy import stats

from lenszoo.errors import LenszooError
from lenszoo.layers import Stretch
from lenszoo.layers.augmentation_observation import (
    RandomBlur,
    RandomFlux,
    RandomNoise,
    edge_noise,
    mirrored,
)

FWHM = 2 * np.sqrt(2 * np.log(2))


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def point(n, size=31, at=(15, 15), bands=1):
    images = np.zeros((n, size, size, bands), "float32")
    images[:, at[0], at[1]] = 1.0
    return images


def widths(images):
    """FWHM of sources by their second moments along the rows, (n, bands)."""
    rows = np.arange(images.shape[1])[:, None]
    profile = images.sum(2) / images.sum((1, 2))[:, None]
    mean = (profile * rows).sum(1, keepdims=True)
    return FWHM * np.sqrt((profile * (rows - mean) ** 2).sum(1))


@pytest.mark.parametrize("fwhm", [0.5, 1.0, 2.5, 5.0])
def test_a_point_source_gets_the_asked_width_and_keeps_its_flux(fwhm):
    blurred = numbers(RandomBlur((fwhm, fwhm)).augment(point(2, bands=2)))
    assert widths(blurred) == pytest.approx(np.full((2, 2), fwhm), rel=2e-3)
    across = widths(blurred.transpose(0, 2, 1, 3))
    assert across == pytest.approx(np.full((2, 2), fwhm), rel=2e-3)
    assert blurred.sum((1, 2)) == pytest.approx(np.ones((2, 2)), abs=1e-5)
    assert blurred.min() > -1e-6


def test_a_gaussian_source_becomes_the_broader_gaussian():
    rows, columns = np.mgrid[:41, :41] - 20.0

    def source(fwhm):
        sigma = fwhm / FWHM
        return np.exp(-(rows**2 + columns**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)

    image = source(4.0)[None, :, :, None].astype("float32")
    for fwhm in (1.0, 3.0, 6.0):
        blurred = numbers(RandomBlur((fwhm, fwhm)).augment(image))[0, :, :, 0]
        expected = source(np.hypot(4.0, fwhm))
        np.testing.assert_allclose(blurred, expected, atol=0.03 * expected.max())
        assert np.abs(blurred - image[0, :, :, 0]).max() > 2 * np.abs(blurred - expected).max()


def test_two_blurs_add_in_quadrature():
    image = np.random.default_rng(1).normal(size=(1, 20, 20, 1)).astype("float32")
    twice = RandomBlur((4.0, 4.0)).augment(RandomBlur((3.0, 3.0)).augment(image))
    np.testing.assert_allclose(twice, RandomBlur((5.0, 5.0)).augment(image), atol=2e-4)


@pytest.mark.parametrize(("axis", "width"), [(1, 1), (1, 5), (2, 3)])
def test_the_edge_is_a_mirror_on_every_backend(axis, width):
    image = np.random.default_rng(2).random((2, 5, 6, 2), np.float32)
    pad = [(width, width) if i == axis else (0, 0) for i in range(4)]
    expected = np.pad(image, pad, mode="symmetric")
    np.testing.assert_array_equal(numbers(mirrored(ops.array(image), axis, width)), expected)


def test_flux_stays_even_beside_the_edge():
    blurred = numbers(RandomBlur((3.0, 3.0)).augment(point(1, at=(0, 2))))
    assert blurred.sum() == pytest.approx(1.0, abs=1e-5)


def test_widths_are_drawn_for_each_image_over_the_range():
    found = widths(numbers(RandomBlur((1.0, 4.0), seed=5).augment(point(300))))[:, 0]
    assert (found.min(), found.max()) == pytest.approx((1, 4), abs=0.05)
    assert found.mean() == pytest.approx(2.5, abs=0.15)


def test_no_blur_at_all_is_the_image():
    image = np.random.default_rng(2).normal(size=(2, 9, 9, 3)).astype("float32")
    np.testing.assert_allclose(RandomBlur(0.0).augment(image), image, atol=1e-5)


def test_noise_has_the_asked_standard_deviation():
    added = numbers(RandomNoise((0.3, 0.3), seed=1).augment(np.ones((3, 80, 80, 2), "float32"))) - 1
    assert added.std((1, 2)) == pytest.approx(np.full((3, 2), 0.3), rel=0.05)
    assert added.mean((1, 2)) == pytest.approx(np.zeros((3, 2)), abs=0.02)
    assert stats.kstest(added.ravel() / 0.3, "norm").pvalue > 0.01
    independent = [
        np.corrcoef(added[0, :, :, 0].ravel(), other.ravel())[0, 1]
        for other in (added[0, :, :, 1], added[1, :, :, 0], np.roll(added[0, :, :, 0], 1, 0))
    ]
    assert np.abs(independent).max() < 0.05


def test_the_strength_of_noise_is_drawn_for_each_image_and_shared_by_its_bands():
    added = numbers(RandomNoise(2.0, seed=2).augment(np.zeros((200, 30, 30, 2), "float32")))
    sigma = added.std((1, 2))
    assert sigma[:, 0] == pytest.approx(sigma[:, 1], rel=0.15)
    assert (sigma.min(), sigma.max()) == pytest.approx((0, 2), abs=0.12)
    assert sigma.mean() == pytest.approx(1.0, abs=0.12)


def test_relative_noise_is_in_units_of_each_bands_own():
    rng = np.random.default_rng(3)
    images = rng.normal(size=(40, 48, 48, 2)) * [3.0, 0.5]
    images[:, 20:28, 20:28] += 500.0
    images = images.astype("float32")
    layer = Stretch()
    layer.build(images.shape)
    layer.adapt(images[:1])
    assert numbers(edge_noise(images[:1]))[0] == pytest.approx(np.asarray(layer.scale), rel=1e-4)
    added = numbers(RandomNoise((2.0, 2.0), relative=True, seed=4).augment(images)) - images
    assert added.std((1, 2)).mean(0) == pytest.approx([6.0, 1.0], rel=0.05)
    clean = np.ones((1, 8, 8, 1), "float32")
    assert np.array_equal(RandomNoise(relative=True).augment(clean), clean)


def test_flux_changes_by_one_lognormal_factor_for_an_image():
    images = np.random.default_rng(5).normal(size=(2000, 3, 4, 2)).astype("float32")
    ratio = numbers(RandomFlux(0.2, seed=6).augment(images)) / images
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1, :1], ratio.shape), rtol=1e-5)
    exponent = np.log(ratio[:, 0, 0, 0])
    assert exponent.std() == pytest.approx(0.2, rel=0.06)
    assert exponent.mean() == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomBlur(-1.0), "fwhm must be .* none negative: -1.0"),
        (lambda: RandomBlur(8.0)(np.zeros((1, 20, 9, 1), "float32")), "15 pixels a side .* not 9"),
        (lambda: RandomNoise((2.0, 1.0)), "sigma must be a number or a pair"),
        (lambda: RandomNoise(None), "sigma must be a number or a pair"),
        (lambda: RandomFlux(-0.1), "sigma must be one finite number, not negative: -0.1"),
        (lambda: RandomFlux((0.0, 0.1)), "sigma must be one finite number"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(LenszooError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
