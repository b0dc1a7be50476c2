"""Mends of ONNX graphs: the operator that ONNX lacks, names of open sizes."""

import numpy as np
import pytest
from scipy.special import erfc

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from lenszoo.inference.exporting.onnx_graph import name_sizes, replace_erfc  # noqa: E402


@pytest.fixture
def graph():
    """``erfc(erfc(x))`` of an image, as a converter writes what ONNX does not know."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Erfc", ["images"], ["first"], name="first"),
        helper.make_node("Erfc", ["first"], ["answer"], name="second"),
    ]
    shape = ["unk__1", "unk__2", "unk__3", 1]
    ends = [helper.make_tensor_value_info(name, kind, shape) for name in ("images", "answer")]
    model = helper.make_graph(nodes, "net", ends[:1], ends[1:])
    return helper.make_model(model, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def test_erfc_becomes_what_it_is(graph):
    assert replace_erfc(graph) == 2
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    x = np.linspace(-4, 4, 24, dtype=np.float32).reshape(1, 4, 6, 1)
    np.testing.assert_allclose(session.run(None, {"images": x})[0], erfc(erfc(x)), atol=2e-6)
    assert replace_erfc(graph) == 0


def test_open_sizes_have_names(graph):
    name_sizes(graph)
    told = [
        [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.graph.input, *graph.graph.output)
    ]
    assert told == [
        ["batch", "height", "width", 1],
        ["batch", "output_height", "output_width", 1],
    ]
