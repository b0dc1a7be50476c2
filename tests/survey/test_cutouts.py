"""Cutouts: the same pixels as astropy's, NaN beyond edges, and resampling true to the WCS."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from tinysky import SCALE, make_wcs
from tinytile import DEC, RA, SHAPE, positions, tile_of, write_tile

from lenszoo.data import read_image
from lenszoo.data.grids import read_grid
from lenszoo.survey.cutouts import TileCutter, suits
from lenszoo.survey.footprints import Tile

ENDINGS = (".fits", ".fits.gz", ".fits.fz")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("size", [(32, 32), (31, 33)])
def test_native_cutouts_are_those_of_astropy(tmp_path, ending, size):
    path, wcs = write_tile(tmp_path, ending)
    ra, dec = positions()
    with TileCutter(tile_of(path), size) as cutter:
        images = cutter.cut(ra, dec)[..., 0]
    whole = read_image(path)[..., 0]
    for k in range(len(ra)):
        expected = Cutout2D(
            whole, SkyCoord(ra[k], dec[k], unit="deg"), size, wcs, mode="partial", fill_value=np.nan
        )
        np.testing.assert_array_equal(images[k], expected.data)
    assert np.isnan(images).any() and np.isfinite(images).all((1, 2)).any()


def test_a_cutout_far_outside_is_all_nan(tmp_path):
    path, _ = write_tile(tmp_path, ".fits.fz")
    with TileCutter(tile_of(path), (16, 16)) as cutter:
        assert np.isnan(cutter.cut(np.array([RA + 1, RA + 180.0]), np.array([DEC, -DEC]))).all()


def test_hdus_go_by_name_and_zero_points_scale(tmp_path):
    wcs = make_wcs(RA, DEC, SHAPE)
    images = [np.random.default_rng(k).normal(0, 1, SHAPE).astype(np.float32) for k in range(2)]
    hdus = [fits.ImageHDU(i, wcs.to_header(), name=n) for i, n in zip(images, "GR", strict=True)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "a.fits")
    paths = [f"{tmp_path / 'a.fits'}[{name}]" for name in "RG"]
    tile = tile_of(*paths, zero_points=(22.5, None))
    with TileCutter(tile, (16, 16)) as cutter:
        cutout = cutter.cut(np.array([RA]), np.array([DEC]))[0]
    part = (
        slice(SHAPE[0] // 2 - 8, SHAPE[0] // 2 + 8),
        slice(SHAPE[1] // 2 - 8, SHAPE[1] // 2 + 8),
    )
    np.testing.assert_allclose(cutout[..., 0], images[1][part] * 10, rtol=1e-6)
    np.testing.assert_array_equal(cutout[..., 1], images[0][part])


def test_bands_on_other_grids_and_other_scales_need_resampling(tmp_path):
    grids = []
    for k, options in enumerate(({}, {"angle": 20.0}, {"scale": 0.3})):
        path, _ = write_tile(tmp_path / str(k), **options)
        grids.append(read_grid(str(path)))
    assert suits(grids[:1], SCALE, False, "model") is None
    assert "turned" in suits(grids[:2], SCALE, False, "model")
    assert "0.3 arcsec a pixel, but model learned at 0.2" in suits(grids[2:], SCALE, False, "model")
    assert suits(grids, SCALE, True, "model") is None
    ra, dec = positions(3, 0.001)
    tile = Tile("a", tuple(grids), (None,) * 3)
    with TileCutter(tile, (16, 16), SCALE) as cutter:
        assert np.isfinite(cutter.cut(ra, dec)).all()


def test_a_mask_value_is_that_of_the_file_whatever_the_zero_point(tmp_path):
    path, _ = write_tile(tmp_path, ".fits")
    ra, dec = positions()
    with TileCutter(tile_of(path), (32, 32)) as cutter:
        plain = cutter.cut(ra[:1], dec[:1])
    value = float(plain[0, 16, 16, 0])
    tile = Tile("t", (read_grid(str(path)),), (22.5,))
    with TileCutter(tile, (32, 32), zero_point=25.0, mask_value=value) as cutter:
        image = cutter.cut(ra[:1], dec[:1])[0, ..., 0]
    masked = plain[0, ..., 0] == np.float32(value)
    np.testing.assert_array_equal(np.isnan(image), masked | np.isnan(plain[0, ..., 0]))
    np.testing.assert_allclose(image[~masked], 10 * plain[0, ..., 0][~masked], rtol=1e-5)
