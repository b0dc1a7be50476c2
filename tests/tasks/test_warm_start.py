"""What a training takes over from the weights that it starts from, and what it does not."""

import logging
import shutil

import numpy as np
import pytest
from tinyzoo import CLASSES, NAME, tiny_zoo

from lenszoo import load_model
from lenszoo.pretrained.loading import build_model
from lenszoo.tasks.warm_start import check_images, match_head

TAG = NAME.partition(".")[2]


@pytest.fixture
def zoo(monkeypatch):
    zoo = tiny_zoo()
    monkeypatch.setenv("LENSZOO_MANIFEST", str(zoo.manifest))
    return zoo


def head(model):
    return [np.array(part) for part in model.get_layer("logits").get_weights()]


def started(weights, classes):
    model = build_model("simple_cnn", weights=weights)
    match_head(model, "simple_cnn", str(weights), classes)
    return head(model)


@pytest.mark.parametrize("source", ["name", "tag", "run"])
def test_a_head_comes_in_the_order_of_the_classes(source, zoo):
    weights = {"name": NAME, "tag": TAG, "run": zoo.run}[source]
    kernel, bias = head(load_model(zoo.run if source == "run" else NAME))
    for classes in (CLASSES, ("no_sub", "cdm", "axion")):  # the same by other names
        same = started(weights, classes)
        np.testing.assert_array_equal(same[0], kernel)
    turned = started(weights, ("axion", "no", "sphere"))
    np.testing.assert_array_equal(turned[0], kernel[:, [2, 0, 1]])
    np.testing.assert_array_equal(turned[1], bias[[2, 0, 1]])


def test_a_head_of_other_classes_starts_anew(zoo, caplog):
    kernel, _ = head(load_model(NAME))
    fresh, bias = started(NAME, ("kein", "Kugel", "weiß"))
    assert np.abs(fresh - kernel).min(axis=0).max() > 0 and fresh.std() > 0.01
    assert not bias.any()
    assert "knows the classes no, sphere, vort, the images are of kein, Kugel, weiß" in caplog.text


def test_what_does_not_say_its_classes_keeps_its_head(zoo, tmp_path):
    file = shutil.copy(zoo.run / "best.weights.h5", tmp_path / "mine.weights.h5")
    kernel, _ = head(load_model(file))
    np.testing.assert_array_equal(started(file, ("a", "b", "c"))[0], kernel)


def test_images_of_another_scale_than_that_of_published_weights_are_told(zoo, caplog):
    images = np.random.default_rng(0).random((4, 20, 20, 1), np.float32)
    with caplog.at_level(logging.WARNING, "lenszoo"):
        check_images("simple_cnn", NAME, images, list("abcd"))
        check_images("simple_cnn", str(zoo.run), 3000 * images, list("abcd"))
        check_images("simple_cnn", "imagenet", 3000 * images, list("abcd"))
        assert not caplog.records
        check_images("simple_cnn", TAG, 3000 * images, list("abcd"))
    (record,) = caplog.records
    assert record.getMessage().startswith("a: pixels from") and NAME in record.getMessage()
