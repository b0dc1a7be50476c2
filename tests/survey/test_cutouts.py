"""Cutouts: the same pixels as astropy's, NaN beyond edges, and resampling true to the WCS."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from tinysky import SCALE, make_wcs, paint, write_image

from lenszoo.data import read_image
from lenszoo.errors import LenszooError
from lenszoo.survey.cutouts import TileCutter, suits
from lenszoo.survey.footprints import Tile, read_grid
from lenszoo.survey.pixels import Pixels

SHAPE = (200, 230)
RA, DEC = 150.0, 2.0
ENDINGS = (".fits", ".fits.gz", ".fits.fz")


def positions(count=60, spread=0.0055, seed=3):
    rng = np.random.default_rng(seed)
    return RA + rng.uniform(-spread, spread, count), DEC + rng.uniform(-spread, spread, count)


def write_tile(folder, ending=".fits", dtype=np.float32, **options):
    wcs = make_wcs(RA, DEC, SHAPE, **options)
    image = np.random.default_rng(0).normal(0, 50, SHAPE).astype(dtype)
    write_image(folder / f"image{ending}", image, wcs)
    return folder / f"image{ending}", wcs


def tile_of(*paths, zero_points=None):
    grids = tuple(read_grid(str(path)) for path in paths)
    return Tile("a", grids, zero_points or (None,) * len(grids))


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


@pytest.mark.parametrize("ending", [".fits", ".fits.gz"])
def test_scaled_integers_and_blanks_are_read_as_elsewhere(tmp_path, ending):
    image = np.arange(400, dtype=np.int16).reshape(20, 20)
    header = make_wcs(RA, DEC, (20, 20)).to_header()
    hdu = fits.PrimaryHDU(image, header)
    hdu.header["BLANK"] = 7
    hdu.header["BSCALE"], hdu.header["BZERO"] = 0.5, 100.0
    hdu.writeto(tmp_path / f"a{ending}")
    pixels = Pixels(read_grid(str(tmp_path / f"a{ending}")))
    sections = pixels.cutouts(np.array([0]), np.array([0]), (20, 20))
    pixels.close()
    np.testing.assert_array_equal(sections[0], read_image(tmp_path / f"a{ending}")[..., 0])
    assert np.isnan(sections[0, 0, 7]) and sections[0, 0, 8] == 104.0


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


@pytest.mark.parametrize(
    ("options", "scale"),
    [({"angle": 30.0}, 0.2), ({"scale": 0.15, "angle": -75.0}, 0.2), ({"scale": 0.27}, 0.2),
     ({"scale": 0.08, "angle": 10.0}, 0.2), ({"sip": True}, 0.2)],
)  # fmt: skip
def test_resampled_cutouts_show_the_object_in_the_middle_with_its_flux(tmp_path, options, scale):
    size, width, flux = (41, 41), 0.8, 100.0
    wcs = make_wcs(RA, DEC, SHAPE, **options)
    ra, dec = positions(8, 0.001)
    paths = []
    for k in range(len(ra)):
        image = paint(wcs, SHAPE, ra[k : k + 1], dec[k : k + 1], [flux], width)
        write_image(tmp_path / f"{k}.fits", image, wcs)
        paths.append(tmp_path / f"{k}.fits")
    y, x = np.mgrid[:41, :41] - 20
    sigma = width / scale
    expected = flux * np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    for k, path in enumerate(paths):
        with TileCutter(tile_of(path), size, scale) as cutter:
            image = cutter.cut(ra[k : k + 1], dec[k : k + 1])[0, ..., 0]
        assert np.abs(image - expected).max() < 0.03 * expected.max()
        assert abs(image.sum() / flux - 1) < 0.01
        centre = [(image * p).sum() / image.sum() for p in (x, y)]
        assert np.abs(centre).max() < 0.02


def test_resampled_north_is_up_and_east_to_the_left(tmp_path):
    wcs = make_wcs(RA, DEC, SHAPE, angle=123.0, scale=0.15)
    east, north = 2.0 / 3600 / np.cos(np.radians(DEC)), 3.0 / 3600
    image = paint(wcs, SHAPE, [RA + east], [DEC + north], [10.0], 0.5)
    write_image(tmp_path / "a.fits", image, wcs)
    with TileCutter(tile_of(tmp_path / "a.fits"), (61, 61), 0.2) as cutter:
        cutout = cutter.cut(np.array([RA]), np.array([DEC]))[0, ..., 0]
    y, x = np.unravel_index(cutout.argmax(), cutout.shape)
    assert (y - 30, x - 30) == (15, -10)


def test_resampled_cutouts_are_nan_beyond_the_edge_and_at_masked_pixels(tmp_path):
    path, wcs = write_tile(tmp_path, scale=0.15)
    image = read_image(path)[..., 0]
    image[100, 115] = np.nan
    write_image(path, image, wcs)
    edge = wcs.pixel_to_world_values(0.0, 100.0)
    with TileCutter(tile_of(path), (20, 20), 0.2) as cutter:
        middle, side = cutter.cut(np.array([RA, edge[0]]), np.array([DEC, edge[1]]))[..., 0]
    assert 1 <= np.isnan(middle).sum() <= 9
    assert 0.4 < np.isnan(side).mean() < 0.6


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


def test_a_file_that_changed_or_is_damaged_is_told_of(tmp_path):
    path, _ = write_tile(tmp_path, ".fits.fz")
    grid = read_grid(str(path))
    content = bytearray(path.read_bytes())
    path.write_bytes(content + b"\0" * 2880)
    with pytest.raises(LenszooError, match="changed"):
        Pixels(grid)
    content[-len(content) // 3 :] = b"\xff" * len(content[-len(content) // 3 :])
    path.write_bytes(content)
    pixels = Pixels(read_grid(str(path)))
    with pytest.raises(LenszooError, match="damaged"):
        pixels.cutouts(np.array([0]), np.array([0]), SHAPE)
