import shutil

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import degrade, make_pairs, normalise, read_pairs
from lenszoo.data.pairs import FWHM_TO_SIGMA
from lenszoo.errors import LenszooError


@pytest.fixture
def fine():
    """Gaussian blobs at known places: (5, 24, 20, 1)."""
    y, x = np.mgrid[:24, :20]
    blobs = [np.exp(-((x - 9 - i) ** 2 + (y - 11 + i) ** 2) / 8.0) for i in range(5)]
    return np.stack(blobs)[..., None].astype(np.float32)


def write(folder, images, names=None, shape=lambda image: np.moveaxis(image, -1, 0)):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        np.save(folder / f"{names[i] if names else i}.npy", shape(image))
    return folder


def test_degrading_keeps_light_and_place(fine):
    low = degrade(fine, 2)
    assert low.shape == (5, 12, 10, 1)
    assert low.dtype == np.float32
    np.testing.assert_allclose(low.sum((1, 2, 3)) * 4, fine.sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(low[0, 3, 4, 0], fine[0, 6:8, 8:10, 0].mean(), rtol=1e-5)


def test_psf_widens_by_its_own_variance():
    image = np.zeros((1, 64, 64, 1), np.float32)
    image[0, 31, 31] = 1.0
    spread = degrade(image, 2, psf_fwhm=6.0)[0, ..., 0]
    x = 2 * np.arange(32) + 0.5
    weight = spread.sum(0) / spread.sum()
    mean = (weight * x).sum()
    variance = (weight * (x - mean) ** 2).sum()
    # all light of a coarse pixel is taken to be at its centre, half a fine one away
    assert variance == pytest.approx((6.0 * FWHM_TO_SIGMA) ** 2 + 0.25, rel=0.05)


def test_whole_numbers_are_degraded_as_floats_are(fine):
    counts = np.rint(1000 * fine).astype(np.uint16)
    expected = degrade(counts.astype(np.float32), 2, psf_fwhm=2.0)
    np.testing.assert_array_equal(degrade(counts, 2, psf_fwhm=2.0), expected)


def test_noise_has_its_size_and_its_seed(fine):
    flat = np.zeros((3, 200, 200, 1), np.float32)
    noisy = degrade(flat, 2, noise=0.3, seed=4)
    assert noisy.std() == pytest.approx(0.3, rel=0.02)
    np.testing.assert_array_equal(noisy[:2], degrade(flat[:2], 2, noise=0.3, seed=4))
    assert not np.array_equal(noisy, degrade(flat, 2, noise=0.3, seed=5))


@pytest.mark.parametrize("wrong", [{"factor": 1}, {"psf_fwhm": -1.0}, {"noise": -0.1}])
def test_bad_degradations(fine, wrong):
    one_line("factor must be 2 or more", lambda: degrade(fine, **({"factor": 2} | wrong)))


def test_pairs_of_a_folder_are_cut_to_whole_pixels(fine, tmp_path):
    pairs = make_pairs(write(tmp_path / "fine", fine[:, :23, :19]), 2)
    assert pairs.images.shape == (5, 11, 9, 1)
    assert pairs.targets.shape == (5, 22, 18, 1)
    assert pairs.ids == ("0", "1", "2", "3", "4")
    (tmp_path / "fine" / ".ipynb_checkpoints").mkdir()
    shutil.copy(tmp_path / "fine" / "0.npy", tmp_path / "fine" / ".ipynb_checkpoints" / "x.npy")
    assert make_pairs(tmp_path / "fine", 2).ids == pairs.ids
    assert pairs.scale == 2
    one_line("too small to bin by 4", lambda: make_pairs(fine[:, :3], 4))


def test_two_folders_by_name_whatever_the_ending(fine, tmp_path):
    from PIL import Image

    names = ["b", "a.x", "c2", "c10", "d"]
    high = write(tmp_path / "high", fine, names)
    low = tmp_path / "low"
    low.mkdir()
    for name, image in zip(names, degrade(fine, 2), strict=True):
        grey = np.rint(image[..., 0] * 65535).astype(np.uint16)
        Image.fromarray(grey).save(low / f"{name}.png")
    pairs = read_pairs(low, high)
    assert pairs.ids == ("a.x", "b", "c2", "c10", "d")
    np.testing.assert_allclose(pairs.images[2], degrade(fine[2:3], 2)[0], atol=1e-5)
    np.testing.assert_allclose(pairs.targets[3], fine[3], atol=1e-6)


def test_bad_folders_of_pairs(fine, tmp_path):
    high = write(tmp_path / "high", fine)
    low = write(tmp_path / "low", degrade(fine, 2)[:4])
    with pytest.raises(LenszooError, match=r"4\.npy: has no partner 4\.\* in .*low \(1 of 5"):
        read_pairs(low, high)
    np.save(low / "4.npy", degrade(fine, 2)[4][None, ..., 0])
    np.save(low / "5.npy", degrade(fine, 2)[4][None, ..., 0])
    one_line("5.npy: has no partner", lambda: read_pairs(low, high))
    one_line("there is no such folder", lambda: read_pairs(tmp_path / "none", high))
    (tmp_path / "empty").mkdir()
    one_line("no images in this folder", lambda: read_pairs(tmp_path / "empty", high))
    with pytest.raises(LenszooError, match=r"24 x 20 pixels in 1 band.* are no pair"):
        read_pairs(high, write(tmp_path / "odd", np.concatenate([fine, fine], 1)[:, :, :19]))
    (low / "5.npy").unlink()
    np.save(high / "0.fits.npy", fine[0, ..., 0])
    one_line("has no partner 0.fits", lambda: read_pairs(low, high))


def test_bad_pixels_of_either_side(fine, tmp_path):
    low, high = degrade(fine, 2), fine.copy()
    low[1, 2, 2], high[3, 5, 5] = np.nan, np.inf
    folders = write(tmp_path / "low", low), write(tmp_path / "high", high)
    one_line("low/1.npy", lambda: read_pairs(*folders))
    pairs = read_pairs(*folders, on_bad="skip")
    assert pairs.ids == ("0", "2", "4")
    np.testing.assert_allclose(pairs.targets[1], fine[2])
    assert read_pairs(*folders, on_bad="zero").provenance["bad_pixels"] == 2


def test_one_map_scales_both(fine):
    low, high = 100 + 7 * degrade(fine, 2), 100 + 7 * fine
    one, other = normalise(low, high)
    np.testing.assert_allclose(one.min((1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(one.max((1, 2, 3)), 1, atol=1e-6)
    np.testing.assert_allclose(degrade(other, 2), one, atol=1e-5)
    constant = np.full((1, 4, 4, 1), 3.0, np.float32)
    np.testing.assert_array_equal(normalise(constant)[0], np.zeros((1, 4, 4, 1)))
