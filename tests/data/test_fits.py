"""FITS files: pixels, the choice of an HDU, damage, and the pixel scale of their coordinates."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from tinyfits import refusal_of, write_hdus

from lenszoo.data import read_image
from lenszoo.data.fits import read_fits, read_pixel_scale, split_hdu

RNG = np.random.default_rng(7)


def test_fits_is_native_float32_from_the_first_image_hdu(tmp_path):
    data = RNG.random((11, 13)).astype(">f8")
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.zeros(2))])
    path = write_hdus(
        tmp_path / "a.fits", fits.PrimaryHDU(), table, fits.ImageHDU(data, name="SCI")
    )
    image = read_image(path)
    assert image.dtype == np.float32
    assert image.dtype.isnative
    np.testing.assert_array_equal(image[..., 0], data.astype(np.float32))


@pytest.mark.parametrize("suffix", [".fits", ".fit", ".fits.gz", ".fits.fz"])
def test_compressed_fits(tmp_path, suffix):
    data = RNG.integers(0, 1000, (24, 32)).astype(np.int16)
    path = write_hdus(tmp_path / f"a{suffix}", fits.PrimaryHDU(), fits.CompImageHDU(data))
    np.testing.assert_array_equal(read_image(path)[..., 0], data)


def test_fits_scaling_and_blank_pixels(tmp_path):
    hdu = fits.PrimaryHDU(np.array([[1, 2, 3], [4, 5, -999]], np.int16))
    hdu.header["BLANK"] = -999
    hdu.header["BZERO"] = 10.0
    hdu.header["BSCALE"] = 0.5
    image = read_image(write_hdus(tmp_path / "a.fits", hdu))[..., 0]
    np.testing.assert_allclose(image[0], [10.5, 11, 11.5])
    assert np.isnan(image[1, 2])


def test_unsigned_integers_of_bzero(tmp_path):
    data = np.array([[0, 1, 32767], [32768, 40000, 65535]], np.uint16)
    path = write_hdus(tmp_path / "a.fits", fits.PrimaryHDU(data))
    assert fits.getheader(path)["BZERO"] == 32768
    np.testing.assert_array_equal(read_image(path)[..., 0], data)


def test_pixels_that_floats_would_round_are_refused(tmp_path):
    data = np.array([[1, 40000], [2, 3]], np.uint64)
    refusal_of(write_hdus(tmp_path / "a.fits", fits.PrimaryHDU(data)), "store them as float32")


def test_blank_pixels_of_unsigned_integers(tmp_path):
    hdu = fits.PrimaryHDU(np.array([[-32768, -32000], [5, 32767]], np.int16))
    hdu.header["BLANK"] = -32768
    path = write_hdus(tmp_path / "a.fits", hdu)
    fits.setval(path, "BZERO", value=32768)
    expected = [[np.nan, 768], [32773, 65535]]
    np.testing.assert_array_equal(read_image(path)[..., 0], expected)


def test_fits_that_hold_no_image(tmp_path):
    empty = write_hdus(tmp_path / "empty.fits", fits.PrimaryHDU())
    refusal_of(empty, "no HDU of this FITS file holds an image")
    (tmp_path / "text.fits").write_text("SIMPLE minded" * 400)
    refusal_of(tmp_path / "text.fits", "not a FITS file, or a damaged one")
    spectrum = write_hdus(tmp_path / "spectrum.fits", fits.PrimaryHDU(np.zeros(50)))
    refusal_of(spectrum, "is not one image")
    deep = write_hdus(tmp_path / "deep.fits", fits.PrimaryHDU(np.zeros((30, 8, 8))))
    refusal_of(deep, "at most 10 bands")


def test_truncated_fits_and_one_that_claims_the_world(tmp_path, recwarn):
    whole = write_hdus(tmp_path / "whole.fits", fits.PrimaryHDU(RNG.random((60, 60))))
    (tmp_path / "half.fits").write_bytes(whole.read_bytes()[:9000])
    refusal_of(tmp_path / "half.fits", "truncated")
    forged = whole.read_bytes().replace(
        b"NAXIS1  =                   60", b"NAXIS1  =           6000000000"
    )
    (tmp_path / "forged.fits").write_bytes(forged)
    refusal_of(tmp_path / "forged.fits", "forged.fits: ")
    assert not recwarn.list


def header(scale, angle=0.0):
    """A tangent projection of so many arcsec a pixel, turned by so many degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (150.1, 2.2), (32, 32)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.cd = scale / 3600 * np.array([[-c, s], [s, c]])
    return wcs.to_header()


def write(path, head, **kind):
    fits.writeto(path, np.zeros((64, 64), np.float32), head, **kind)
    return path


@pytest.mark.parametrize("angle", [0, 30, 90])
@pytest.mark.parametrize("scale", [0.05, 0.2634])
def test_it_is_that_of_the_coordinates_however_they_are_turned(tmp_path, scale, angle):
    path = write(tmp_path / "a.fits", header(scale, angle))
    assert read_pixel_scale(path) == pytest.approx(scale, rel=1e-6)
    assert read_pixel_scale([None, path]) == pytest.approx(scale, rel=1e-6)


def test_extensions_compressed_and_gzipped_files(tmp_path):
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus.append(fits.CompImageHDU(np.zeros((64, 64), np.float32), header(0.1), name="SCI"))
    hdus.append(fits.ImageHDU(np.zeros((64, 64), np.float32), header(0.3), name="DQ"))
    path = tmp_path / "b.fits"
    hdus.writeto(path)
    assert read_pixel_scale(path) == pytest.approx(0.1)
    assert read_pixel_scale(f"{path}[DQ]") == pytest.approx(0.3)
    packed = tmp_path / "c.fits.gz"
    packed.write_bytes(gzip.compress(write(tmp_path / "c.fits", header(0.2)).read_bytes()))
    assert read_pixel_scale(packed) == pytest.approx(0.2)


def test_nothing_where_nothing_is_said(tmp_path):
    assert read_pixel_scale(write(tmp_path / "d.fits", None)) is None
    damaged = tmp_path / "e.fits"
    damaged.write_bytes(b"SIMPLE  =")
    assert read_pixel_scale(damaged) is None
    assert read_pixel_scale(tmp_path / "absent.fits") is None
    assert read_pixel_scale(tmp_path / "f.npy") is None
    assert read_pixel_scale([None]) is None


# the choice of an HDU


def _several(folder: Path, *names: str) -> Path:
    """A file of images; "SCI,2" is the second of its name, and all hold their position."""
    hdus: list = [fits.PrimaryHDU()]
    for at, label in enumerate(names, 1):
        name, _, version = label.partition(",")
        hdus.append(fits.ImageHDU(np.full((4, 5), at), name=name, ver=int(version or 1)))
    return write_hdus(folder / "several.fits", *hdus)


def test_brackets_name_a_number_a_name_or_name_and_version(tmp_path):
    path = _several(tmp_path, "SCI", "ERR", "SCI,2")
    for bracket, at in (("1", 1), ("ERR", 2), ("sci,2", 3), ("SCI, 1", 1)):
        assert read_image(f"{path}[{bracket}]")[0, 0, 0] == at
    assert read_fits(str(path), "SCI,2").header["EXTVER"] == 2
    assert split_hdu("a.fits.gz[SCI,2]") == ("a.fits.gz", "SCI,2")
    assert split_hdu("a[1].npy") == ("a[1].npy", None)


def test_a_choice_that_could_mean_two_images_is_refused(tmp_path):
    path = _several(tmp_path, "SCI", "ERR", "SCI,2")
    assert "1 SCI 4 x 5, 2 ERR 4 x 5, 3 SCI,2 4 x 5" in refusal_of(path, "holds 3 images")
    assert "3 SCI,2" in refusal_of(f"{path}[SCI]", "2 HDUs are called 'SCI'")
    assert "1 SCI" in refusal_of(f"{path}[SCI,3]", "no HDU 'SCI,3'")


def test_the_only_science_image_among_errors_and_masks_is_the_image(tmp_path):
    assert read_image(_several(tmp_path, "WHT", "SCI", "DQ"))[0, 0, 0] == 2


# what a file claims


def _card(content: bytes, key: str, value: str) -> bytes:
    at = content.index(key.ljust(8).encode() + b"=")
    return content[: at + 10] + value.rjust(20).encode() + content[at + 30 :]


def test_a_small_compressed_file_may_not_claim_a_large_image(tmp_path):
    hdu = fits.CompImageHDU(np.zeros((64, 64), np.float32))
    path = write_hdus(tmp_path / "a.fits.fz", fits.PrimaryHDU(), hdu)
    content = path.read_bytes()
    for key in ("ZNAXIS1", "ZNAXIS2"):
        content = _card(content, key, "40000")
    path.write_bytes(content)
    refusal_of(path, "too large")
    plain = write_hdus(tmp_path / "b.fits", fits.PrimaryHDU(np.zeros((64, 64), np.float32)))
    content = plain.read_bytes()
    for key in ("NAXIS1", "NAXIS2"):
        content = _card(content, key, "40000")
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress(content))
    refusal_of(tmp_path / "b.fits.gz", "GiB")


def test_other_kinds_under_the_name_of_fits(tmp_path):
    import bz2

    whole = write_hdus(tmp_path / "whole.fits", fits.PrimaryHDU(RNG.random((60, 60)))).read_bytes()
    (tmp_path / "a.fits").write_bytes(bz2.compress(whole))
    refusal_of(tmp_path / "a.fits", "not a FITS file")
    os.mkfifo(tmp_path / "b.fits")
    refusal_of(tmp_path / "b.fits", "not a regular file")


@pytest.mark.parametrize("hdu", ["9" * 5000, "-1", "\u0663", ",", "0,0", "SCI," + "9" * 5000])
def test_a_choice_that_is_no_hdu(tmp_path, hdu):
    path = _several(tmp_path, "SCI")
    assert "holds no image" not in refusal_of(f"{path}[{hdu}]", "no HDU")
