"""A search: the rows of predict on the same cutouts, resume, shards, workers, and bad input."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from tinysky import BANDS, make_wcs, write_image, write_sky

from lenszoo.errors import LenszooError

WEIGHTS = "lens_finder.hard_sim_image"


def test_finished_parts_are_kept_and_parts_cut_off_are_done_again(sky, tmp_path, look, rows_of):
    look(sky, tmp_path / "out")
    expected = rows_of(tmp_path / "out")
    parts = sorted((tmp_path / "out" / "parts").iterdir())
    kept = {path: path.stat().st_mtime_ns for path in parts[2:]}
    parts[0].unlink()
    parts[1].write_bytes(parts[1].read_bytes()[:-40])
    result = look(sky, tmp_path / "out")
    assert result.rate is not None and result.complete
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert rows_of(tmp_path / "out") == expected
    assert look(sky, tmp_path / "out").rate is None  # nothing was left to do


@pytest.fixture
def own(tmp_path):
    """A sky that a test may spoil."""
    write_sky(tmp_path, tiles=3, objects=60)
    return tmp_path


def test_bad_tiles_are_told_of_and_mended_ones_are_searched_later(own, look, rows_of):
    tiles = own / "tiles"
    look(own, own / "expected")
    sound = (tiles / "t0" / "r.fits").read_bytes()
    (tiles / "t0" / "r.fits").write_bytes(sound[:9000])
    result = look(own, own / "out")
    assert not result.complete and result.candidates == 10
    assert len(result.bad_tiles) == 1 and "t0/r.fits: truncated" in result.bad_tiles[0]
    (reason,) = result.left_out
    assert reason.startswith("in no sound tile: ") and "t0/r.fits: truncated" in reason
    assert result.searched + result.left_out[reason] == 60
    (tiles / "t0" / "r.fits").write_bytes(sound)
    assert look(own, own / "out").complete
    rows = {row["id"]: row for row in pq.read_table(own / "expected" / "parts").to_pylist()}
    again = pq.read_table(own / "out" / "candidates.parquet").to_pylist()
    assert again == pq.read_table(own / "expected" / "candidates.parquet").to_pylist()
    assert len(rows) == 60


def test_objects_of_a_tile_that_lacks_a_band_are_left_out_by_name(own, look):
    (own / "tiles" / "t2" / "i.fits").unlink()
    result = look(own, own / "out")
    reason = "in no sound tile: tile t2 lacks band i"
    assert result.left_out[reason] > 0
    left_out = pq.read_table(own / "out" / "left_out.parquet").to_pylist()
    assert {row["reason"] for row in left_out} == {reason}
    assert len(left_out) == result.left_out[reason]


def test_a_tile_that_breaks_while_it_is_read_is_done_again(own, look, rows_of):
    tiles = own / "tiles"
    for tile in ("t0", "t1", "t2"):
        for band in BANDS:
            path = tiles / tile / f"{band}.fits"
            with fits.open(path) as hdus:
                hdu = fits.CompImageHDU(hdus[0].data, hdus[0].header, quantize_level=64.0)
                fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(f"{path}.fz")
            path.unlink()
    broken = tiles / "t1" / "r.fits.fz"
    sound = broken.read_bytes()
    broken.write_bytes(sound[: len(sound) // 3] + b"\xff" * (len(sound) - len(sound) // 3))
    options = {"pattern": "{tile}/{band}.fits.fz"}
    result = look(own, own / "out", **options)
    assert not result.complete and "t1" in result.failures[0] and "damaged" in result.failures[0]
    rows, _ = rows_of(own / "out")
    assert len(rows) == 60
    failed = [row for row in rows.values() if row["logit"] is None]
    assert failed and all("damaged" in row["error"] for row in failed if row["tile"] == "t1")
    broken.write_bytes(sound)
    assert look(own, own / "out", **options).complete


def test_tiles_of_another_pixel_scale_are_left_out_or_resampled(own, look):
    for tile in ("t0", "t1", "t2"):
        for band in BANDS:
            path = own / "tiles" / tile / f"{band}.fits"
            ra = 150.0 + 0.8 * 300 * 0.2 / 3600 * int(tile[1])
            image = np.random.default_rng(0).normal(0, 0.03, (200, 200)).astype(np.float32)
            write_image(path, image, make_wcs(ra, 2.0, (200, 200), scale=0.3))
    with pytest.raises(LenszooError, match=r"0\.3 arcsec a pixel.*resample=True"):
        look(own, own / "out")
    result = look(own, own / "other", resample=True, on_bad="fill", any_scale=True)
    assert result.complete and result.scored == 60


def test_tiles_in_another_unit_are_refused_or_brought_to_the_zero_point(own, look, rows_of):
    look(own, own / "expected", sky="border")
    for path in (own / "tiles").rglob("*.fits"):
        with fits.open(path, mode="update") as hdus:
            hdus[0].data = hdus[0].data * np.float32(100) + np.float32(2)
    with pytest.raises(LenszooError, match=r"times that of the training.*any_scale=True"):
        look(own, own / "out", sky="border")
    look(own, own / "any", sky="border", any_scale=True)
    for path in (own / "tiles").rglob("*.fits"):
        with fits.open(path, mode="update") as hdus:
            hdus[0].header["MAGZERO"] = 30.0
    look(own, own / "out", sky="border")
    rows, expected = rows_of(own / "out")[0], rows_of(own / "expected")[0]
    for name, row in rows.items():
        if row["logit"] is not None:
            assert row["logit"] == pytest.approx(expected[name]["logit"], abs=1e-3)


def test_another_zero_point_in_a_table_of_tiles_is_another_search_of_the_tile(own, look, rows_of):
    def table(points):
        lines = ["tile,band,path,zero_point"]
        for tile, point in points.items():
            lines += [f"{tile},{band},tiles/{tile}/{band}.fits,{point}" for band in BANDS]
        (own / "tiles.csv").write_text("\n".join(lines))
        return {"tiles": own / "tiles.csv", "any_scale": True}

    before = look(own, own / "out", **table({"t0": 25.0, "t1": 25.0, "t2": 25.0}))
    options = table({"t0": 25.0, "t1": 24.0, "t2": 25.0})
    after, fresh = look(own, own / "out", **options), look(own, own / "fresh", **options)
    assert before.complete and after.complete and after.scored == fresh.scored
    expected, _ = rows_of(own / "fresh")
    rows = pq.read_table(own / "out" / "parts").to_pylist()
    assert len(rows) == len(expected)  # answers of the former plan are gone
    for row in rows:
        assert row["logit"] == pytest.approx(expected[row["id"]]["logit"], abs=1e-5)


def test_masked_pixels_are_bad_and_planes_of_a_cube_are_bands(own, look, rows_of):
    look(own, own / "expected", on_bad="fill")
    expected, _ = rows_of(own / "expected")
    for tile in ("t0", "t1", "t2"):
        with fits.open(own / "tiles" / tile / "g.fits") as hdus:
            header, shape = hdus[0].header, hdus[0].data.shape
        planes = np.stack([fits.getdata(own / "tiles" / tile / f"{band}.fits") for band in BANDS])
        flags = np.zeros(shape, np.int32)
        flags[::2, ::2], flags[1::2] = 8, 1
        (own / "cubes").mkdir(exist_ok=True)
        fits.writeto(own / "cubes" / f"{tile}.fits", planes, header)
        fits.writeto(own / "cubes" / f"{tile}.mask.fits", flags, header)
    options = {"pattern": "{tile}.fits", "on_bad": "fill", "bands": BANDS}
    options |= {"masks": "{tile}.mask.fits", "mask_bits": 8, "tiles": own / "cubes"}
    assert look(own, own / "out", **options).complete
    rows, _ = rows_of(own / "out")
    assert rows.keys() == expected.keys()
    for name, row in rows.items():
        if not expected[name]["bad_pixels"]:
            assert row["bad_pixels"] == 3 * 64 * 64 / 4
    one = fits.getdata(own / "cubes" / "t1.mask.fits")
    fits.writeto(own / "cubes" / "t1.mask.fits", one[:50], overwrite=True)
    (own / "cubes" / "t2.mask.fits").unlink()
    faults = look(own, own / "other", **options).bad_tiles
    assert "(50, 300) pixels, but" in faults[0] and "lacks the mask of g" in faults[1]
    options["masks"] = None
    for file in (own / "cubes").glob("*.mask.fits"):
        file.unlink()
    assert look(own, own / "plain", **options).complete
    rows, _ = rows_of(own / "plain")
    for name, row in rows.items():
        assert row["logit"] == pytest.approx(expected[name]["logit"], abs=1e-5)
    options |= {"bands": ("g", "r"), "weights": WEIGHTS}
    with pytest.raises(LenszooError, match="names 2"):
        look(own, own / "two", **options)
