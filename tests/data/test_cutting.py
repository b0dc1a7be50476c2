"""Squares at positions of a table: astropy's pixels, and refusals of what could mean two things."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from oneline import one_line
from tinysky import make_wcs
from tinytile import DEC, RA, SHAPE, positions, write_tile

from lenszoo.data import read_image
from lenszoo.data.cutting import Cut
from lenszoo.data.listing import ImageTable, as_index


def write_table(folder, columns):
    names, values = list(columns), zip(*columns.values(), strict=True)
    lines = [",".join(names), *(",".join(map(str, row)) for row in values)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return folder / "t.csv"


def cut(table, size=16, **columns):
    return as_index(ImageTable(table, cut=Cut(size, columns)))


@pytest.mark.parametrize("ending", [".fits", ".fits.gz", ".fits.fz"])
@pytest.mark.parametrize("size", [16, 15])
def test_squares_are_those_of_astropy_in_pixels_and_on_the_sky(tmp_path, ending, size):
    path, wcs = write_tile(tmp_path, ending)
    ra, dec = positions(20)
    x, y = wcs.all_world2pix(ra, dec, 0)
    whole = read_image(path)[..., 0]
    inside = (x > 0) & (x < SHAPE[1] - 1) & (y > 0) & (y < SHAPE[0] - 1)
    columns = {"path": [path.name] * 20, "ra": ra.tolist(), "dec": dec.tolist()}
    on_sky = cut(write_table(tmp_path, columns), size)
    columns = {"path": [path.name] * 20, "x": x.tolist(), "y": y.tolist()}
    in_pixels = cut(write_table(tmp_path, columns), size)
    assert inside.sum() > 10
    for row in np.flatnonzero(inside):
        at = SkyCoord(ra[row], dec[row], unit="deg")
        expected = Cutout2D(whole, at, size, wcs, mode="partial", fill_value=np.nan).data
        for index in (on_sky, in_pixels):
            np.testing.assert_array_equal(read_image(index.paths[row])[..., 0], expected)


def test_images_of_several_bands_and_of_other_formats(tmp_path):
    cube = np.random.default_rng(0).random((40, 50, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", cube)
    fits.writeto(
        tmp_path / "a.fits", cube.transpose(2, 0, 1), make_wcs(RA, DEC, (40, 50)).to_header()
    )
    columns = {"path": ["a.npy", "a.fits"], "x": [10, 10], "y": [20, 20]}
    index = cut(write_table(tmp_path, columns), 5)
    for path in index.paths:
        np.testing.assert_array_equal(read_image(path), cube[18:23, 8:13])
    columns = {"path": ["a.fits", "a.npy"], "ra": [RA, RA], "dec": [DEC, DEC]}
    index = cut(write_table(tmp_path, columns), 4)
    np.testing.assert_array_equal(read_image(index.paths[0]), cube[18:22, 23:27])
    one_line("a.npy: only a FITS file has coordinates", lambda: read_image(index.paths[1]))


def test_bands_in_files_of_their_own(tmp_path):
    for k, name in enumerate("gr"):
        np.save(tmp_path / f"{name}.npy", np.full((20, 20), k) + np.eye(20))
    table = write_table(tmp_path, {"g": ["g.npy"], "r": ["r.npy"], "x": [3], "y": [4]})
    from lenszoo.data import DatasetIndex

    index = DatasetIndex.from_csv(
        table, path_column=["g", "r"], id_column=None, label_column=None, cut=Cut(4)
    )
    image = read_image(index.paths[0])
    assert image.shape == (4, 4, 2) and image.min(axis=(0, 1)).tolist() == [0, 1]


def test_beyond_the_edges_is_nan_and_outside_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((10, 12), np.float32))
    columns = {"path": ["a.npy"] * 5, "x": [0, 12, -0.6, "", 11.4], "y": [9, 5, 5, 5, 9.4]}
    index = cut(write_table(tmp_path, columns), 4)
    corner = read_image(index.paths[0])[..., 0]
    assert np.isnan(corner[:, 0]).all() and np.isnan(corner[3]).all() and corner[0, 2] == 1
    for row in (1, 2):
        one_line("outside the image of 10 x 12", lambda row=row: read_image(index.paths[row]))
    one_line("gives no position", lambda: read_image(index.paths[3]))
    assert np.isfinite(read_image(index.paths[4])).sum() == 4
    fits.writeto(tmp_path / "a.fits", np.ones((10, 12), np.float32))
    columns = {"path": ["a.fits", "a.fits"], "ra": [RA, RA], "dec": [DEC, 95]}
    index = cut(write_table(tmp_path, columns), 4)
    one_line("a.fits: its header has no WCS", lambda: read_image(index.paths[0]))


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        ({"x": [1], "y": [1], "ra": [1], "dec": [1]}, {}, "x and y as well as ra and dec"),
        ({"a": [1]}, {}, "no columns x and y (pixels from 0), nor ra and dec"),
        ({"X_IMAGE": [1], "y": [1]}, {"x": "X_IMAGE", "y": "y"}, "counts pixels from 1"),
        ({"x": [1], "y": [1]}, {"x": "x"}, "name x and y, or ra and dec"),
        ({"x": [1], "y": [1]}, {"x": "x", "y": "z"}, "no column 'z'"),
        ({"x": ["10:00"], "y": [1]}, {}, "has '10:00' in column 'x'"),
    ],
)
def test_positions_that_could_mean_two_things_are_refused(tmp_path, columns, names, message):
    np.save(tmp_path / "a.npy", np.ones((10, 12), np.float32))
    table = write_table(tmp_path, {"path": ["a.npy"]} | columns)
    one_line(message, lambda: cut(table, 4, **names))


def test_both_pairs_with_a_choice(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100.0).reshape(10, 10))
    columns = {"path": ["a.npy"], "x": [4], "y": [5], "ra": [1], "dec": [1]}
    index = cut(write_table(tmp_path, columns), 1, x="x", y="y")
    assert index.ids == ("0",) and read_image(index.paths[0]).item() == 54
    assert index.beside.column_names == ["x", "y", "ra", "dec"]
    for size in (0, True, 2.5):
        one_line("cutout_size must be a number of pixels", lambda size=size: Cut(size))
    one_line("at most 16,384 pixels", lambda: Cut(3_000_000_000))


def test_a_file_that_changes_is_opened_anew(tmp_path):
    table = write_table(tmp_path, {"path": ["a.npy"], "x": [4], "y": [5]})
    for value in (1.0, 2.0):
        np.save(tmp_path / "b.npy", np.full((10, 10), value))
        (tmp_path / "b.npy").replace(tmp_path / "a.npy")
        assert read_image(cut(table, 1).paths[0]).item() == value
