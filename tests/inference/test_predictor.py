import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from oneline import one_line
from tinyzoo import CLASSES, NAME, SIZE

from lenszoo import embed, load_model, predict
from lenszoo.data.augment import d4
from lenszoo.errors import LenszooError
from lenszoo.evaluation import tta_logits
from lenszoo.inference import embedding_table, provenance_of
from lenszoo.inference.tables import features_of


def logits_of(table):
    return np.stack([table[f"logit_{name}"].to_numpy() for name in CLASSES], axis=1)


def test_table_is_what_the_model_says_of_each_image(zoo, opened, stack):
    images, labels = stack
    table = predict(opened, images)
    names = [f"{kind}_{name}" for kind in ("prob", "logit") for name in CLASSES]
    assert table.column_names == ["id", "path", "predicted", *names, "bad_pixels", "error"]
    expected = load_model(zoo.run).predict(images, verbose=0)
    np.testing.assert_allclose(logits_of(table), expected, atol=1e-5)
    scaled = expected / provenance_of(table)["temperature"]
    shares = np.exp(scaled - scaled.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    np.testing.assert_allclose(table["prob_vort"].to_numpy(), shares[:, 2], atol=1e-6)
    assert table["predicted"].to_pylist() == [CLASSES[k] for k in expected.argmax(1)]
    assert np.mean(expected.argmax(1) == labels) > 0.9  # it has learnt something to get wrong
    assert table["id"].to_pylist() == [str(i) for i in range(30)]
    assert table["path"].null_count == table["error"].null_count == 30
    assert set(table["bad_pixels"].to_pylist()) == {0}


@pytest.mark.parametrize("batch_size", [1, 7, 30, 64])
def test_answers_do_not_depend_on_the_batch(opened, stack, batch_size):
    images, _ = stack
    whole = predict(opened, images, batch_size=10)
    parts = predict(opened, images, batch_size=batch_size)
    np.testing.assert_allclose(logits_of(parts), logits_of(whole), atol=1e-5)


@pytest.mark.parametrize("bands", ["g", ["g"], 0, [0.9], [True], [-1]])
def test_bands_are_a_list_of_positions(opened, stack, bands):
    images = stack[0][:2]
    assert predict(opened, images, bands=np.array([0]))["id"].to_pylist() == ["0", "1"]
    one_line("bands must be a list of positions", lambda: predict(opened, images, bands=bands))


@pytest.mark.parametrize("size", [0, 2.0, "2"])
def test_a_batch_has_a_whole_number_of_images(opened, stack, size):
    line = f"batch_size must be a whole number, at least 1, not {size!r}."
    one_line(line, lambda: predict(opened, stack[0], batch_size=size))


def test_eight_looks_are_one_answer(zoo, opened, stack):
    """The same for an image and its turns, whatever the batches and what was left out."""
    images = stack[0].copy()
    images[4] = np.nan
    table = predict(opened, images, tta=True, on_bad="skip", batch_size=7)
    kept = np.arange(30) != 4
    expected = tta_logits(load_model(zoo.run), images[kept])
    np.testing.assert_allclose(logits_of(table)[kept], expected, atol=1e-5)
    assert table["predicted"][4].as_py() is None and "NaN" in table["error"][4].as_py()
    turned = predict(opened, np.rot90(images[kept], axes=(1, 2)), tta=True, batch_size=29)
    np.testing.assert_allclose(logits_of(turned), expected, atol=1e-5)
    assert provenance_of(table)["tta"] and not provenance_of(predict(opened, images[:4]))["tta"]
    shares = [table[f"prob_{name}"].to_numpy()[kept] for name in CLASSES]
    np.testing.assert_allclose(np.sum(shares, axis=0), 1, atol=1e-6)


def test_names_paths_and_models_are_the_same_weights(zoo, opened, stack):
    images, _ = stack
    expected = logits_of(predict(opened, images))
    for source in (zoo.run, zoo.run / "best.weights.h5", load_model(zoo.run)):
        np.testing.assert_allclose(logits_of(predict(source, images, classes=CLASSES)), expected)
    by_name = predict(NAME, images)
    np.testing.assert_allclose(logits_of(by_name), expected, atol=0.05)  # float16 kernels
    facts = provenance_of(by_name)
    assert facts["weights"] == NAME and len(facts["weights_sha256"]) == 64
    assert facts["seed"] == 7 and facts["recipe"] == "simple_cnn.tiny_sim.toml"
    assert facts["classes"] == list(CLASSES) and facts["backend"] in ("tensorflow", "jax")


def test_files_folders_tables_and_indices_give_one_answer(zoo, opened, tmp_path):
    folder = zoo.data / "val"
    table = predict(opened, folder)
    assert table["id"].to_pylist()[:2] == ["no/0.npy", "no/1.npy"] and len(table) == 24
    true = [name.split("/")[0] for name in table["id"].to_pylist()]
    assert np.mean(np.array(true) == np.array(table["predicted"].to_pylist())) > 0.9
    one = predict(opened, folder / "vort" / "3.npy")
    at = table["id"].to_pylist().index("vort/3.npy")
    np.testing.assert_allclose(logits_of(one)[0], logits_of(table)[at], atol=1e-5)
    listing = tmp_path / "list.csv"
    with listing.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "path"])
        rows.writerows([["b", folder / "vort" / "3.npy"], ["a", folder / "no" / "0.npy"]])
    listed = predict(opened, listing)
    assert listed["id"].to_pylist() == ["b", "a"]
    np.testing.assert_allclose(logits_of(listed)[0], logits_of(one)[0], atol=1e-5)


@pytest.fixture
def spoilt(tmp_path, stack):
    """A folder of four good images and one of each fault."""
    images, _ = stack
    good = images[0].transpose(2, 0, 1)
    for k in range(4):
        np.save(tmp_path / f"a{k}.npy", good)
    hurt = good.copy()
    hurt[0, :2, 0] = np.nan, np.inf
    np.save(tmp_path / "b_nan.npy", hurt)
    np.save(tmp_path / "c_constant.npy", np.ones_like(good))
    whole = (tmp_path / "a0.npy").read_bytes()
    (tmp_path / "d_cut.npy").write_bytes(whole[: len(whole) // 2])
    np.save(tmp_path / "e_small.npy", np.random.default_rng(0).random((1, 12, 12)))
    (tmp_path / "f_text.png").write_text("no picture")
    return tmp_path


def test_skip_keeps_a_row_for_every_file_and_says_why(opened, spoilt):
    table = predict(opened, spoilt, on_bad="skip", batch_size=4)
    assert len(table) == 9
    rows = {row["id"]: row for row in table.to_pylist()}
    good = [rows[f"a{k}.npy"] for k in range(4)]
    assert all(row["error"] is None and row["predicted"] in CLASSES for row in good)
    bad = [row for row in rows.values() if row["error"]]
    assert len(bad) == 5
    for row in bad:
        assert row["predicted"] is row["logit_no"] is row["prob_vort"] is None
        assert row["id"] in row["error"]
    assert rows["b_nan.npy"]["bad_pixels"] == 2
    assert rows["c_constant.npy"]["bad_pixels"] == SIZE * SIZE
    assert rows["d_cut.npy"]["bad_pixels"] is None
    vectors = embed(opened, spoilt, on_bad="skip")
    assert np.isnan(vectors).all(1).tolist() == [False] * 4 + [True] * 5


def test_raise_stops_at_the_first_bad_file_and_names_it(opened, spoilt):
    with pytest.raises(LenszooError, match=r"b_nan\.npy: 1 NaN and 1 infinite .* on_bad='zero'"):
        predict(opened, spoilt)
    (spoilt / "b_nan.npy").unlink()
    (spoilt / "c_constant.npy").unlink()
    with pytest.raises(LenszooError, match=r"d_cut\.npy"):
        predict(opened, spoilt, on_bad="zero")


def test_zero_mends_and_counts(opened, spoilt):
    table = predict(opened, spoilt / "b_nan.npy", on_bad="zero")
    mended = np.load(spoilt / "b_nan.npy").transpose(1, 2, 0)
    mended[~np.isfinite(mended)] = 0
    np.testing.assert_allclose(
        logits_of(table), logits_of(predict(opened, mended[None])), atol=1e-5
    )
    assert table["bad_pixels"].to_pylist() == [2]


def test_zero_leaves_the_callers_array_alone(opened, stack):
    images = stack[0][:2].copy()
    images[0, 0, 0, 0] = np.nan
    predict(opened, images, on_bad="zero")
    assert np.isnan(images[0, 0, 0, 0])


def test_every_image_bad_is_a_table_without_answers(opened, stack):
    table = predict(opened, np.full_like(stack[0][:3], np.nan), on_bad="skip")
    assert table["predicted"].null_count == 3
    assert table["bad_pixels"].to_pylist() == [SIZE * SIZE] * 3


def test_embedding_is_the_layer_before_the_head(zoo, opened, stack):
    images, _ = stack
    vectors = embed(opened, images, batch_size=8)
    assert vectors.dtype == np.float32 and vectors.shape == (30, 64)
    head = load_model(zoo.run).get_layer("logits")
    kernel, bias = head.get_weights()
    np.testing.assert_allclose(
        vectors @ kernel + bias, logits_of(predict(opened, images)), atol=1e-4
    )
    table = embedding_table(zoo.run, images, batch_size=8)
    np.testing.assert_array_equal(features_of(table), vectors)
    assert len(provenance_of(table)["weights_sha256"]) == 64


def test_embedding_over_turns_is_their_mean_and_knows_no_turn(opened, stack):
    images = stack[0][:6]
    vectors = embed(opened, images, tta=True, batch_size=4)
    turned = [d4(images, np.full(len(images), k)) for k in range(8)]
    each = np.stack([embed(opened, one) for one in turned])
    assert np.ptp(each, axis=0).max() > 1e-3  # one look does know
    np.testing.assert_allclose(vectors, each.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(embed(opened, turned[5], tta=True, batch_size=4), vectors)
    assert provenance_of(embedding_table(opened, images, tta=True))["tta"] is True


JAX = """
import sys, types
sys.modules["tensorflow"] = None          # as if it were not installed
import numpy as np
from lenszoo import predict, embed
images = np.load(sys.argv[2])
table = predict(sys.argv[1], images, batch_size=8)
names = ["logit_no", "logit_sphere", "logit_vort"]
np.save(sys.argv[3], np.stack([table[name].to_numpy() for name in names], 1))
assert embed(sys.argv[1], images[:3]).shape == (3, 64)
"""


def test_jax_without_tensorflow_answers_the_same(zoo, opened, stack, tmp_path):
    pytest.importorskip("jax")
    images, answers = tmp_path / "images.npy", tmp_path / "answers.npy"
    np.save(images, stack[0])
    done = subprocess.run(
        [sys.executable, "-c", JAX, str(zoo.run), str(images), str(answers)],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(answers), logits_of(predict(opened, stack[0])), atol=1e-4)


def test_features_of_images_that_overflow_are_no_numbers(opened, stack):
    images = stack[0][:3].copy()
    images[1] = np.where(images[1] > 0.5, 3e38, -3e38)
    with pytest.raises(LenszooError, match="image 1: "):
        embed(opened, images)
    features = embed(opened, images, on_bad="skip")
    assert np.isnan(features).all(axis=1).tolist() == [False, True, False]
