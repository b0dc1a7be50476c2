"""Readers of PNG, JPEG and FITS, bands over files, and many images at once."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from oneline import one_line
from PIL import Image

from lenszoo.data import read_image, read_images
from lenszoo.errors import LenszooError

RNG = np.random.default_rng(7)


def _one_line(path, message: str, read=read_image) -> str:
    return one_line(message, lambda: read(path))


def test_other_suffixes_and_missing_files(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    assert ".fits" in _one_line(tmp_path / "a.gif", "not a kind of image file")
    for name in ("a.png", "a.fits", "a.npy"):
        _one_line(tmp_path / name, "no such file")


def _fits(path: Path, *hdus) -> Path:
    fits.HDUList(list(hdus)).writeto(path)
    return path


def test_bands_from_a_cube_from_hdus_and_from_files(tmp_path):
    bands = RNG.random((4, 9, 8)).astype(np.float32)
    cube = _fits(tmp_path / "cube.fits", fits.PrimaryHDU(bands))
    hdus = [fits.ImageHDU(band, name=name) for band, name in zip(bands, "GRIZ", strict=True)]
    several = _fits(tmp_path / "several.fits", fits.PrimaryHDU(), *hdus)
    files = [_fits(tmp_path / f"{i}.fits", fits.PrimaryHDU(b)) for i, b in enumerate(bands)]
    expected = bands.transpose(1, 2, 0)
    np.testing.assert_array_equal(read_image(cube), expected)
    np.testing.assert_array_equal(read_image([f"{several}[{n}]" for n in "GRIZ"]), expected)
    np.testing.assert_array_equal(read_image([f"{several}[{n}]" for n in range(1, 5)]), expected)
    np.testing.assert_array_equal(read_image(files), expected)
    _one_line(f"{several}[Y]", "no HDU 'Y'")
    _one_line(f"{several}[0]", "HDU 0 holds no image")


def test_bands_of_different_size_and_no_bands(tmp_path):
    small = _fits(tmp_path / "small.fits", fits.PrimaryHDU(np.zeros((5, 5))))
    large = _fits(tmp_path / "large.fits", fits.PrimaryHDU(np.zeros((6, 6))))
    text = _one_line([small, large], "one size")
    assert "small.fits" in text
    assert "large.fits" in text
    _one_line([], "at least one file")


def test_a_missing_band_is_nan(tmp_path):
    band = _fits(tmp_path / "a.fits", fits.PrimaryHDU(RNG.random((5, 6))))
    image = read_image([None, band, None])
    assert image.shape == (5, 6, 3)
    assert np.isnan(image[..., [0, 2]]).all()
    assert np.isfinite(image[..., 1]).all()
    _one_line([None, None], "at least one file")
    images, _, bad = read_images([[band, band], [None, band]], on_bad="zero")
    assert bad.tolist() == [0, 30]
    assert not images[1, ..., 0].any()


# many at once


def _files(folder: Path, images: np.ndarray) -> list[Path]:
    paths = [folder / f"{i}.npy" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        np.save(path, image)
    return paths


def test_bands_of_different_pixel_scales_are_warned_of(tmp_path, caplog):
    scales = {"g": 0.2, "r": 0.2, "z": 0.3}
    for band, scale in scales.items():
        head = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
        head.update({"CDELT1": -scale / 3600, "CDELT2": scale / 3600})
        fits.writeto(tmp_path / f"{band}.fits", np.ones((4, 4), np.float32), head)
    g, r, z = (tmp_path / f"{band}.fits" for band in scales)
    assert read_image([g, r]).shape == (4, 4, 2)
    assert not caplog.records
    assert read_image([g, z]).shape == (4, 4, 2)
    assert "z.fits: 0.3 arcsec a pixel, but" in caplog.text


def test_read_images_keeps_the_order_and_is_aligned(tmp_path):
    array = RNG.random((100, 1, 6, 7))
    images, kept, bad = read_images(_files(tmp_path, array))
    np.testing.assert_array_equal(images[..., 0], array[:, 0].astype(np.float32))
    np.testing.assert_array_equal(kept, np.arange(100))
    assert bad.tolist() == [0] * 100
    assert images.ctypes.data % 64 == 0


def test_read_images_of_mixed_kinds(tmp_path):
    pixels = RNG.integers(0, 256, (8, 9), np.uint8)
    np.save(tmp_path / "a.npy", pixels / 255)
    Image.fromarray(pixels).save(tmp_path / "b.png")
    _fits(tmp_path / "c.fits", fits.PrimaryHDU((pixels / 255).astype(np.float32)))
    images, _, _ = read_images([tmp_path / n for n in ("a.npy", "b.png", "c.fits", "b.png")])
    for image in images[1:]:
        np.testing.assert_allclose(image, images[0], atol=1e-7)


def test_mixed_shapes_name_the_first_and_the_odd_file(tmp_path):
    paths = _files(tmp_path, RNG.random((70, 6, 7)))
    np.save(paths[66], RNG.random((7, 6)))
    text = _one_line(paths, "7 x 6 pixels in 1 band", read_images)
    assert "66.npy" in text
    assert "0.npy is 6 x 7" in text


def test_the_first_faulty_file_in_order_is_named(tmp_path):
    paths = _files(tmp_path, RNG.random((200, 6, 7)))
    for i in (199, 70, 120):
        paths[i].write_bytes(paths[i].read_bytes()[:-8])
    assert "70.npy: truncated" in _one_line(paths, "truncated", read_images)


def test_size_is_checked_not_guessed(tmp_path):
    paths = _files(tmp_path, RNG.random((2, 6, 7)))
    read_images(paths, size=(6, 7))
    read_images(paths, size=(6, 7, 1))
    for size in ((7, 6), (6, 7, 3)):
        with pytest.raises(LenszooError, match=r"0\.npy: 6 x 7 pixels in 1 band, but .* expected"):
            read_images(paths, size=size)


def test_masked_pixels_and_the_sky(tmp_path):
    array = RNG.normal(7, 1, (40, 16, 16)).astype(np.float32)
    array[3, 2:4, 5] = 100
    paths = _files(tmp_path, array)
    plain, _, none = read_images(paths)
    assert not none.any()
    images, _, bad = read_images(paths, on_bad="fill", mask_value=100, sky="median")
    assert bad[3] == bad.sum() == 2
    level = np.median(array[0])
    np.testing.assert_allclose(images[0, ..., 0], array[0] - level, atol=1e-6)
    assert np.abs(images[3, 2:4, 5]).max() < 1e-6
    assert plain[3, 2, 5] == 100
    one_line("3.npy: 2 NaN", lambda: read_images(paths, mask_value=100))
    one_line("border, median", lambda: read_images(paths, sky="mode"))


def test_nothing_to_read():
    _one_line([], "empty", read_images)
