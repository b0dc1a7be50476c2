import json
import shutil

import numpy as np
import pytest
from oneline import one_line
from scipy.special import expit
from tinysky import BANDS, make_wcs, write_image, write_sky

from lenszoo import embed, predict
from lenszoo.data import Dataset
from lenszoo.inference import open_model, provenance_of
from lenszoo.simulation import sample
from lenszoo.survey import search, similar
from lenszoo.survey.cutouts import TileCutter
from lenszoo.survey.footprints import read_tiles
from lenszoo.survey.scoring import Members
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


def test_features_are_those_of_embed_and_change_no_score(sky, tmp_path, look, rows_of):
    look(sky, tmp_path / "plain")
    look(sky, tmp_path / "out", features=True)
    expected, _ = rows_of(tmp_path / "plain")
    rows, candidates = rows_of(tmp_path / "out")
    assert "features" not in candidates[0]
    lone = [row for row in rows.values() if row["logit"] is None]
    assert lone and all(row["features"] is None for row in lone)
    scored = [row for row in rows.values() if row["logit"] is not None][:20]
    for row in scored:
        assert row["logit"] == pytest.approx(expected[row["id"]]["logit"], abs=1e-5)
    tiles = read_tiles(list_tiles(sky / "tiles", BANDS), BANDS, tmp_path / "i", lambda grids: None)
    by_name = {tile.name: tile for tile in tiles}
    images = []
    for row in scored:
        with TileCutter(by_name[row["tile"]], (64, 64)) as cutter:
            images.append(cutter.cut(np.array([row["ra"]]), np.array([row["dec"]]))[0])
    vectors = embed(WEIGHTS, np.stack(images))
    np.testing.assert_allclose([row["features"] for row in scored], vectors, atol=5e-3, rtol=1e-3)
    alike = similar(tmp_path / "out", scored[0]["id"], count=3)
    assert {"ra", "dec", "tile", "logit", "prob"} <= set(alike.column_names) and len(alike) == 3


@pytest.mark.slow
def test_another_engine_gives_the_same_rows(sky, tmp_path, look, rows_of):
    pytest.importorskip("tf2onnx")
    look(sky, tmp_path / "keras", features=True)
    expected, _ = rows_of(tmp_path / "keras")
    look(sky, tmp_path / "out", engine="onnx", features=True)
    rows, _ = rows_of(tmp_path / "out")
    for name, row in rows.items():
        assert (row["logit"] is None) == (expected[name]["logit"] is None)
        if row["logit"] is not None:
            assert row["logit"] == pytest.approx(expected[name]["logit"], abs=1e-4)
            np.testing.assert_allclose(row["features"], expected[name]["features"], atol=5e-3)
    facts = provenance_of(next((tmp_path / "out" / "parts").iterdir()))
    assert facts["engine"] == "onnx" and facts["precision"] == "float32"
    one_line(
        "holds another search (engine: onnx there, keras here)",
        lambda: look(sky, tmp_path / "out", features=True),
    )


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


@pytest.fixture
def own(tmp_path):
    """A sky that a test may spoil."""
    write_sky(tmp_path, tiles=3, objects=60)
    return tmp_path


def test_a_tile_of_nothing_but_nan_gives_rows_without_a_score(own, look, rows_of):
    for band in BANDS:
        write_image(
            own / "tiles" / "t1" / f"{band}.fits",
            np.full((300, 300), np.nan, np.float32),
            make_wcs(150.0 + 0.8 * 300 * 0.2 / 3600, 2.0, (300, 300)),
        )
    look(own, own / "out", features=True)
    rows = [row for row in rows_of(own / "out")[0].values() if row["tile"] == "t1"]
    assert all(row["features"] is None for row in rows)
    assert rows and all(row["logit"] is None and row["bad_pixels"] > 3 * 2048 for row in rows)


def test_a_finder_that_looks_at_a_table_too_takes_its_columns_from_the_catalogue(
    own, look, rows_of
):
    for tile in ("t0", "t1", "t2"):
        shutil.copy(own / "tiles" / tile / "g.fits", own / "tiles" / tile / "u.fits")
    weights = "lens_finder.easy_sim"
    columns = open_model(weights).columns
    table = np.random.default_rng(0).normal(20, 1, (60, len(columns))).astype(np.float32)
    table[7, 2] = np.nan
    head, *lines = (own / "catalogue.csv").read_text().splitlines()
    cells = [["" if np.isnan(x) else repr(float(x)) for x in row] for row in table]
    rows = [",".join([line, *row]) for line, row in zip(lines, cells, strict=True)]
    catalogue = ",".join([head, *columns[:-1], "noise"])  # by another name
    (own / "catalogue.csv").write_text("\n".join([catalogue, *rows]) + "\n")
    look(own, own / "out", weights=weights, any_scale=True, columns={columns[-1]: "noise"})
    rows, _ = rows_of(own / "out")
    bands = ("u", *BANDS)
    tiles = read_tiles(list_tiles(own / "tiles", bands), bands, own / "index", lambda grids: None)
    scored = 0
    for tile in tiles:
        mine = [
            row for row in rows.values() if row["tile"] == tile.name and row["logit"] is not None
        ]
        ra, dec = (np.array([row[name] for row in mine]) for name in ("ra", "dec"))
        with TileCutter(tile, (64, 64)) as cutter:
            images = cutter.cut(ra, dec)
        at = [int(row["id"]) - 10**18 for row in mine]
        data = Dataset(tuple(map(str, at)), images, table[at], columns, bands=bands)
        expected = predict(weights, data, any_scale=True)
        logits = expected["logit_lens"].to_numpy() - expected["logit_nonlens"].to_numpy()
        np.testing.assert_allclose([row["logit"] for row in mine], logits, atol=1e-4)
        scored += len(mine)
    assert scored > 40 and rows[str(10**18 + 7)]["error"] in (
        None,
        "NaN, infinite or constant pixels",
    )


def test_a_classifier_gives_the_probabilities_of_predict_and_moves_them_to_no_prevalence(tmp_path):
    name = "simple_cnn.common_test_sim_v3"  # whose temperature is not 1
    images = sample("common_test_sim", 6, seed=3).images
    expected = predict(name, images)["prob_sphere"].to_numpy()
    logits, _ = Members([name], "sphere").answer(images, 6)
    np.testing.assert_allclose(expit(logits[:, 0]), expected, atol=1e-5)
    np.save(tmp_path / "s.npy", images)
    options = {"cutouts": tmp_path / "s.npy", "lens_class": "sphere", "prevalence": 1e-3}
    one_line(
        "tells 3 classes apart and does not say which share 'sphere' had",
        lambda: search(None, None, name, tmp_path / "out", **options),
    )
