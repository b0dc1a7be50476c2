"""predict and embed with lens finders: what they are given and how it is made to fit."""

import csv
import dataclasses
import json
import logging
import shutil

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from oneline import one_line
from tinysurvey import BANDS, COLUMNS, PATTERN, SIZE, TINY

from lenszoo import build_model, embed, load_model, predict
from lenszoo.data import read_catalogue
from lenszoo.errors import LenszooError
from lenszoo.inference import Catalogue, open_model, provenance_of, write_table
from lenszoo.inference.answers import PredictionStopped
from lenszoo.pretrained.loading import save_weights


@pytest.fixture(scope="module")
def image_only():
    keras.utils.set_random_seed(1)
    return open_model(build_model("lens_finder", input_shape=(SIZE, SIZE, 2), **TINY))


@pytest.fixture(scope="module")
def table_only():
    keras.utils.set_random_seed(2)
    options = {"columns": list(COLUMNS), "use": "table"}
    return open_model(build_model("lens_finder", **options, **TINY))


@pytest.fixture(scope="module")
def cutouts(survey):
    return read_catalogue(
        survey.table, images=survey.images, pattern=PATTERN, bands=BANDS, label="is_lens"
    )


def catalogue(survey, **changes):
    given = {"images": survey.images, "pattern": PATTERN, "bands": BANDS} | changes
    return Catalogue(given.pop("path", survey.table), **given)


def logits(table):
    pair = [table[f"logit_{name}"].to_numpy() for name in ("nonlens", "lens")]
    return pair[1] - pair[0]


def test_the_table_is_what_the_model_says_of_each_object(survey, finder, cutouts):
    table = predict(finder, cutouts)
    named = [f"{kind}_{name}" for kind in ("prob", "logit") for name in ("nonlens", "lens")]
    carried = ["is_lens", "colour", "size", "arc_flux"]
    answers = ["id", "path", "predicted", *named, "bad_pixels", "error"]
    assert table.column_names == answers + carried
    given = {"images": cutouts.images, "table": cutouts.table[:, :2]}
    expected = load_model(survey.run).predict(given, verbose=0)[:, 0]
    np.testing.assert_allclose(logits(table), expected, atol=1e-4)
    np.testing.assert_allclose(table["prob_lens"], 1 / (1 + np.exp(-expected)), atol=1e-5)
    said = np.array(table["predicted"].to_pylist()) == "lens"
    assert np.mean(said == cutouts.labels) > 0.9
    assert table["path"].null_count == table["error"].null_count == 40
    facts = provenance_of(table)
    assert facts["classes"] == ["nonlens", "lens"] and facts["columns"] == list(COLUMNS)
    assert facts["data"]["catalogue"] == str(survey.table) and facts["weights"] == str(survey.run)


def test_a_catalogue_is_read_as_it_is_in_memory(survey, finder, cutouts):
    expected = logits(predict(finder, cutouts))
    table = predict(finder, catalogue(survey), batch_size=7)
    np.testing.assert_allclose(logits(table), expected, atol=1e-4)
    assert table["id"].to_pylist() == list(cutouts.ids)
    assert table["path"][0].as_py().endswith("c0.npy")
    odd = {"mask_value": 0.5, "zero_point": 24.0, "sky": "border"}
    lazy = predict(finder, catalogue(survey, **odd))
    whole = read_catalogue(
        survey.table, images=survey.images, pattern=PATTERN, bands=BANDS, columns=COLUMNS, **odd
    )
    np.testing.assert_allclose(logits(lazy), logits(predict(finder, whole)), atol=1e-4)
    assert np.abs(logits(lazy) - expected).max() > 0.01


def test_a_catalogue_is_read_as_in_training(survey, finder, tmp_path, caplog):
    shutil.copytree(survey.run, tmp_path / "run")
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    learned = {"zero_point": 24.0, "sky": "border", "missing_values": [0.5]}
    recipe["data"] |= learned
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(recipe))
    given = learned | {"missing_values": (0.5,)}
    expected = logits(predict(finder, catalogue(survey, **given)))
    taken = logits(predict(open_model(tmp_path / "run"), catalogue(survey)))
    np.testing.assert_allclose(taken, expected, atol=1e-4)
    assert np.abs(taken - logits(predict(finder, catalogue(survey)))).max() > 0.01
    caplog.clear()
    other = catalogue(survey, zero_point=25.0, sky="border", missing_values=[0.5])
    with caplog.at_level(logging.WARNING, "lenszoo"):
        predict(open_model(tmp_path / "run"), other)
    (record,) = caplog.records
    assert "zero_point=25.0, but" in record.getMessage()
    assert record.getMessage().endswith("was trained with 24.0.")


def test_the_model_meets_one_batch_shape_only(finder, cutouts, monkeypatch):
    shapes, answer = set(), finder.model.predict_on_batch

    def spy(batch):
        shapes.add(tuple(sorted((name, part.shape) for name, part in batch.items())))
        return answer(batch)

    monkeypatch.setattr(finder.model, "predict_on_batch", spy)
    predict(finder, cutouts, batch_size=16)
    assert shapes == {(("images", (16, SIZE, SIZE, 2)), ("table", (16, 2)))}


def test_columns_and_bands_are_found_by_name(finder, cutouts):
    expected = logits(predict(finder, cutouts))
    turned = dataclasses.replace(
        cutouts,
        images=cutouts.images[..., [1, 0, 1]],
        bands=("R", "G", "z"),
        table=cutouts.table[:, ::-1],
        columns=cutouts.columns[::-1],
    )
    np.testing.assert_allclose(logits(predict(finder, turned)), expected, atol=1e-5)
    fewer = dataclasses.replace(cutouts, table=cutouts.table[:, :1], columns=("colour",))
    with pytest.raises(LenszooError, match=r"no column 'size', which .* the columns are: colour"):
        predict(finder, fewer)
    other = dataclasses.replace(cutouts, bands=("g", "VIS"))
    with pytest.raises(LenszooError, match=r"no band 'r' among g, VIS; .* on g, r\. .* bands="):
        predict(finder, other)
    np.testing.assert_allclose(logits(predict(finder, other, bands=[0, 1])), expected, atol=1e-5)
    unnamed = dataclasses.replace(cutouts, bands=(), images=cutouts.images[..., :1])
    with pytest.raises(LenszooError, match=r"image c0: 1 band, but .* takes 2"):
        predict(finder, unnamed)


def test_a_catalogue_of_other_columns(survey, finder, cutouts, tmp_path):
    text = survey.table.read_text()
    (tmp_path / "t.csv").write_text(text.replace("colour", "g_r"))
    one_line(
        "t.csv: no column 'colour'; the columns are: id, ",
        lambda: predict(finder, catalogue(survey, path=tmp_path / "t.csv")),
    )
    renamed = catalogue(survey, path=tmp_path / "t.csv", columns=("g_r", "size"))
    expected = logits(predict(finder, cutouts))
    np.testing.assert_allclose(logits(predict(finder, renamed)), expected, atol=1e-4)
    one_line(
        "takes 2 columns (colour, size), but columns= names",
        lambda: predict(finder, dataclasses.replace(renamed, columns=("g_r",))),
    )


def test_a_model_that_knows_no_names_of_columns(survey, cutouts):
    model = open_model(build_model("lens_finder", columns=2, use="table", **TINY))
    two = dataclasses.replace(cutouts, table=cutouts.table[:, :2], columns=("a", "b"))
    expected = logits(predict(model, two))
    given = Catalogue(survey.table, columns=COLUMNS)
    np.testing.assert_allclose(logits(predict(model, given)), expected, atol=1e-5)
    one_line("takes 2 columns, not their names", lambda: predict(model, survey.table))
    one_line("3 columns (colour, size, arc_flux), but", lambda: predict(model, cutouts))


def test_missing_values_are_no_obstacle(finder, cutouts):
    assert np.isnan(cutouts.table[3, 0])
    nothing = dataclasses.replace(cutouts, table=np.full_like(cutouts.table, np.nan))
    assert np.isfinite(logits(predict(finder, nothing))).all()


def test_parquet(survey, table_only, tmp_path):
    with survey.table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = {name: [float(row[name] or "nan") for row in rows] for name in COLUMNS}
    pq.write_table(pa.table({"id": [row["id"] for row in rows], **columns}), tmp_path / "t.parquet")
    expected = logits(predict(table_only, survey.table))
    table = predict(table_only, tmp_path / "t.parquet")
    np.testing.assert_allclose(logits(table), expected, atol=1e-5)
    assert table["bad_pixels"].null_count == table["path"].null_count == 40


def test_image_only_models_take_what_classifiers_take(survey, image_only, cutouts, tmp_path):
    expected = logits(predict(image_only, cutouts))
    assert image_only.classes == ("nonlens", "lens")
    np.testing.assert_allclose(logits(predict(image_only, cutouts.images)), expected, atol=1e-5)
    for i in (0, 1):
        np.save(tmp_path / f"c{i}.npy", cutouts.images[i])
    np.testing.assert_allclose(logits(predict(image_only, tmp_path)), expected[:2], atol=1e-5)
    (tmp_path / "list.csv").write_text("id,path\nx,c1.npy\n")
    listed = predict(image_only, tmp_path / "list.csv")
    assert listed["id"].to_pylist() == ["x"]
    np.testing.assert_allclose(logits(listed), expected[1:2], atol=1e-5)
    (tmp_path / "objects.csv").write_text("id\nc0\n")  # no paths: called like their ids
    np.testing.assert_allclose(
        logits(predict(image_only, tmp_path / "objects.csv")), expected[:1], atol=1e-5
    )
    np.testing.assert_allclose(logits(predict(image_only, catalogue(survey))), expected, atol=1e-5)


@pytest.mark.parametrize("inputs", ["array", "folder"])
def test_images_are_no_table(survey, finder, table_only, cutouts, inputs):
    given = cutouts.images if inputs == "array" else survey.images / "g"
    one_line("images and a table (columns: colour, size); give", lambda: predict(finder, given))
    one_line(
        "looks at a table, not at images (columns: colour, ", lambda: predict(table_only, given)
    )
    one_line(
        "no images were read, which",
        lambda: predict(finder, dataclasses.replace(cutouts, images=None)),
    )


def test_another_size(finder, cutouts):
    large = dataclasses.replace(
        cutouts, images=np.pad(cutouts.images, [(0, 0), *[(2, 2)] * 2, (0, 0)])
    )
    with pytest.raises(LenszooError, match=r"image c0: 24 x 24 pixels, but .* takes 20 x 20"):
        predict(finder, large)
    assert np.isfinite(logits(predict(finder, large, resize=True))).all()
    one_line("no objects were given", lambda: predict(finder, cutouts.take([])))


@pytest.mark.parametrize("policy", ["raise", "zero", "fill", "skip"])
@pytest.mark.parametrize("lazy", [False, True])
def test_nan_pixels_under_each_policy(survey, finder, cutouts, tmp_path, policy, lazy):
    images = cutouts.images.copy()
    images[4, :3, 5, 0] = np.nan
    given = dataclasses.replace(cutouts, images=images)
    if lazy:
        shutil.copytree(survey.images, tmp_path / "in")
        np.save(tmp_path / "in" / "g" / "c4.npy", images[4, ..., 0])
        given = catalogue(survey, images=tmp_path / "in")
    if policy == "raise":
        with pytest.raises(LenszooError, match=r"c4.*: 3 NaN and 0 infinite .* on_bad='fill'"):
            predict(finder, given)
        return
    table = predict(finder, given, on_bad=policy)
    assert table["bad_pixels"][4].as_py() == 3 and table["bad_pixels"][5].as_py() == 0
    assert table["error"].null_count == 40 - (policy == "skip")
    if policy == "skip":
        assert table["predicted"][4].as_py() is None and "c4" in table["error"][4].as_py()
        return
    mended = images[4].copy()
    plane = mended[..., 0]
    plane[np.isnan(plane)] = 0 if policy == "zero" else np.nanmedian(plane)
    whole = dataclasses.replace(cutouts.take([4]), images=mended[None])
    np.testing.assert_allclose(logits(table)[4:5], logits(predict(finder, whole)), atol=1e-4)
    assert np.isnan(images[4, 0, 5, 0])  # the caller's array is left alone


def test_half_of_the_images_missing(survey, finder, cutouts, tmp_path):
    shutil.copytree(survey.images, tmp_path / "in")
    for i in range(0, 40, 2):
        (tmp_path / "in" / "g" / f"c{i}.npy").unlink()
    (tmp_path / "in" / "r" / "c0.npy").unlink()
    given = catalogue(survey, images=tmp_path / "in")
    with pytest.raises(LenszooError, match=r"id 'c0' has no image.* \(20 of 40 objects"):
        predict(finder, given)
    table = predict(finder, given, on_bad="skip")
    assert len(table) == 40 and table["predicted"].null_count == table["path"].null_count == 20
    assert "c2: there is no such file" in table["error"][2].as_py()
    expected = logits(predict(finder, cutouts))
    np.testing.assert_allclose(logits(table)[1::2].astype(float), expected[1::2], atol=1e-4)
    blank = dataclasses.replace(given, on_missing="blank")
    one_line("NaN", lambda: predict(finder, blank))
    filled = predict(finder, blank, on_bad="fill")
    assert filled["predicted"].null_count == 1  # c0 has neither band
    assert filled["bad_pixels"][2].as_py() == SIZE * SIZE
    shutil.rmtree(tmp_path / "in" / "g")
    one_line("40 of 40 objects", lambda: predict(finder, given, on_bad="skip"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "gone.csv"}, r"gone\.csv"),
        ({"images": "nowhere"}, "nowhere: no such folder"),
        ({"layout": "bolonga_ground"}, "Did you mean 'bologna_ground'"),
        ({"on_missing": "skipp"}, "Did you mean 'skip'"),
        ({"sky": "mode"}, "border, median"),
        ({"bands": ("g", "i")}, "no band 'r' among g, i"),
        ({"id": "name"}, "no column 'name'"),
    ],
)
def test_bad_catalogues_are_one_line(survey, finder, changes, message):
    with pytest.raises(LenszooError, match=message) as caught:
        predict(finder, catalogue(survey, **changes))
    assert "\n" not in str(caught.value)


def test_features(finder, image_only, table_only, cutouts):
    for model in (finder, image_only, table_only):
        vectors = embed(model, cutouts, batch_size=16)
        assert vectors.shape == (40, TINY["dim"]) and np.isfinite(vectors).all()
        assert vectors.std(axis=0).min() > 0


def test_eight_looks_at_the_image_with_its_own_row(finder, table_only, cutouts):
    """The log-odds are the mean of those of eight turned tables of candidates."""
    table = predict(finder, cutouts, tta=True, batch_size=16)
    sides = []
    for turns in range(4):
        for flip in (False, True):
            images = np.rot90(cutouts.images, turns, axes=(1, 2))
            images = np.ascontiguousarray(images[:, :, ::-1] if flip else images)
            sides.append(logits(predict(finder, dataclasses.replace(cutouts, images=images))))
    np.testing.assert_allclose(logits(table), np.mean(sides, axis=0), atol=1e-5)
    one_line("which has no turns and flips", lambda: predict(table_only, cutouts, tta=True))


def test_an_ensemble_is_of_models_of_images(survey, cutouts, tmp_path):
    one_line(
        "run looks at images and a table, and ensembles are",
        lambda: predict([survey.run, survey.run], cutouts),
    )
    files = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        model = build_model("lens_finder", input_shape=(SIZE, SIZE, 2), **TINY)
        files.append(save_weights(model, tmp_path / f"{seed}.weights.h5"))
    names = ("nonlens", "lens")
    each = [logits(predict(file, cutouts.images[:6])) for file in files]
    both = logits(predict(files, cutouts.images[:6], classes=names))
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-4)


def test_a_table_in_memory_and_a_fits_file_answer_as_the_csv_and_carry_its_columns(
    survey, finder, tmp_path
):
    expected = predict(finder, catalogue(survey))
    rows = Table.read(survey.table, format="ascii.csv")
    rows["ra"] = np.arange(40) / 7
    rows["ra"].unit = "deg"
    rows.write(tmp_path / "t.fits")
    rows.write(tmp_path / "t.ecsv")
    for path in (rows, tmp_path / "t.fits", str(tmp_path / "t.ecsv"), pa.table(dict(rows))):
        table = predict(finder, catalogue(survey, path=path))
        assert table.column_names == [*expected.column_names, "ra"]
        np.testing.assert_array_equal(logits(table), logits(expected))
        np.testing.assert_array_equal(table["ra"], rows["ra"])
    assert table["is_lens"].to_pylist() == [0, 1] * 20


def test_an_answer_is_an_input_again(survey, image_only, tmp_path):
    """A table with a column of paths lists images, whatever its format; its own names give way."""
    files = [str(survey.images / "g" / f"c{i}.npy") for i in range(4)]
    stacked = [np.repeat(np.load(file)[..., None], 2, axis=2) for file in files]
    for i, image in enumerate(stacked):
        np.save(tmp_path / f"c{i}.npy", image)
    first = predict(image_only, sorted(map(str, tmp_path.glob("*.npy"))))
    again = predict(image_only, first.append_column("note", pa.array(list("abcd"))))
    assert again.column_names == [*first.column_names, "note"]
    assert again.drop_columns("note").equals(first)
    write_table(first, tmp_path / "t.parquet")
    assert predict(image_only, tmp_path / "t.parquet").equals(first)


def test_a_column_that_the_catalogue_lacks_is_blank_only_when_asked_for(
    survey, finder, tmp_path, caplog
):
    rows = Table.read(survey.table, format="ascii.csv")
    rows.remove_column("colour")
    rows.write(tmp_path / "t.csv", format="ascii.csv")
    with pytest.raises(LenszooError, match=r"no column 'colour'.*on_missing='blank'"):
        predict(finder, catalogue(survey, path=tmp_path / "t.csv"))
    table = predict(finder, catalogue(survey, path=tmp_path / "t.csv", on_missing="blank"))
    note = "Columns that are not there, missing in every row: colour."
    assert note in provenance_of(table)["notes"]
    assert note in caplog.text
    blank = read_catalogue(
        survey.table, images=survey.images, pattern=PATTERN, bands=BANDS, label="is_lens"
    )
    blank.table[:, 0] = np.nan
    np.testing.assert_allclose(logits(table), logits(predict(finder, blank)), atol=1e-4)
    rows.keep_columns(["id"])
    one_line(
        "no column 'colour'",
        lambda: predict(finder, catalogue(survey, path=rows, on_missing="blank")),
    )


def test_ctrl_c_keeps_the_rows_until_then(survey, finder):
    def stop(done, total):
        if done == 16:
            raise KeyboardInterrupt

    with pytest.raises(PredictionStopped) as caught:
        predict(finder, catalogue(survey), batch_size=8, progress=stop)
    whole = predict(finder, catalogue(survey))
    assert caught.value.table.num_rows == 16
    assert caught.value.table["id"].to_pylist() == whole["id"].to_pylist()[:16]
    np.testing.assert_allclose(logits(caught.value.table), logits(whole)[:16], atol=1e-5)
