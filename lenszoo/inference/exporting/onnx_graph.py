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


def restore_where(model: Any) -> int:
    """Replace ``cast(c) x + cast(not c) y``, the converter's form of ``where(c, x, y)``, in place.

    The sum is NaN wherever x or y is, also where the other one was chosen: missing values of a
    table would have no answer.

    Args:
        model: an ``onnx.ModelProto``.

    Returns:
        How many sums were replaced.
    """
    from onnx import helper

    made_by = {name: node for node in model.graph.node for name in node.output}

    def source(name: str, kind: str) -> str | None:
        """The first input of the node that makes a value, if it is of a kind."""
        node = made_by.get(name)
        return node.input[0] if node is not None and node.op_type == kind else None

    def masked(name: str) -> tuple[str, str] | None:
        """Condition and other factor of a product with a mask."""
        node = made_by.get(name)
        if node is None or node.op_type != "Mul":
            return None
        for mask, other in (node.input, reversed(node.input)):
            condition = source(mask, "Cast")
            maker = made_by.get(condition or "")
            if condition is not None and maker is not None and maker.op_type in _BOOLEAN:
                return condition, other
        return None

    count = 0
    for node in model.graph.node:
        parts = [masked(name) for name in node.input] if node.op_type == "Add" else []
        if len(parts) != 2 or None in parts:
            continue
        (one, x), (other, y) = parts  # type: ignore[misc]
        for chosen, rest, a, b in ((one, other, x, y), (other, one, y, x)):
            if source(rest, "Not") == chosen:
                where = helper.make_node("Where", [chosen, a, b], list(node.output), node.name)
                node.CopyFrom(where)
                count += 1
                break
    _prune(model)
    return count


_BOOLEAN = (
    "Not", "And", "Or", "Xor", "IsNaN", "IsInf", "Less", "LessOrEqual", "Greater",
    "GreaterOrEqual", "Equal", "Slice", "Unsqueeze", "Reshape", "Expand",
)  # fmt: skip
"""Nodes that make conditions, or pass them on."""


def _prune(model: Any) -> None:
    """Remove nodes whose answers nothing takes."""
    while True:
        taken = {name for node in model.graph.node for name in node.input}
        taken |= {value.name for value in model.graph.output}
        idle = [node for node in model.graph.node if not taken & set(node.output)]
        if not idle:
            return
        for node in idle:
            model.graph.node.remove(node)


def name_sizes(model: Any) -> None:
    """Name the open sizes of inputs and outputs: ``batch``, and ``height`` and ``width``."""
    for place, values in (("", model.graph.input), ("output_", model.graph.output)):
        for value in values:
            sizes = value.type.tensor_type.shape.dim
            names = ("batch", f"{place}height", f"{place}width", f"{place}channels")
            for size, name in zip(sizes, names, strict=False):
                if not size.HasField("dim_value"):
                    size.dim_param = name
