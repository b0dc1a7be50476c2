"""Formats: packages that are missing, facts inside the files."""

import json
import zipfile

import keras
import numpy as np
import pytest
from oneline import one_line
from tinynetworks import images, network

from lenszoo.inference.exporting.formats import FACTS, FORMATS, Format
from lenszoo.layers import Stretch

FACTS_TEXT = json.dumps({"classes": ["no", "sphere"], "note": "é"})


def test_a_missing_package_is_named_with_its_command():
    row = Format("X", ".x", {"no_such_module": "no-such", "json": "json"}, None, None)
    one_line("X needs no-such: pip install no-such, or", row.check)


def test_a_backend_that_cannot_write_it_is_named():
    row = Format("X", ".x", {}, None, None, backends=("other",))
    one_line("X is not written with the backend", row.check)


@pytest.fixture(scope="module")
def model():
    model = network("simple_cnn", width=2)
    model(images())
    return model


def read_onnx(path):
    import onnx

    return {p.key: p.value for p in onnx.load(path).metadata_props}[FACTS]


def read_openvino(path):
    import openvino

    return openvino.Core().read_model(path).get_rt_info([FACTS]).astype(str)


def read_litert(path):
    return zipfile.ZipFile(path).read(f"{FACTS}.json").decode()


def read_saved_model(path):
    return (path / "assets.extra" / f"{FACTS}.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("onnx", read_onnx),
        ("openvino", read_openvino),
        ("litert", read_litert),
        ("tf_saved_model", read_saved_model),
    ],
)
def test_facts_are_read_back(model, tmp_path, name, read):
    row = FORMATS[name]
    for module in row.modules:
        pytest.importorskip(module)
    row.write(model, tmp_path / f"net{row.ending}", FACTS_TEXT)
    assert json.loads(read(tmp_path / f"net{row.ending}")) == json.loads(FACTS_TEXT)


def test_litert_has_no_asinh_and_answers_as_a_network_that_has(tmp_path):
    pytest.importorskip("ai_edge_litert")
    images = keras.Input((6, 6, 2), name="images")
    model = keras.Model(images, Stretch("asinh", name="stretch")(images))
    row, path = FORMATS["litert"], tmp_path / "net.tflite"
    row.write(model, path, FACTS_TEXT)
    assert not model.get_layer("stretch").elementary
    pixels = 50 * np.random.default_rng(0).standard_normal((3, 6, 6, 2)).astype(np.float32)
    pixels[0, 0, 0, 0] = np.nan
    np.testing.assert_allclose(row.run(path, {"images": pixels}), np.arcsinh(pixels), atol=1e-5)
