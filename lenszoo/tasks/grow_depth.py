"""Residual blocks that begin as nothing, so that a deeper network answers as a shallower one."""

from collections.abc import Collection, Iterator

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.layers import LayerScale

_ZEROED = (
    keras.layers.BatchNormalization,
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.MultiHeadAttention,
    LayerScale,
)

_KEEP_ZERO = (keras.layers.Dropout, keras.layers.Rescaling)  # none of the zoo has an offset


def silence(
    model: keras.Model, old: Collection[str]
) -> list[tuple[keras.layers.Layer, list[np.ndarray]]]:
    """The weights with which the new residual branches of a network add nothing.

    Args:
        model: the deep network.
        old: names of the layers that the shallow network has.

    Returns:
        The last layer of each branch that is new, with weights that make it answer zero.

    Raises:
        LenszooError: a new layer is of no branch that could be silent.
    """
    inside = {id(layer) for layer in model.layers}
    new = [layer for layer in model.layers if layer.name not in old and layer.weights]
    silent = {}
    for add in model.layers:
        if isinstance(add, keras.layers.Add) and add.name not in old:
            ends = [layer for layer in _before(add) if layer in new]
            if len(ends) == 1 and isinstance(ends[0], _ZEROED):
                silent[id(ends[0])] = ends[0]
    for layer in new:
        if id(layer) not in silent and _is_heard(layer, old, silent, inside):
            raise LenszooError(
                f"{model.name} cannot begin as a shallower network: its layer {layer.name} is in "
                "no residual branch with a way around it."
            )
    return [(layer, _zero(layer)) for layer in silent.values()]


def _before(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    for node in layer._inbound_nodes[:1]:
        for tensor in node.input_tensors:
            operation = tensor._keras_history.operation
            if isinstance(operation, _KEEP_ZERO):
                yield from _before(operation)
            else:
                yield operation


def _is_heard(
    layer: keras.layers.Layer, old: Collection[str], silent: Collection[int], inside: set[int]
) -> bool:
    """Whether what a layer answers arrives at an old layer, past no silent one."""
    seen: set[int] = set()
    ahead = [layer]
    while ahead:
        for node in ahead.pop()._outbound_nodes:
            after = node.operation
            if id(after) in silent or id(after) in seen or id(after) not in inside:
                continue
            if after.name in old:
                return True
            seen.add(id(after))
            ahead.append(after)
    return False


def _zero(layer: keras.layers.Layer) -> list[np.ndarray]:
    """A layer's weights with zero in all that its answer is made of; statistics stay."""
    parts = layer.get_weights()
    last = {
        "BatchNormalization": [0, 1],  # gamma, beta
        "MultiHeadAttention": [-2, -1],  # kernel and bias of the output
    }.get(type(layer).__name__, range(len(parts)))
    for place in last:
        parts[place] = np.zeros_like(parts[place])
    return parts
