import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo import build_model, predict
from lenszoo.errors import LenszooError
from lenszoo.inference import open_model
from lenszoo.pretrained.loading import load_model, save_weights

SHAPE = (20, 20, 1)


def write(folder, *, shape=SHAPE, classes=3, names=None, **options):
    """Weights of a small network, in a folder that may know the names of the classes."""
    folder.mkdir()
    model = build_model("simple_cnn", input_shape=shape, num_classes=classes, width=4, **options)
    if names:
        (folder / "run.json").write_text(json.dumps({"classes": names}))
    return save_weights(model, folder / "best.weights.h5")


@pytest.fixture
def images():
    return np.random.default_rng(0).random((4, *SHAPE), dtype="float32")


def test_it_answers_the_mean_logits_of_its_members(images, tmp_path):
    paths = [
        write(tmp_path / "a", names=["no", "sphere", "vort"]),
        write(tmp_path / "b", names=["no_sub", "cdm", "axion"]),  # the same classes by other names
        write(tmp_path / "c", head="flatten"),
    ]
    ensemble = load_model(paths)
    each = [load_model(path).predict_on_batch(images) for path in paths]
    answer = ensemble.predict_on_batch(images)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, np.mean(each, axis=0), rtol=1e-4, atol=1e-5)
    images[1, 2, 2] = np.nan
    assert np.isnan(ensemble.predict_on_batch(images)).any(axis=1).tolist() == [0, 1, 0, 0]


def test_one_logit_stands_for_two(images, tmp_path):
    paths = [write(tmp_path / name, classes=1) for name in "ab"]
    each = [load_model(path).predict_on_batch(images) for path in paths]
    answer = load_model(paths).predict_on_batch(images)
    np.testing.assert_allclose(answer, np.mean(each, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_it_is_one_file_that_a_fresh_process_reads(images, tmp_path):
    ensemble = load_model([write(tmp_path / "a"), write(tmp_path / "b")])
    ensemble.save(tmp_path / "both.keras")
    np.save(tmp_path / "images.npy", images)
    code = (
        "import sys, numpy as np, lenszoo; folder = sys.argv[1]; "
        "model = lenszoo.load_model(folder + '/both.keras'); "
        "np.save(folder + '/answer.npy', model(np.load(folder + '/images.npy')))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(command, check=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    expected = ensemble.predict_on_batch(images)
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"shape": (24, 24, 1)}, r"images of .* are \(24, 24, 1\), those of .* \(20, 20, 1\)"),
        ({"shape": (20, 20, 2)}, r"images of .* are \(20, 20, 2\)"),
        ({"classes": 2}, r"answers of .* are \(2,\), those of .* \(3,\)"),
        ({"names": ["no", "vort", "sphere"]}, "classes of .* are no, vort, sphere, those of"),
        ({"activation": "softmax"}, "answers probabilities"),
    ],
)
def test_members_that_disagree_are_named_in_one_line(other, message, tmp_path):
    paths = [write(tmp_path / "a", names=["no", "sphere", "vort"]), write(tmp_path / "b", **other)]
    with pytest.raises(LenszooError, match=message) as caught:
        load_model(paths)
    assert str(paths[1]) in str(caught.value)
    assert "\n" not in str(caught.value)


def ends(kind):
    """A network from elsewhere that answers probabilities, said in one of many ways."""
    pixels = keras.Input(SHAPE)
    x = keras.layers.Dense(3)(keras.layers.Flatten()(pixels))
    if kind == "model":
        inner = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
        inner.add(keras.layers.Dense(1, activation="sigmoid"))
        return keras.Sequential([pixels, inner])
    ways = {
        "layer": keras.layers.Softmax(),
        "activation": keras.layers.Activation("softmax", dtype="float32"),
        "operation": keras.ops.sigmoid,
    }
    return keras.Model(pixels, ways[kind](x))


@pytest.mark.parametrize("kind", ["layer", "activation", "operation", "model"])
def test_probabilities_of_networks_from_elsewhere_are_told_from_logits(kind, tmp_path, images):
    model = ends(kind)
    model.save(tmp_path / "a.keras")
    one_line(
        "a.keras answers probabilities: build it for logits",
        lambda: load_model([tmp_path / "a.keras"] * 2),
    )
    answers = np.asarray(model(images))
    table = predict(tmp_path / "a.keras", images)
    last = table.column_names[[n.startswith("prob_") for n in table.column_names].index(True) :]
    told = np.stack([table[n] for n in last if n.startswith("prob_")], axis=1)
    if kind == "operation":  # three sigmoids, which are no distribution, are put in proportion
        answers = answers / answers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(told[:, -1], answers[:, -1], atol=1e-5)


def test_members_of_other_bands_are_named(tmp_path):
    paths = [write(tmp_path / "a", shape=(20, 20, 2)), write(tmp_path / "b", shape=(20, 20, 2))]
    for path, bands in zip(paths, (["g", "r"], ["r", "g"]), strict=True):
        path.with_name("run.json").write_text(json.dumps({"bands": bands}))
    with pytest.raises(LenszooError, match=r"bands of .* are r, g, those of .* g, r"):
        load_model(paths)


def test_an_ensemble_has_members():
    one_line("needs a list", lambda: load_model([]))


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (
            ({"pixel_scale": 0.1}, {"pixel_scale": 0.3}),
            r"pixels \[arcsec\] of .* 0.3, those of .* 0.1",
        ),
        (({"inputs": 25.0}, {"inputs": 31.4}), r"zero points of .* 31.4, those of .* 25; predict"),
    ],
)
def test_members_that_learned_on_other_pixels_are_named(runs, message, tmp_path):
    scale = {"noise": [1.0], "sky": [0.0], "peak": [9.0]}
    paths = [write(tmp_path / name) for name in "ab"]
    for path, run in zip(paths, runs, strict=True):
        if "inputs" in run:
            run = {"inputs": scale | {"zero_point": run["inputs"]}}
        path.with_name("run.json").write_text(json.dumps(run))
    for order in (paths, paths[::-1]):
        with pytest.raises(LenszooError, match=message if order is paths else "members that agree"):
            load_model(order)


def test_an_ensemble_knows_what_any_of_its_members_knows(tmp_path):
    paths = [write(tmp_path / name, shape=(20, 20, 2)) for name in "ab"]
    scale = {"noise": [1.0] * 2, "sky": [0.0] * 2, "peak": [9.0] * 2, "zero_point": 25.0}
    facts = {"bands": ["g", "r"], "pixel_scale": 0.2, "inputs": scale}
    paths[1].with_name("run.json").write_text(json.dumps(facts))
    for order in (paths, paths[::-1]):
        opened = open_model(order)
        assert (opened.bands, opened.pixel_scale) == (("g", "r"), 0.2)
        assert opened.zero_point == 25.0
