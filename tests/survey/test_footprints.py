"""Footprints: read once, faults in one line, and the tile whose edge is farthest."""

import numpy as np
import pytest
from astropy.io import fits
from tinysky import BANDS, SCALE, make_wcs, write_image, write_sky

from lenszoo.data.grids import read_grid
from lenszoo.survey.footprints import SkyTree, Tile, read_tiles
from lenszoo.survey.tiles import list_tiles


def read(folder, **options):
    files = list_tiles(folder / "tiles", BANDS, "{tile}/{band}.fits*", **options)
    return read_tiles(files, BANDS, folder / "index.parquet", lambda grids: None)


def test_headers_are_read_once(tmp_path, monkeypatch):
    write_sky(tmp_path, side=60)
    first = read(tmp_path)
    import lenszoo.data.grids as module

    calls = []
    monkeypatch.setattr(module, "locate_image", lambda p: calls.append(p) or 1 / 0)
    assert read(tmp_path) == first and not calls
    (tmp_path / "tiles" / "t0" / "r.fits").touch()
    with pytest.raises(ZeroDivisionError):
        read(tmp_path)
    assert calls == [str(tmp_path / "tiles" / "t0" / "r.fits")]


def test_a_bad_tile_is_told_of_and_the_rest_goes_on(tmp_path):
    write_sky(tmp_path, tiles=5, side=60)
    tiles = tmp_path / "tiles"
    (tiles / "t0" / "r.fits").write_bytes((tiles / "t0" / "r.fits").read_bytes()[:8000])
    fits.writeto(tiles / "t1" / "r.fits", np.zeros((60, 60), np.float32), overwrite=True)
    (tiles / "t2" / "i.fits").unlink()
    header = make_wcs(1, 2, (60, 60)).to_header()
    header["CTYPE1"], header["CTYPE2"] = "GLON-TAN", "GLAT-TAN"
    fits.writeto(tiles / "t3" / "r.fits", np.zeros((60, 60), np.float32), header, overwrite=True)
    faults = [tile.fault for tile in read(tmp_path)]
    assert faults == [tile.fault for tile in read(tmp_path)]  # also from the index
    assert "t0/r.fits: truncated" in faults[0] and "t1/r.fits: its header has no WCS" in faults[1]
    assert faults[2] == "tile t2 lacks band i" and "GLON" in faults[3] and faults[4] is None


def test_zero_points_are_known_of_all_bands_or_of_none(tmp_path):
    write_sky(tmp_path, tiles=2, side=60)
    with fits.open(tmp_path / "tiles" / "t0" / "r.fits", mode="update") as hdus:
        hdus[0].header["MAGZERO"] = 30.0
    files = list_tiles(tmp_path / "tiles", BANDS, "{tile}/{band}.fits*")
    index = tmp_path / "index.parquet"
    faults = [
        tile.fault for tile in read_tiles(files, BANDS, index, lambda grids: None, True)
    ]  # fmt: skip
    assert faults[0].startswith("tile t0: the zero point of g, i is unknown, but others are 30 mag")
    assert faults[1].startswith("tile t1: the zero point of g, r, i is unknown")
    same = read_tiles(files, BANDS, index, lambda grids: None, True, target=30.0)
    assert [tile.fault for tile in same] == [None, None]  # nothing changes fluxes
    assert [tile.fault for tile in read(tmp_path, zero_point=27.0)] == [None, None]
    assert [tile.fault for tile in read(tmp_path)] == [None, None]
    one, other = (read(tmp_path, zero_point=value)[1].stamp for value in (27.0, 28.0))
    assert one != other


def test_a_position_goes_to_the_tile_whose_edge_is_farthest(tmp_path):
    tiles = []
    for k, ra in enumerate((359.99, 0.005, 0.02)):  # across the meridian of 0
        write_image(
            tmp_path / f"{k}.fits", np.zeros((300, 300), np.float32), make_wcs(ra, 80.0, (300, 300))
        )
        tiles.append(Tile(str(k), (read_grid(str(tmp_path / f"{k}.fits")),), (None,)))
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(-0.2, 0.2, 500) % 360, 80 + rng.uniform(-0.02, 0.02, 500)
    at, edge = SkyTree(tiles).assign(ra, dec)
    edges = np.array([tile.edge(ra, dec) for tile in tiles])
    inside = edges.max(0) > 0
    np.testing.assert_array_equal(at, np.where(inside, edges.argmax(0), -1))
    np.testing.assert_allclose(edge[inside], edges.max(0)[inside])
    assert set(at) == {-1, 0, 1, 2}
    assert edge.max() <= 150 * SCALE
    assert SkyTree([]).assign(ra, dec)[0].max() == -1
    far = SkyTree(tiles).assign(np.array([180.0, 90.0]), np.array([-80.0, 0.0]))
    assert far[0].tolist() == [-1, -1]


def test_the_smallest_band_bounds_a_tile(tmp_path):
    paths = [tmp_path / "g.fits", tmp_path / "r.fits"]
    for path, side in zip(paths, (300, 100), strict=True):
        write_image(path, np.zeros((side, side), np.float32), make_wcs(10.0, 0.0, (side, side)))
    tile = Tile("a", tuple(read_grid(str(path)) for path in paths), (None, None))
    edge = tile.edge(np.array([10.0, 10.0 + 60 * SCALE / 3600]), np.zeros(2))
    assert edge[0] == pytest.approx(50 * SCALE) and edge[1] < 0
