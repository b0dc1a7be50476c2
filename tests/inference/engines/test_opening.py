"""Engines: what cannot be had is refused in a line."""

import dataclasses

import keras
import pytest
from oneline import one_line
from tinynetworks import network

from lenszoo.inference import open_model
from lenszoo.inference.engines import open_engine
from lenszoo.inference.exporting.formats import FORMATS
from lenszoo.pretrained.loading import load_model


@pytest.fixture
def sky_model():
    """A small classifier of a simulated sky."""
    model = network("simple_cnn", shape=(150, 150, 1), classes=3, width=4)
    opened = open_model(model, ["no", "sphere", "vort"])
    return dataclasses.replace(opened, preset="common_test_sim")


def _open(opened, engine, precision="auto"):
    return open_engine(opened, engine, precision)


def test_what_cannot_be_had_is_refused(opened, sky_model, monkeypatch):
    one_line("Unknown engine 'tensorrt'", lambda: _open(opened, "tensorrt"))
    one_line("Unknown precision 'int4'", lambda: _open(opened, "keras", "int4"))
    pytest.importorskip("tf2onnx")
    one_line("ONNX Runtime has no bfloat16", lambda: _open(sky_model, "onnx", "bfloat16"))
    monkeypatch.setattr("lenszoo.inference.engines.bfloat16.bfloat16_flags", lambda: ["amx_bf16"])
    one_line("did not learn on one simulated sky", lambda: _open(opened, "keras", "bfloat16"))
    monkeypatch.setattr("lenszoo.inference.engines.bfloat16.bfloat16_flags", list)
    one_line("has no bfloat16", lambda: _open(sky_model, "keras", "bfloat16"))
    row = dataclasses.replace(FORMATS["openvino"], modules={"no_such": "openvino"})
    monkeypatch.setitem(FORMATS, "openvino", row)
    one_line("pip install openvino", lambda: _open(opened, "openvino"))


def test_a_model_built_in_short_floats_says_so(zoo):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        opened = open_model(load_model(zoo.run))
    finally:
        keras.config.set_dtype_policy("float32")
    assert open_engine(opened).facts == {"engine": "keras", "precision": "bfloat16"}
    one_line("was built in bfloat16", lambda: _open(opened, "keras", "float32"))
