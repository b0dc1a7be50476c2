"""A search: the rows of predict on the same cutouts, resume, shards, workers, and bad input."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from tinysky import BANDS, make_wcs, write_image, write_sky

from lenszoo import predict
from lenszoo.errors import LenszooError
from lenszoo.inference import provenance_of
from lenszoo.survey.cutouts import TileCutter
from lenszoo.survey.footprints import read_tiles
from lenszoo.survey.tiles import list_tiles

WEIGHTS = "lens_finder.hard_sim_image"


def test_rows_are_those_of_predict_on_the_same_cutouts(sky, tmp_path, look, rows_of):
    result = look(sky, tmp_path / "out")
    assert result.complete and result.objects == result.searched == 90
    rows, candidates = rows_of(tmp_path / "out")
    assert len(rows) == 90
    tiles = read_tiles(
        list_tiles(sky / "tiles", BANDS), BANDS, tmp_path / "index", lambda grids: None
    )
    scored = 0
    for tile in tiles:
        mine = [row for row in rows.values() if row["tile"] == tile.name]
        ra, dec = (np.array([row[name] for row in mine]) for name in ("ra", "dec"))
        with TileCutter(tile, (64, 64)) as cutter:
            images = cutter.cut(ra, dec)
        sound = np.isfinite(images).all((1, 2, 3))
        table = predict(WEIGHTS, images[sound])
        got = np.array([row["logit"] for row, ok in zip(mine, sound, strict=True) if ok])
        expected = table["logit_lens"].to_numpy() - table["logit_nonlens"].to_numpy()
        np.testing.assert_allclose(got, expected, atol=1e-5)
        for row, image, ok in zip(mine, images, sound, strict=True):
            assert row["bad_pixels"] == (~np.isfinite(image)).sum()
            assert (row["logit"] is not None) == ok == (row["error"] is None)
        scored += sound.sum()
    assert result.scored == scored
    facts = provenance_of(next((tmp_path / "out" / "parts").iterdir()))
    assert facts["weights"] == [WEIGHTS] and len(facts["weights_sha256"][0]) == 64
    best = sorted((r for r in rows.values() if r["logit"] is not None), key=lambda r: -r["logit"])
    assert candidates[0]["id"] == best[0]["id"] and candidates[0]["rank"] == 1
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["scored"] == result.scored and summary["complete"]


def test_workers_and_shards_give_the_same_rows(sky, tmp_path, look, rows_of):
    look(sky, tmp_path / "one")
    expected = rows_of(tmp_path / "one")
    look(sky, tmp_path / "two", workers=2)
    assert rows_of(tmp_path / "two") == expected
    first = look(sky, tmp_path / "three", shard=(2, 2))
    assert first.candidates is None and 0 < first.parts_done < first.parts
    last = look(sky, tmp_path / "three", shard=(1, 2))
    assert last.candidates == 10 and last.complete
    assert rows_of(tmp_path / "three") == expected


def test_an_ensemble_is_the_mean_of_its_members_logits(sky, tmp_path, look, rows_of):
    names = [WEIGHTS, "lens_finder.easy_sim_image"]
    look(sky, tmp_path / "out", weights=names)
    rows = [row for row in rows_of(tmp_path / "out")[0].values() if row["logit"] is not None]
    logits = np.array([[row[f"logit_{name}"] for name in names] for row in rows])
    assert np.abs(np.diff(logits, axis=1)).max() > 0.1
    np.testing.assert_allclose([row["logit"] for row in rows], logits.mean(1), atol=1e-5)
    np.testing.assert_allclose(
        [row["prob"] for row in rows], 1 / (1 + np.exp(-logits.mean(1))), atol=1e-6
    )


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


def test_ctrl_c_leaves_a_state_that_goes_on(sky, tmp_path, look, rows_of):
    def stop(done, total):
        raise KeyboardInterrupt

    for workers in (0, 2):
        out = tmp_path / str(workers)
        with pytest.raises(KeyboardInterrupt):
            look(sky, out, progress=stop, workers=workers)
        done = list((out / "parts").glob("*.parquet"))
        assert done and not (out / "candidates.parquet").exists()
        assert look(sky, out).complete
    assert rows_of(tmp_path / "0") == rows_of(tmp_path / "2")


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


def test_a_tile_of_nothing_but_nan_gives_rows_without_a_score(own, look, rows_of):
    for band in BANDS:
        write_image(
            own / "tiles" / "t1" / f"{band}.fits",
            np.full((300, 300), np.nan, np.float32),
            make_wcs(150.0 + 0.8 * 300 * 0.2 / 3600, 2.0, (300, 300)),
        )
    look(own, own / "out")
    rows = [row for row in rows_of(own / "out")[0].values() if row["tile"] == "t1"]
    assert rows and all(row["logit"] is None and row["bad_pixels"] > 3 * 2048 for row in rows)


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


def refusal(run, *texts):
    with pytest.raises(LenszooError) as caught:
        run()
    line = str(caught.value)
    assert "\n" not in line
    for text in texts:
        assert text in line, line


def test_the_results_of_another_search_are_refused(sky, tmp_path, look):
    out = tmp_path / "out"
    look(sky, out)
    easy = "lens_finder.easy_sim_image"
    refusal(lambda: look(sky, out, weights=easy), str(out), "another search", "weights", easy)
    refusal(lambda: look(sky, out, on_bad="zero"), "on_bad: skip there, zero here")
    other = tmp_path / "catalogue.csv"
    other.write_text((sky / "catalogue.csv").read_text().replace("150.0", "150.1"))
    refusal(lambda: look(sky, out, catalogue=other), "catalogue_sha256")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    refusal(lambda: look(sky, tmp_path / "full"), "holds thesis.tex and no search")


def test_bad_rows_are_left_out_and_counted(sky, tmp_path, look):
    lines = (sky / "catalogue.csv").read_text().split("\n")
    bad = ["a,,2.0", "b,nan,2.0", "c,361,2.0", "d,-1,2.0", "e,150,91", ",150,2.0", "f,10.0,2.0"]
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text("\n".join([lines[0], *bad, *lines[1:]]))
    result = look(sky, tmp_path / "out", catalogue=catalogue)
    assert result.complete and result.searched == 90 and result.objects == 97
    assert result.left_out == {
        "ra or dec is missing": 2, "ra is not within 0 and 360 degrees": 2,
        "dec is not within -90 and 90 degrees": 1, "no id": 1, "outside all tiles": 1,
    }  # fmt: skip
    listed = pq.read_table(tmp_path / "out" / "left_out.parquet")
    assert listed["id"].to_pylist() == ["a", "b", "c", "d", "e", ""]


def test_catalogues_that_could_mean_two_things_are_refused(sky, tmp_path, look):
    lines = (sky / "catalogue.csv").read_text().strip().split("\n")
    catalogue, out = tmp_path / "catalogue.csv", tmp_path / "out"

    def run():
        look(sky, out, catalogue=catalogue)

    catalogue.write_text("\n".join([*lines, lines[5]]))
    refusal(run, str(catalogue), f"id '{lines[5].split(',')[0]}' occurs more than once")
    hours = [f"{i},{float(ra) / 15},{dec}" for i, ra, dec in (x.split(",") for x in lines[1:])]
    catalogue.write_text("\n".join([lines[0], *hours]))
    refusal(run, "hours", "90 of 90")
    catalogue.write_text("id,ra,dec\n1,11.5,2.0\n")
    refusal(run, "None of 1 objects can be searched", "outside all tiles")
    catalogue.write_text("id,ra,dec\n")
    refusal(run, "no rows")
    assert not list(out.glob(".plan-*"))


def test_weights_and_bands_that_do_not_fit_are_refused(sky, tmp_path, look):
    out = tmp_path / "out"
    refusal(lambda: look(sky, out, weights="resnet18_slim.common_test_sim_v2"), "not 'lens'")
    refusal(lambda: look(sky, out, bands=("g", "r")), "takes 3 band(s) (g, r, i)", "bands=")
    refusal(lambda: look(sky, out, bands=("u", "v", "w")), "no file fits the pattern")
    refusal(lambda: look(sky, out, on_bad="raise"), "skip, zero or fill")
    refusal(lambda: look(sky, out, prevalence=2.0), "prevalence")
    refusal(lambda: look(sky, tmp_path / "second", weights=[WEIGHTS, WEIGHTS]), "twice")


def test_ids_of_64_bits_stay_exact(sky, tmp_path, look, rows_of):
    lines = (sky / "catalogue.csv").read_text().strip().split("\n")[1:]
    cells = [line.split(",") for line in lines]
    table = pa.table(
        {
            "objid": pa.array([2**63 - 1 - k for k in range(len(cells))], pa.int64()),
            "RA": pa.array([float(c[1]) for c in cells]),
            "DEC": pa.array([float(c[2]) for c in cells]),
        }
    )
    pq.write_table(table, tmp_path / "catalogue.parquet")
    look(sky, tmp_path / "out", catalogue=tmp_path / "catalogue.parquet", columns={"id": "objid"})
    rows, _ = rows_of(tmp_path / "out")
    assert set(rows) == {str(2**63 - 1 - k) for k in range(len(cells))}
