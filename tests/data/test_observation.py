"""Images of another camera or pose are told from those of a training, and no others."""

import numpy as np
import pytest

from lenszoo.data.observation import compare_observation, measure_observation, summarise
from lenszoo.simulation import perturbed, sample

SKY = "common_test_sim"


@pytest.fixture(scope="module")
def trained():
    return summarise(sample(SKY, 96, seed=0).images)


def seen(count=40, seed=1, **changes):
    return sample(perturbed(SKY, **changes), count, seed=seed).images


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"noise": 1.5}, "the noise of a pixel is 1."),
        ({"noise": 0.5}, "the noise of a pixel is 0.5"),
        ({"psf": 0.75}, "they are sharper than those of the training"),
        ({"psf": 1.5}, "they are more blurred than those of the training"),
        ({"shift": (4.0, 4.0)}, "pixels off its place in the training"),
        ({"angle": 45.0}, "the light lies at other angles"),
        ({"pixel_scale": 0.85}, "from another PSF or pixel scale"),
    ],
)
def test_another_camera_or_pose_is_told(changes, words, trained):
    difference = compare_observation(seen(**changes), trained)
    assert words in difference.text and not difference.far


@pytest.mark.parametrize("changes", [{}, {"angle": 90.0}, {"shift": (0.5, 0.5)}, {"noise": 1.1}])
def test_what_costs_no_answer_is_not_told(changes, trained):
    images = seen(**changes)
    for some in (images, images[:1], images[:9], images[:, ::-1], images.swapaxes(1, 2)):
        assert compare_observation(some, trained) is None


def test_measures_are_those_of_a_known_image():
    y, x = np.mgrid[:64, :64] - 31.5
    light = np.exp(-((x - 2) ** 2 / 50 + (y + 3) ** 2 / 18))  # widths 5 and 3 pixels
    noise = np.random.default_rng(0).normal(0, 0.002, light.shape)
    each = measure_observation((light + noise)[None, ..., None])
    assert np.exp(each["noise"][0]) == pytest.approx(0.002, rel=0.05)
    assert each["right"][0] == pytest.approx(2, abs=0.05)
    assert each["down"][0] == pytest.approx(-3, abs=0.05)
    xx, yy = 25 + 4, 9 + 9  # about the middle of the image
    assert np.exp(2 * each["size"][0]) == pytest.approx(xx + yy, rel=0.05)
    assert each["stretch"][0] == pytest.approx((xx - yy) / (xx + yy), abs=0.03)
    assert each["slant"][0] == pytest.approx(2 * 2 * -3 / (xx + yy), abs=0.03)


def test_scale_of_the_pixels_matters_for_the_noise_alone():
    images = seen(4)
    plain, bright = measure_observation(images), measure_observation(7 * images + 3)
    assert bright["noise"] == pytest.approx(plain["noise"] + np.log(7), abs=1e-3)
    for name in plain.keys() - {"noise"}:
        assert bright[name] == pytest.approx(plain[name], abs=1e-3), name


def test_bad_images_are_passed_over(trained):
    bad = np.zeros((5, 150, 150, 1), np.float32)
    bad[0, 3, 3] = np.nan
    bad[1, 3, 3] = np.inf
    bad[2] = np.random.default_rng(0).normal(size=bad[2].shape)  # noise alone
    assert all(np.isnan(values[[0, 1, 3, 4]]).all() for values in measure_observation(bad).values())
    assert compare_observation(bad[:2], trained) is None
    assert compare_observation(bad[3:], trained) is None
    assert compare_observation(bad[:0], trained) is None
    mixed = np.concatenate([seen(24), bad[:2], bad[3:]])
    assert compare_observation(mixed, trained) is None


def test_too_few_small_or_equal_images_have_no_summary():
    assert summarise(seen(7)) is None
    assert summarise(np.zeros((20, 24, 24, 1))) is None
    assert summarise(np.repeat(seen(1), 20, axis=0)) is None
    assert summarise(np.full((20, 32, 32, 1), np.nan)) is None
