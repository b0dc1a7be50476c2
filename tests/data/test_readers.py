"""Readers of PNG, JPEG and FITS, bands over files, and many images at once."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from lenszoo.data import read_image, read_images
from lenszoo.data.readers import aligned_empty
from lenszoo.errors import LenszooError

RNG = np.random.default_rng(7)


def _one_line(path, message: str, read=read_image) -> str:
    with pytest.raises(LenszooError) as caught:
        read(path)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    return text


# PNG and JPEG


def test_8_and_16_bit_grey_png_are_scaled_by_their_depth(tmp_path):
    eight = RNG.integers(0, 256, (9, 7), np.uint8)
    sixteen = RNG.integers(0, 65536, (9, 7), np.uint16)
    Image.fromarray(eight).save(tmp_path / "8.png")
    Image.fromarray(sixteen).save(tmp_path / "16.png")
    image = read_image(tmp_path / "8.png")
    assert image.shape == (9, 7, 1)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image[..., 0], eight / 255, atol=1e-7)
    np.testing.assert_allclose(read_image(tmp_path / "16.png")[..., 0], sixteen / 65535, atol=1e-7)


def test_colour_alpha_palette_and_one_bit_png(tmp_path):
    colour = RNG.integers(0, 256, (9, 7, 4), np.uint8)
    Image.fromarray(colour[..., :3]).save(tmp_path / "rgb.png")
    Image.fromarray(colour).save(tmp_path / "rgba.png")
    Image.fromarray(colour[..., :2], "LA").save(tmp_path / "la.png")
    Image.fromarray(colour[..., :3]).quantize(16).save(tmp_path / "palette.png")
    Image.fromarray(colour[..., 0] > 127).save(tmp_path / "bit.png")
    rgb = read_image(tmp_path / "rgb.png")
    np.testing.assert_allclose(rgb, colour[..., :3] / 255, atol=1e-7)
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png"), rgb)
    np.testing.assert_array_equal(read_image(tmp_path / "la.png"), rgb[..., :1])
    assert read_image(tmp_path / "palette.png").shape == (9, 7, 3)
    np.testing.assert_array_equal(read_image(tmp_path / "bit.png")[..., 0], colour[..., 0] > 127)


def test_jpeg(tmp_path):
    ramp = np.tile(np.arange(0, 160, 10, np.uint8), (16, 1))
    Image.fromarray(ramp).save(tmp_path / "a.JPG", quality=95)
    image = read_image(tmp_path / "a.JPG")
    assert image.shape == (16, 16, 1)
    np.testing.assert_allclose(image[..., 0], ramp / 255, atol=0.02)


def test_damaged_images(tmp_path):
    (tmp_path / "text.png").write_text("this is no picture")
    _one_line(tmp_path / "text.png", "not a PNG or JPEG")
    Image.fromarray(RNG.integers(0, 256, (64, 64), np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    _one_line(tmp_path / "half.png", "damaged")
    (tmp_path / "empty.png").write_bytes(b"")
    _one_line(tmp_path / "empty.png", "not a PNG or JPEG")


@pytest.mark.parametrize("side", [11000, 60000])  # Pillow warns of the first, refuses the second
def test_decompression_bomb_is_refused(tmp_path, side, recwarn):
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    (tmp_path / "bomb.png").write_bytes(bomb + chunk(b"IEND", b""))
    _one_line(tmp_path / "bomb.png", "decompression bomb")
    assert not recwarn.list


def test_other_suffixes_and_missing_files(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    assert ".fits" in _one_line(tmp_path / "a.gif", "not a kind of image file")
    for name in ("a.png", "a.fits", "a.npy"):
        _one_line(tmp_path / name, "no such file")


# FITS


def _fits(path: Path, *hdus) -> Path:
    fits.HDUList(list(hdus)).writeto(path)
    return path


def test_fits_is_native_float32_from_the_first_image_hdu(tmp_path):
    data = RNG.random((11, 13)).astype(">f8")
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.zeros(2))])
    path = _fits(tmp_path / "a.fits", fits.PrimaryHDU(), table, fits.ImageHDU(data, name="SCI"))
    image = read_image(path)
    assert image.dtype == np.float32
    assert image.dtype.isnative
    np.testing.assert_array_equal(image[..., 0], data.astype(np.float32))


@pytest.mark.parametrize("suffix", [".fits", ".fit", ".fits.gz", ".fits.fz"])
def test_compressed_fits(tmp_path, suffix):
    data = RNG.integers(0, 1000, (24, 32)).astype(np.int16)
    path = _fits(tmp_path / f"a{suffix}", fits.PrimaryHDU(), fits.CompImageHDU(data))
    np.testing.assert_array_equal(read_image(path)[..., 0], data)


def test_fits_scaling_and_blank_pixels(tmp_path):
    hdu = fits.PrimaryHDU(np.array([[1, 2, 3], [4, 5, -999]], np.int16))
    hdu.header["BLANK"] = -999
    hdu.header["BZERO"] = 10.0
    hdu.header["BSCALE"] = 0.5
    image = read_image(_fits(tmp_path / "a.fits", hdu))[..., 0]
    np.testing.assert_allclose(image[0], [10.5, 11, 11.5])
    assert np.isnan(image[1, 2])


def test_unsigned_integers_of_bzero(tmp_path):
    data = np.array([[0, 1, 32767], [32768, 40000, 65535]], np.uint16)
    path = _fits(tmp_path / "a.fits", fits.PrimaryHDU(data))
    assert fits.getheader(path)["BZERO"] == 32768
    np.testing.assert_array_equal(read_image(path)[..., 0], data)


def test_blank_pixels_of_unsigned_integers(tmp_path):
    hdu = fits.PrimaryHDU(np.array([[-32768, -32000], [5, 32767]], np.int16))
    hdu.header["BLANK"] = -32768
    path = _fits(tmp_path / "a.fits", hdu)
    fits.setval(path, "BZERO", value=32768)
    expected = [[np.nan, 768], [32773, 65535]]
    np.testing.assert_array_equal(read_image(path)[..., 0], expected)


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
    _one_line(f"{several}[Y]", "no HDU 'Y'; the file has: 0 PRIMARY, 1 G")
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


def test_fits_that_hold_no_image(tmp_path):
    empty = _fits(tmp_path / "empty.fits", fits.PrimaryHDU())
    _one_line(empty, "no HDU of this FITS file holds an image")
    (tmp_path / "text.fits").write_text("SIMPLE minded" * 400)
    _one_line(tmp_path / "text.fits", "not a FITS file, or a damaged one")
    spectrum = _fits(tmp_path / "spectrum.fits", fits.PrimaryHDU(np.zeros(50)))
    _one_line(spectrum, "is not one image")
    deep = _fits(tmp_path / "deep.fits", fits.PrimaryHDU(np.zeros((30, 8, 8))))
    _one_line(deep, "at most 10 bands")


def test_truncated_fits_and_one_that_claims_the_world(tmp_path, recwarn):
    whole = _fits(tmp_path / "whole.fits", fits.PrimaryHDU(RNG.random((60, 60))))
    (tmp_path / "half.fits").write_bytes(whole.read_bytes()[:9000])
    _one_line(tmp_path / "half.fits", "damaged")
    forged = whole.read_bytes().replace(
        b"NAXIS1  =                   60", b"NAXIS1  =           6000000000"
    )
    (tmp_path / "forged.fits").write_bytes(forged)
    _one_line(tmp_path / "forged.fits", "forged.fits: ")
    assert not recwarn.list


# many at once


def _files(folder: Path, images: np.ndarray) -> list[Path]:
    paths = [folder / f"{i}.npy" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        np.save(path, image)
    return paths


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
    with pytest.raises(LenszooError, match=r"3\.npy: 2 NaN"):
        read_images(paths, mask_value=100)
    with pytest.raises(LenszooError, match="border, median"):
        read_images(paths, sky="mode")


def test_nothing_to_read():
    _one_line([], "empty", read_images)


def test_images_beyond_memory_are_refused_in_one_line():
    with pytest.raises(LenszooError, match="cache=False"):
        aligned_empty((2**32, 4096, 4096, 1))
