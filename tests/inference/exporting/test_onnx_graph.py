"""Mends of ONNX graphs: the operator that ONNX lacks, names of open sizes."""

import numpy as np
import pytest
from scipy.special import erfc

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from lenszoo.inference.exporting.onnx_graph import name_sizes, replace_erfc, restore_where  # noqa: E402


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


def test_a_sum_of_masked_values_is_a_choice_again():
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("IsNaN", ["x"], ["nan"]),
        helper.make_node("Not", ["nan"], ["sound"]),
        helper.make_node("Cast", ["nan"], ["missing"], to=kinds.FLOAT),
        helper.make_node("Cast", ["sound"], ["kept"], to=kinds.FLOAT),
        helper.make_node("Mul", ["x", "kept"], ["one"]),
        helper.make_node("Mul", ["missing", "seven"], ["other"]),
        helper.make_node("Add", ["one", "other"], ["chosen"]),
        helper.make_node("Mul", ["chosen", "kept"], ["product"]),  # no choice
        helper.make_node("Add", ["product", "chosen"], ["answer"]),
    ]
    ends = [helper.make_tensor_value_info(name, kinds.FLOAT, [4]) for name in ("x", "answer")]
    seven = helper.make_tensor("seven", kinds.FLOAT, [1], [7.0])
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [seven])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    assert restore_where(model) == 1 and restore_where(model) == 0
    assert [node.op_type for node in model.graph.node].count("Where") == 1
    assert len(model.graph.node) == 6  # the masks of the choice are gone
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = np.array([1, np.nan, -2, 0], np.float32)
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], [2, 7, -4, 0])
