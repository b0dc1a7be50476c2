import json
import os
import shutil

import keras
import numpy as np
import pytest
from oneline import one_line
from tinyzoo import CLASSES, NAME, SIZE

from lenszoo import build_model, embed, load_model, predict
from lenszoo.errors import LenszooError
from lenszoo.inference import open_model
from lenszoo.pretrained import manifest


def test_a_run_folder_knows_its_classes_and_where_it_comes_from(zoo):
    opened = open_model(zoo.run)
    assert opened.classes == CLASSES and opened.named
    assert opened.provenance["seed"] == 7 and opened.provenance["model"] == "simple_cnn"
    assert opened.run_dir == zoo.run


def test_a_file_alone_has_numbers_for_classes_until_they_are_named(zoo, tmp_path):
    file = shutil.copy(zoo.run / "best.weights.h5", tmp_path / "mine.weights.h5")
    opened = open_model(file)
    assert opened.classes == ("0", "1", "2") and not opened.named
    assert open_model(opened, ["a", "b", "c"]).classes == ("a", "b", "c")
    for wrong in (["a", "b"], ["a", "b", "a"]):
        with pytest.raises(LenszooError, match="tells 3 classes apart"):
            open_model(file, wrong)


def test_a_model_loaded_by_name_is_known_until_its_weights_change(zoo, stack, caplog):
    model = load_model(NAME)
    opened, by_name = open_model(model), open_model(NAME)
    assert opened.classes == CLASSES and opened.named
    assert opened.provenance == by_name.provenance and opened.pixel_scale == by_name.pixel_scale
    assert predict(model, stack[0][:3]).equals(predict(NAME, stack[0][:3]))
    predict(model, 3 * stack[0][:3])
    assert "learned on other images" in caplog.text
    pair = load_model([NAME, NAME])
    assert open_model(pair).provenance["weights"] == [NAME, NAME]
    model.get_layer("logits").bias.assign([0.0, 1.0, 0.0])
    changed = open_model(model)
    assert changed.provenance["weights"] == model.name and not changed.named
    assert changed.provenance["weights_sha256"] is None


def test_a_model_of_a_run_is_known_until_the_run_goes_on(zoo, tmp_path):
    run = shutil.copytree(zoo.run, tmp_path / "run")
    model = load_model(run)
    assert open_model(model).classes == CLASSES
    assert open_model(model).provenance == open_model(run).provenance
    os.utime(run / "best.weights.h5", ns=(1, 1))
    assert open_model(model).provenance["weights"] == model.name


def test_weights_of_nan_are_refused(zoo, stack):
    model = load_model(NAME)
    kernel = model.get_layer("logits").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    one_line(
        "logits/kernel and 0 more of its weights hold NaN", lambda: predict(model, stack[0][:2])
    )


def test_a_list_is_an_ensemble_that_knows_where_each_comes_from(zoo, stack, tmp_path):
    file = shutil.copy(zoo.run / "best.weights.h5", tmp_path / "mine.weights.h5")
    opened = open_model([file, zoo.run, NAME])  # the first does not know its classes
    assert opened.classes == CLASSES and opened.named and opened.run_dir is None
    assert opened.name == f"{file} + {zoo.run} + {NAME}"
    alone = [open_model(source).provenance for source in (file, zoo.run, NAME)]
    for fact in ("weights", "weights_sha256", "recipe", "seed"):
        assert opened.provenance[fact] == [one[fact] for one in alone]
    assert len(set(opened.provenance["weights_sha256"])) == 2
    assert open_model([NAME]).provenance == open_model(NAME).provenance
    table = predict([zoo.run, NAME], stack[0][:6])
    each = [predict(source, stack[0][:6]) for source in (zoo.run, NAME)]
    for name in CLASSES:
        logits = [one[f"logit_{name}"] for one in each]
        np.testing.assert_allclose(table[f"logit_{name}"], np.mean(logits, axis=0), atol=1e-4)
    one_line("needs a list", lambda: open_model([]))
    one_line(
        "'ensemble' has no layer named 'features'", lambda: embed([zoo.run, NAME], stack[0][:2])
    )


def test_a_damaged_run_json_is_named(zoo, tmp_path):
    shutil.copytree(zoo.run, tmp_path / "run")
    for content in ("{", "[]"):
        (tmp_path / "run" / "run.json").write_text(content)
        with pytest.raises(LenszooError, match=r"run\.json"):
            open_model(tmp_path / "run")


@pytest.mark.parametrize("name", ["simple_cnn.tiny", "nothing/here", "gone.keras"])
def test_what_is_not_there(name):
    with pytest.raises(LenszooError):
        open_model(name)


def test_a_model_without_classes_is_refused():
    images = keras.Input((8, 8, 1))
    one_line(
        "is no classifier",
        lambda: open_model(keras.Model(images, keras.layers.Conv2D(1, 3)(images))),
    )


def test_probabilities_are_not_taken_for_logits(zoo, stack):
    """activation="softmax" changes what comes out, not what is told of it."""
    images = stack[0][:6]
    plain = predict(zoo.run, images)
    model = build_model("simple_cnn", weights=zoo.run, activation="softmax")
    table = predict(model, images, classes=CLASSES)
    for name in CLASSES:
        np.testing.assert_allclose(table[f"prob_{name}"], plain[f"prob_{name}"], atol=1e-5)
    difference = table["logit_no"].to_numpy() - table["logit_vort"].to_numpy()
    expected = plain["logit_no"].to_numpy() - plain["logit_vort"].to_numpy()
    np.testing.assert_allclose(difference, expected, rtol=1e-3)


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_one_output_tells_two_classes(stack, activation):
    keras.utils.set_random_seed(0)
    images = keras.Input((SIZE, SIZE, 1))
    flat = keras.layers.Flatten()(images)
    model = keras.Model(images, keras.layers.Dense(1, activation=activation)(flat))
    table = predict(model, stack[0][:5], classes=["no lens", "lens"])
    kernel, bias = model.layers[-1].get_weights()
    logit = (stack[0][:5].reshape(5, -1) @ kernel + bias)[:, 0]
    np.testing.assert_allclose(table["prob_lens"], 1 / (1 + np.exp(-logit)), atol=1e-5)
    difference = table["logit_lens"].to_numpy() - table["logit_no lens"].to_numpy()
    np.testing.assert_allclose(difference, logit, atol=1e-4)


def test_the_recipe_and_hash_of_a_name_are_the_manifests(zoo):
    entry = json.loads(zoo.manifest.read_text())["entries"][0]
    facts = open_model(NAME).provenance
    assert facts["weights_sha256"] == entry["files"][0]["sha256"]
    assert facts["recipe"] == entry["recipe"]


def test_a_prediction_parses_the_manifest_once(zoo, stack, monkeypatch):
    calls, validated = [], manifest.validated
    monkeypatch.setattr(manifest, "validated", lambda *args: calls.append(1) or validated(*args))
    manifest._parsed.cache_clear()
    predict(NAME, stack[0][:2])
    predict(NAME, stack[0][:2], tta=True)
    assert len(calls) == 1


def test_classes_are_a_list_of_names_and_no_text_whose_letters_are_as_many(zoo, stack):
    one_line(r"classes must be a list", lambda: predict(zoo.run, stack[0][:2], classes="abc"))
    one_line(r"classes must be a list", lambda: open_model(open_model(zoo.run), classes="abc"))


def test_known_classes_get_other_names_with_a_note_and_no_other_order(zoo, stack, caplog):
    table = predict(zoo.run, stack[0][:2], classes=["a", "b", "c"])
    assert "logit_c" in table.column_names
    assert "its classes no, sphere, vort are called a, b, c" in caplog.text
    one_line(
        "in this order, which classes= cannot change",
        lambda: predict(zoo.run, stack[0][:2], classes=["vort", "sphere", "no"]),
    )
