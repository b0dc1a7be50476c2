"""Files in int8: small, measured, and refused where they cost too much."""

import dataclasses
import json

import numpy as np
import pytest
from oneline import one_line
from tinynetworks import network
from tinyupscaler import tiny_upscaler

from lenszoo.inference import open_model
from lenszoo.inference.exporting import export, quantizing
from lenszoo.inference.exporting import exporter as module

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")


@pytest.fixture
def model(monkeypatch):
    """A classifier of a simulated sky; costs are measured on 12 scenes."""
    monkeypatch.setattr("lenszoo.inference.precision_cost.SCENES", 12)
    monkeypatch.setattr(quantizing, "CALIBRATION", 6)
    net = network("simple_cnn", shape=(150, 150, 1), classes=3, width=8)
    opened = open_model(net, ["no", "sphere", "vort"])
    opened = dataclasses.replace(opened, preset="common_test_sim")
    monkeypatch.setattr(module, "open_model", lambda _: opened)
    return net


def test_int8_is_written_with_what_it_costs(model, tmp_path):
    exact = export(model, tmp_path / "exact.onnx")
    path = export(model, tmp_path / "net.onnx", quantize="int8", max_auc_loss=1.0)
    assert path.stat().st_size < 0.6 * exact.stat().st_size
    graph = onnx.load(path)
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds.count("QuantizeLinear") > 2
    facts = json.loads({p.key: p.value for p in graph.metadata_props}["lenszoo"])
    cost = facts["int8"]
    assert cost["scenes"] == 12 and cost["calibration_scenes"] == 6 and cost["seed"] == 2026
    assert cost["preset"] == "common_test_sim" and cost["logit_difference"] > 0
    images = np.random.default_rng(0).random((3, 150, 150, 1), dtype=np.float32)
    images[1, 70, 70] = np.nan
    told = onnxruntime.InferenceSession(str(path)).run(None, {"images": images})[0]
    expected = model.predict_on_batch(images)
    assert np.isnan(told[1]).all()
    difference = np.abs(np.delete(told - expected, 1, axis=0)).max()
    assert 0 < difference < 0.3 * np.ptp(np.delete(expected, 1, axis=0)) + 0.05


@pytest.mark.slow
def test_openvino_reads_the_same_network(model, tmp_path):
    openvino = pytest.importorskip("openvino")
    path = export(model, tmp_path / "net.xml", quantize="int8", max_auc_loss=1.0)
    read = openvino.Core().read_model(path)
    facts = json.loads(read.get_rt_info(["lenszoo"]).astype(str))
    assert facts["int8"]["scenes"] == 12
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.bin", "net.xml"]


def test_what_costs_too_much_is_not_kept(model, tmp_path, monkeypatch):
    cost = dataclasses.replace(_cost(), auc=_cost().auc_float32 - 0.01)
    monkeypatch.setattr("lenszoo.inference.precision_cost.Scenes.cost", lambda *_: cost)
    line = one_line(
        "loses 0.01 of its AUC by int8",
        lambda: export(model, tmp_path / "net.onnx", quantize="int8"),
    )
    assert "at most 0.005 may be, so the file is not kept" in line
    assert list(tmp_path.iterdir()) == []
    assert export(model, tmp_path / "n.onnx", quantize="int8", max_auc_loss=0.02).is_file()


def _cost():
    from lenszoo.inference.precision_cost import Cost

    return Cost(0.9, 0.9, 0.1, "common_test_sim", 12, 2026)


def test_what_cannot_be_is_refused(tmp_path):
    net = network("simple_cnn", width=2)

    def run(name="n.onnx", model=net, **options):
        return lambda: export(model, tmp_path / name, **{"quantize": "int8"} | options)

    one_line("did not learn on one simulated sky", run())
    one_line("is not written in int8: choose onnx or openvino", run("n.tflite"))
    one_line("quantize is 'int8' or None", run(quantize="int4"))
    one_line("give a number from 0 to 1", run(max_auc_loss=-1.0))
    one_line("is no classifier", run(model=tiny_upscaler()))
    assert list(tmp_path.iterdir()) == []
