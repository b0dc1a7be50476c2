"""Mends and metadata of ONNX graphs."""

from typing import Any


def replace_erfc(model: Any) -> int:
    """Replace ``Erfc(x)``, which is no operator of ONNX, by ``1 - Erf(x)`` in place.

    The converter writes it for the exact GELU (``0.5 x erfc(-x / sqrt(2))``).

    Args:
        model: an ``onnx.ModelProto`` of float32 tensors.

    Returns:
        How many nodes were replaced.
    """
    from onnx import TensorProto, helper

    nodes, one, count = [], "lenszoo_one", 0
    for node in model.graph.node:
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        count += 1
        inner = f"{node.output[0]}_erf"
        nodes.append(helper.make_node("Erf", list(node.input), [inner], name=f"{node.name}_erf"))
        nodes.append(helper.make_node("Sub", [one, inner], list(node.output), name=node.name))
    if count:
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.append(helper.make_tensor(one, TensorProto.FLOAT, [], [1.0]))
    return count


def name_sizes(model: Any) -> None:
    """Name the open sizes of inputs and outputs: ``batch``, and ``height`` and ``width``."""
    for place, values in (("", model.graph.input), ("output_", model.graph.output)):
        for value in values:
            sizes = value.type.tensor_type.shape.dim
            names = ("batch", f"{place}height", f"{place}width", f"{place}channels")
            for size, name in zip(sizes, names, strict=False):
                if not size.HasField("dim_value"):
                    size.dim_param = name
