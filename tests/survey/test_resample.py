import numpy as np
import pytest
from tinysky import make_wcs, paint, write_image
from tinytile import DEC, RA, SHAPE, positions, tile_of, write_tile

from lenszoo.data import read_image
from lenszoo.survey.cutouts import TileCutter


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
