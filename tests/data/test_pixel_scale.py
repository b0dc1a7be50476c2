"""The pixel scale that a header gives, against coordinates made by astropy."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from lenszoo.data.pixel_scale import read_pixel_scale


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
