"""Cutouts: the same pixels as astropy's, NaN beyond edges, and resampling true to the WCS."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from oneline import one_line
from tinysky import SCALE, make_wcs, paint, write_image

from lenszoo.data import read_image
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


@pytest.mark.parametrize("angle", [0.0, 123.0])
@pytest.mark.parametrize("flip", [1, -1])
def test_bands_turned_against_the_first_are_turned_to_its_axes(tmp_path, angle, flip):
    first, other = (
        make_wcs(RA, DEC, SHAPE, angle=a, scale=s) for a, s in ((angle, 0.2), (40, 0.15))
    )
    first.wcs.cd = first.wcs.cd * np.array([1, flip])
    x, y = SHAPE[1] / 2 - 0.5, SHAPE[0] / 2 - 0.5  # the middle of an odd cutout
    ra, dec = first.all_pix2world(np.array([x, x + 15]), np.array([y, y - 10]), 0)
    for name, wcs in (("a", first), ("b", other)):
        image = paint(wcs, SHAPE, ra[1:], dec[1:], [10.0], 0.5)
        write_image(tmp_path / f"{name}.fits", image, wcs)
    with TileCutter(tile_of(tmp_path / "a.fits", tmp_path / "b.fits"), (61, 61), 0.2) as cutter:
        cutout = cutter.cut(ra[:1], dec[:1])[0]
    for band in range(2):
        row, column = np.unravel_index(cutout[..., band].argmax(), (61, 61))
        assert (row - 30, column - 30) == (-10, 15)
    assert np.abs(cutout[..., 0] - cutout[..., 1]).max() < 0.03 * cutout.max()


def test_straight_and_turned_pixels_are_interpolated_alike(tmp_path, monkeypatch):
    import lenszoo.survey.resample as module

    path, _ = write_tile(tmp_path, scale=0.16, angle=1.0)
    image = read_image(path)[..., 0]
    image[90, 110] = np.nan
    write_image(path, image, make_wcs(RA, DEC, SHAPE, scale=0.16, angle=1.0))
    ra, dec = positions(20, 0.003)
    results = []
    for tolerance in (0.02, -1.0):
        monkeypatch.setattr(module, "_STRAIGHT", tolerance)
        with TileCutter(tile_of(path), (24, 24), 0.2) as cutter:
            results.append(cutter.cut(ra, dec))
    bad = np.isnan(results[0])
    assert bad.any() and (bad != np.isnan(results[1])).mean() < 0.001
    both = ~(bad | np.isnan(results[1]))
    # straight lines are off by at most 0.02 pixels of an image of noise 50
    assert np.abs(results[0] - results[1])[both].max() < 0.02 * 3 * 50


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
    one_line("changed", lambda: Pixels(grid))
    content[-len(content) // 3 :] = b"\xff" * len(content[-len(content) // 3 :])
    path.write_bytes(content)
    pixels = Pixels(read_grid(str(path)))
    one_line("damaged", lambda: pixels.cutouts(np.array([0]), np.array([0]), SHAPE))
