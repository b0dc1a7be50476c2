"""Exported files: they answer as the model does, and none is kept that does not."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from oneline import one_line
from tinynetworks import network
from tinyzoo import CLASSES, NAME

import lenszoo
from lenszoo import build_model
from lenszoo.inference.exporting import FORMATS, export
from lenszoo.inference.exporting import exporter as module

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")

BUILDERS = {
    "classifier": lambda: network("simple_cnn", width=2),
    # attention and the exact GELU, which converters stumble over
    "vit": lambda: build_model("vit_ti16", input_shape=(32, 32, 1), num_classes=2, depth=1),
    "images and a table": lambda: build_model(
        "lens_finder", input_shape=(32, 32, 2), columns=("size", "colour"), width=4
    ),
    "normalization": lambda: build_model(
        "efficientnet_b2", input_shape=(32, 32, 1), num_classes=2, alpha=0.5, until="block2b_add"
    ),
    "upscaler": lambda: build_model("srresnet_1", width=4, batch_norm=False, skip="bicubic"),
}


@pytest.mark.parametrize("kind", BUILDERS)
def test_onnx_answers_as_the_model_does(kind, tmp_path):
    model = BUILDERS[kind]()
    path = export(model, tmp_path / "net.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
    session = onnxruntime.InferenceSession(str(path))
    rng = np.random.default_rng(3)
    inputs = {
        end.name: rng.random((5, *(n if isinstance(n, int) else 20 for n in end.shape[1:])), "f4")
        for end in session.get_inputs()
    }
    if "table" in inputs:
        inputs["table"][1, 0] = np.nan  # a missing value
    told = session.run(None, inputs)[0]
    one = model.predict(inputs if len(inputs) > 1 else inputs["images"], verbose=0)
    np.testing.assert_allclose(told, one, atol=1e-4)
    assert len(told) == 5 and np.ptp(told) > 0.01


def test_a_network_may_have_other_names_than_images(tmp_path):
    pixels = keras.Input((8, 8, 1), name="pixels")
    model = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))
    assert export(model, tmp_path / "net.onnx").is_file()


def test_an_image_with_nan_has_no_answer(tmp_path):
    path = export(network("simple_cnn", width=2), tmp_path / "net.onnx")
    images = np.zeros((2, 32, 32, 1), np.float32)
    images[1, 3, 4] = np.nan
    told = onnxruntime.InferenceSession(str(path)).run(None, {"images": images})[0]
    assert np.isfinite(told[0]).all() and np.isnan(told[1]).all()


def test_weights_by_name_bring_their_facts(tmp_path):
    path = lenszoo.export(NAME, tmp_path / "net.onnx")
    facts = json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["lenszoo"])
    assert facts["classes"] == list(CLASSES) and facts["output"] == "logits"
    assert facts["weights"] == NAME and len(facts["weights_sha256"]) == 64


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    exact = FORMATS["onnx"]

    def other(path, arrays):
        return exact.run(path, arrays) + np.float32(2e-3)

    monkeypatch.setitem(module.FORMATS, "onnx", dataclasses.replace(exact, run=other))
    model = network("simple_cnn", width=2)
    one_line(
        "answers otherwise than the model, by up to 0.002",
        lambda: export(model, tmp_path / "n.onnx"),
    )
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_a_converter_is_one_line(tmp_path):
    class Odd(keras.layers.Layer):
        def call(self, x):
            import tensorflow as tf

            return tf.ensure_shape(tf.py_function(lambda y: y, [x], tf.float32), (None, 4))

    images = keras.Input((4,))
    model = keras.Model(images, Odd()(images), name="odd")
    line = one_line("odd cannot be exported", lambda: export(model, tmp_path / "n.onnx"))
    assert line.endswith(". Try another format: tf_saved_model, openvino, litert, torch.")
    assert list(tmp_path.iterdir()) == []


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("net", {}, "its ending names no format; give format=, one of onnx (.onnx), "),
        ("net.onnx", {"format": "caffe"}, "Unknown format 'caffe': choose from onnx"),
        ("net.onnx", {"format": "openvino"}, "OpenVINO is a file .xml; choose another name"),
        ("net.onnx", {"format": "tf_saved_model"}, "A SavedModel is a folder; choose another"),
        ("net.pt2", {}, "not written with the backend tensorflow: run with KERAS_BACKEND=torch"),
        ("old.onnx", {}, "is there already; choose another, or pass overwrite=True"),
        ("old.xml", {}, "old.bin: is there already"),
    ],
)
def test_places_that_do_not_fit_are_refused(tmp_path, name, options, message):
    for old in ("old.onnx", "old.bin"):
        (tmp_path / old).write_bytes(b"old")
    one_line(message, lambda: export(network("simple_cnn", width=2), tmp_path / name, **options))
    assert (tmp_path / "old.onnx").read_bytes() == (tmp_path / "old.bin").read_bytes() == b"old"


def test_a_network_without_a_graph_is_refused(tmp_path):
    one_line("is a Subclassed without a graph", lambda: export(Subclassed(), tmp_path / "n.onnx"))


def test_a_folder_is_replaced_when_told_to(tmp_path):
    model = network("simple_cnn", width=2)
    for overwrite in (False, True):
        path = export(model, tmp_path / "net", format="tf_saved_model", overwrite=overwrite)
    assert (path / "saved_model.pb").is_file()
    one_line(
        "is not empty; choose another folder",
        lambda: export(model, tmp_path / "net", format="tf_saved_model"),
    )


@pytest.mark.parametrize("name", ["notes.txt", ".git/config", "runs/r0/run.json"])
def test_a_folder_with_anything_else_in_it_is_never_replaced(tmp_path, name):
    path = tmp_path / "net" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    (tmp_path / "net" / "saved_model.pb").touch()
    one_line(
        f"net: holds {name.partition('/')[0]}, which is no part of a SavedModel and would be lost",
        lambda: export(
            network("simple_cnn", width=2),
            tmp_path / "net",
            format="tf_saved_model",
            overwrite=True,
        ),
    )
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["net.onnx", "net.bin"])
def test_a_folder_is_never_replaced_by_a_file(tmp_path, name):
    (tmp_path / name).mkdir()
    out = tmp_path / ("net.onnx" if name == "net.onnx" else "net.xml")
    one_line(
        f"{name}: is a folder; give the name of a file",
        lambda: export(network("simple_cnn", width=2), out, overwrite=True),
    )


def test_a_member_of_an_ensemble_is_no_place_for_it(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"weights")
    one_line("is an input itself", lambda: export([NAME, str(path)], path, overwrite=True))
