"""Engines: they answer as Keras does or are refused, and say what answered."""

import dataclasses
import json

import numpy as np
import pytest
from oneline import one_line
from tinynetworks import network

from lenszoo import predict
from lenszoo.inference import open_model, provenance_of
from lenszoo.inference.engines import checked as module
from lenszoo.inference.engines import open_engine
from lenszoo.inference.engines.cache import FOLDER
from lenszoo.inference.engines.opening import COST
from lenszoo.inference.exporting.formats import FORMATS
from lenszoo.inference.features import feature_model, logits_and_features

ENGINES = ("onnx", "openvino")
# OpenVINO, which compiles for seconds, says again that outputs keep their order
either_engine = pytest.mark.parametrize(
    "engine", ["onnx", pytest.param("openvino", marks=pytest.mark.slow)], indirect=True
)


@pytest.fixture(params=ENGINES)
def engine(request):
    for name in FORMATS[module.RUNTIMES[request.param].format].modules:
        pytest.importorskip(name)
    return request.param


@pytest.fixture
def sky_model(monkeypatch):
    """A small classifier of a simulated sky, whose cost is measured on 12 scenes."""
    monkeypatch.setattr("lenszoo.inference.precision_cost.SCENES", 12)
    model = network("simple_cnn", shape=(150, 150, 1), classes=3, width=4)
    opened = open_model(model, ["no", "sphere", "vort"])
    return dataclasses.replace(opened, preset="common_test_sim")


def test_each_answers_as_keras_does_and_is_converted_once(engine, opened, stack, monkeypatch):
    images = stack[0].copy()
    images[3, 5, 5] = np.nan
    expected = predict(opened, images, on_bad="skip")
    table = predict(opened, images, engine=engine, on_bad="skip", batch_size=8)
    assert table["predicted"].to_pylist() == expected["predicted"].to_pylist()
    for name in opened.classes:
        one, other = (t[f"logit_{name}"].to_numpy() for t in (table, expected))
        np.testing.assert_allclose(one, other, atol=1e-4)
    facts = provenance_of(table)
    assert facts["engine"] == engine and facts["precision"] == "float32"
    assert facts["engine_version"] == module.RUNTIMES[engine].version

    def never(*_):
        raise AssertionError("converted twice")

    monkeypatch.setattr("lenszoo.inference.engines.cache.write_network", never)
    answering = open_engine(opened, engine)
    raw = answering.model.predict_on_batch(images)
    assert np.isnan(raw[3]).all() and np.isfinite(np.delete(raw, 3, axis=0)).all()


@either_engine
def test_features_and_both_come_in_their_order(engine, opened, stack):
    model = logits_and_features(opened.model)
    expected = model.predict_on_batch(stack[0][:4])
    both = open_engine(opened, engine, "float32", logits_and_features).model
    answers = both.predict_on_batch(stack[0][:4])
    assert both.output_shape == model.output_shape
    for one, other in zip(answers, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    vectors = open_engine(opened, engine, "float32", feature_model).model
    np.testing.assert_allclose(vectors.predict_on_batch(stack[0][:4]), expected[1], atol=1e-4)


@either_engine
def test_images_and_a_table(engine, finder):
    rng = np.random.default_rng(1)
    inputs = {
        name: rng.normal(size=(5, *shape)).astype(np.float32)
        for name, shape in finder.takes.items()
    }
    inputs["table"][2, 0] = np.nan
    answers = open_engine(finder, engine).model.predict_on_batch(inputs)
    np.testing.assert_allclose(answers, finder.model.predict_on_batch(inputs), atol=1e-4)


def test_other_answers_than_those_of_keras_are_refused(opened, monkeypatch, tmp_path):
    pytest.importorskip("tf2onnx")
    row = module.RUNTIMES["onnx"]

    def other(path, precision):
        session = row.open(path, precision)
        return lambda arrays: [values + np.float32(2e-3) for values in session(arrays)]

    monkeypatch.setitem(module.RUNTIMES, "onnx", dataclasses.replace(row, open=other))
    text = one_line("answers otherwise than Keras, by up to 0.00", lambda: _open(opened, "onnx"))
    assert text.endswith("take engine='keras'.")
    assert not list((tmp_path / "cache" / FOLDER).glob("*.onnx.json"))


def test_a_file_of_other_code_under_the_same_name_is_made_again(opened, stack, monkeypatch):
    pytest.importorskip("tf2onnx")
    monkeypatch.setattr("lenszoo.inference.engines.cache.key_of", lambda *_: "same")
    monkeypatch.setattr(module.cache, "key_of", lambda *_: "same")
    other = network("simple_cnn", shape=(20, 20, 1), classes=3, width=4)
    open_engine(open_model(other), "onnx")
    answers = open_engine(opened, "onnx").model.predict_on_batch(stack[0][:3])
    np.testing.assert_allclose(answers, opened.model.predict_on_batch(stack[0][:3]), atol=1e-4)


def _open(opened, engine, precision="auto"):
    return open_engine(opened, engine, precision)


needs_bfloat16 = pytest.mark.skipif(
    not module.bfloat16_flags(), reason="this processor has no bfloat16"
)


@needs_bfloat16
def test_bfloat16_is_measured_once_and_kept(sky_model, monkeypatch, tmp_path):
    images = np.random.default_rng(0).random((3, 150, 150, 1), dtype=np.float32)
    monkeypatch.setattr(module, "LIMIT", 1.0)
    engine = open_engine(sky_model, "keras", "bfloat16")
    cost = engine.facts[COST]
    assert engine.facts["precision"] == "bfloat16" and cost["scenes"] == 12
    assert cost["preset"] == "common_test_sim" and cost["logit_difference"] > 0
    answers = engine.model.predict_on_batch(images)
    exact = sky_model.model.predict_on_batch(images)
    assert answers.dtype == np.float32 and 0 < np.abs(answers - exact).max() < 0.2

    def never(*_):
        raise AssertionError("measured twice")

    with monkeypatch.context() as patch:
        patch.setattr(module, "draw_scenes", never)
        assert open_engine(sky_model, "keras", "bfloat16").facts == engine.facts
    (file,) = (tmp_path / "cache" / FOLDER).glob("*-bfloat16.json")
    file.write_text(file.read_text()[:20])  # cut off
    assert open_engine(sky_model, "keras", "bfloat16").facts == engine.facts
    assert json.loads(file.read_text()) == cost


@needs_bfloat16
def test_bfloat16_that_costs_too_much_is_refused(sky_model, monkeypatch):
    monkeypatch.setattr(module, "LIMIT", -1.0)
    text = one_line("of its AUC by bfloat16", lambda: _open(sky_model, "keras", "bfloat16"))
    assert "on 12 scenes of common_test_sim" in text and "precision='float32'" in text


@needs_bfloat16
def test_bfloat16_of_openvino(sky_model, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setattr(module, "LIMIT", 1.0)
    images = np.random.default_rng(0).random((3, 150, 150, 1), dtype=np.float32)
    answers = open_engine(sky_model, "openvino", "bfloat16").model.predict_on_batch(images)
    exact = sky_model.model.predict_on_batch(images)
    assert 0 < np.abs(answers - exact).max() < 0.2
