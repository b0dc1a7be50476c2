import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from oneline import one_line
from tinystack import cutouts, write_stack
from tinyvetting import write_results

from lenszoo.survey.cutouts import TileCutter
from lenszoo.vetting.candidates import read_candidates
from lenszoo.vetting.images import open_images


def test_cutouts_are_those_that_the_finder_saw(session):
    images, candidates = session.images, session.candidates
    tile = images._tile(0)
    with TileCutter(tile, (64, 64)) as cutter:
        ra, dec = (np.array(candidates.columns[name][:1]) for name in ("ra", "dec"))
        expected = cutter.cut(ra, dec)[0]
    image = images.read(0)
    np.testing.assert_array_equal(image, expected)
    wide = images.read(0, 2)
    assert wide.shape == (128, 128, 3)
    np.testing.assert_array_equal(wide[32:96, 32:96], image)


def test_masks_weights_and_sky_are_those_of_the_search(tmp_path):
    results = write_results(tmp_path)
    tiles = tmp_path / "tiles"
    for name in ("t0", "t1"):
        header = fits.getheader(tiles / name / "g.fits")
        shape = (300, 300)
        fits.writeto(tiles / name / "mask.fits", np.full(shape, 4, np.int32), header)
    facts = {"masks": "{tile}/mask.fits", "sky": "median"}

    def image(**facts):
        search = json.loads((results / "search.json").read_text())
        (results / "search.json").write_text(json.dumps(search | facts))
        return open_images(read_candidates(results)).read(0)

    assert np.isnan(image(**facts, mask_bits=4)).all()
    free = image(**facts, mask_bits=2)
    assert np.isfinite(free).any() and abs(np.nanmedian(free)) < 0.02


def test_north_is_up_and_east_is_left_on_the_made_sky(session):
    frame = session.images.frame(0)
    assert frame.scale == pytest.approx(0.2)
    assert frame.north == pytest.approx((0, 1), abs=1e-3)
    assert frame.east == pytest.approx((-1, 0), abs=1e-3)


def test_many_tiles_are_opened_one_after_another(session, monkeypatch):
    monkeypatch.setattr("lenszoo.vetting.images._OPEN_TILES", 1)
    for _ in range(2):
        for row in range(len(session.candidates)):
            assert session.images.read(row).shape == (64, 64, 3)
    assert len(session.images._cutters) == 1


def test_a_tile_that_is_gone_is_told_of(tmp_path):
    results = write_results(tmp_path)
    (tmp_path / "tiles" / "t0" / "r.fits").unlink()
    candidates = read_candidates(results)
    images = open_images(candidates)
    rows = [k for k, tile in enumerate(candidates.columns["tile"]) if tile == "t0"]
    one_line("lacks band r", lambda: images.read(rows[0]))
    assert images.frame(rows[0]).scale is None or images.frame(rows[0]).scale > 0
    (tmp_path / "tiles").rename(tmp_path / "elsewhere")
    one_line("are gone", lambda: open_images(candidates))
    moved = open_images(candidates, tiles=tmp_path / "elsewhere")
    other = candidates.columns["tile"].index("t1")
    assert np.isfinite(moved.read(other)).any()


def table_of(folder, paths):
    names = [f"o{k}" for k in range(len(paths))]
    table = {"id": names, "path": pa.array(paths, pa.string()), "prob_lens": [0.5] * len(paths)}
    pq.write_table(pa.table(table), folder / "answers.parquet")
    return read_candidates(folder / "answers.parquet")


def test_files_of_a_table_are_read_below_their_folder_only(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir(), outside.mkdir()
    image = np.arange(48, dtype=np.float32).reshape(4, 4, 3)
    np.save(inside / "a.npy", image)
    np.save(outside / "secret.npy", image)
    (inside / "link.npy").symlink_to(outside / "secret.npy")
    paths = ["a.npy", "../outside/secret.npy", str(outside / "secret.npy"), "link.npy", None, "b\0"]
    images = open_images(table_of(inside, paths))
    np.testing.assert_array_equal(images.read(0), image)
    for row in (1, 2, 3):
        one_line("lies outside", lambda row=row: images.read(row))
    one_line("no image", lambda: images.read(4))
    one_line("", lambda: images.read(5))
    allowed = open_images(table_of(inside, paths), images=tmp_path)
    np.testing.assert_array_equal(allowed.read(1), image)
    one_line("no image can be shown", lambda: open_images(table_of(inside, paths[1:3])))


def test_a_missing_file_says_so_when_it_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = open_images(table_of(tmp_path, ["none.npy"]))
    one_line("none.npy", lambda: images.read(0))


def test_bands_in_files_of_their_own_are_put_together(tmp_path):
    for k, band in enumerate("gr"):
        np.save(tmp_path / f"{band}.npy", np.full((4, 4), k, np.float32))
    both = f"{tmp_path / 'g.npy'} + {tmp_path / 'r.npy'}"
    images = open_images(table_of(tmp_path, [both]), bands=["g", "r"])
    assert images.read(0)[0, 0].tolist() == [0, 1] and images.bands == ("g", "r")


def test_a_png_is_shown_as_it_lies_and_a_fits_file_upwards(tmp_path):
    from PIL import Image

    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0] = 255  # its uppermost row
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images = open_images(table_of(tmp_path, [str(tmp_path / "a.png")]))
    assert images.read(0)[-1].min() == 1 and images.read(0)[0].max() == 0


def test_cutouts_called_like_their_candidates_stand_in_for_tiles(tmp_path):
    results = write_results(tmp_path)
    search = json.loads((results / "search.json").read_text())
    (results / "search.json").write_text(json.dumps(search | {"tiles": "/gone"}))
    candidates = read_candidates(results)
    cutouts = tmp_path / "cutouts"
    cutouts.mkdir()
    one_line("no such folder", lambda: open_images(candidates, images=tmp_path / "none"))
    one_line("no image is called like", lambda: open_images(candidates, images=cutouts))
    for band in "gri":
        np.save(cutouts / f"{candidates.ids[1]}-{band}.npy", np.ones((8, 8), np.float32))
    images = open_images(candidates, images=cutouts, pattern="{id}-{band}.npy", bands=list("gri"))
    assert images.read(1).shape == (8, 8, 3)
    one_line("no image", lambda: images.read(0))
    (results / "search.json").unlink()
    one_line("neither tiles nor files", lambda: open_images(read_candidates(results)))


def test_results_that_do_not_tell_how_cutouts_were_taken_are_refused(tmp_path):
    results = write_results(tmp_path)
    file = results / "candidates.parquet"
    pq.write_table(pq.read_table(file).replace_schema_metadata(None), file)
    one_line("does not say how the finder", lambda: open_images(read_candidates(results)))


def test_candidates_of_stacks_are_shown_with_no_more_options(tmp_path):
    images = cutouts(6)
    for name in ("s.h5", "s.npy"):
        write_stack(tmp_path / name, images)
        results = tmp_path / f"results-{name}"
        results.mkdir()
        table = {"id": ["a", "b"], "path": [f"{name}[4]", f"{name}[9]"], "logit": [2.0, 1.0]}
        pq.write_table(pa.table(table), results / "candidates.parquet")
        search = {"cutouts": str(tmp_path / name), "bands": ["i", "g"], "planes": [2, 0]}
        (results / "search.json").write_text(json.dumps(search | {"weights_sha256": ["b"]}))
        opened = open_images(read_candidates(results))
        np.testing.assert_array_equal(opened.read(0), images[4][..., [2, 0]])
        assert opened.bands == ("i", "g")
        one_line("has no image 9 any more", lambda opened=opened: opened.read(1))
        (tmp_path / "moved").mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "moved" / name)
        one_line("no image can be shown", lambda r=results: open_images(read_candidates(r)))
        opened = open_images(read_candidates(results), images=tmp_path / "moved")
        np.testing.assert_array_equal(opened.read(0), images[4][..., [2, 0]])
        (tmp_path / f"{name}.csv").write_text(f"id,path,prob_lens\na,moved/{name}[3],0.5\n")
        opened = open_images(read_candidates(tmp_path / f"{name}.csv"))
        np.testing.assert_array_equal(opened.read(0), images[3])
