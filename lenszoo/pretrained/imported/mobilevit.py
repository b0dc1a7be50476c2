"""Hugging Face's MobileViT (`apple/mobilevit-small` and its sisters): names of their tensors.

Their networks were trained on images in the order blue, green, red; target take red, green, blue,
so the stem's kernels come with their input channels reversed.
"""

from collections.abc import Collection

import keras
import numpy as np

from lenszoo.models.build import HEAD
from lenszoo.pretrained.imported.tensor_map import (
    Part,
    batch_norm,
    conv,
    dense,
    depthwise,
    layer_norm,
    linear,
)

IGNORED = ("classifier.*", "*.num_batches_tracked")

# Names of a convolution with its BatchNorm: in a MobileViT block, in an inverted residual.
_CONVOLUTIONS = {
    "local": "conv_kxk",
    "embed": "conv_1x1",
    "project": "conv_projection",
    "fuse": "fusion",
    "expand": "expand_1x1",
    "depth": "conv_3x3",
    "reduce": "reduce_1x1",
}
_TRANSFORMER = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "mlp1": "intermediate.dense",
    "mlp2": "output.dense",
}
_ATTENTION = {
    "query": "attention.attention.query",
    "key": "attention.attention.key",
    "value": "attention.attention.value",
    "attention_output": "attention.output.dense",
}


def names(model: keras.Model, tensors: Collection[str] = ()) -> dict[str, Part]:
    """Map each variable's path below the head to the tensor it comes from.

    Args:
        model: a model of the family.
        tensors: the names in the file; there is one layout only.
    """
    parts: dict[str, Part] = {}
    for layer in model.layers:
        if not layer.weights or layer.name in HEAD:
            continue
        where, _, part = layer.name.rpartition("_")
        if part in ("conv", "bn"):
            parts |= _convolution(layer.name, _their_convolution(where), part)
        elif part == "attention":
            parts |= _attention(layer, _their_place(where))
        elif part == "norm":
            parts |= layer_norm(layer.name, f"{_their_place(where)}.layernorm")
        elif part.startswith("norm"):
            parts |= layer_norm(layer.name, f"{_their_place(where)}.{_TRANSFORMER[part]}")
        else:
            parts |= linear(layer.name, f"{_their_place(where)}.{_TRANSFORMER[part]}")
    return parts


def _their_convolution(where: str) -> str:
    """``stage3_down_expand`` -> the layer that holds their convolution and its BatchNorm."""
    if where in ("stem", "last"):
        return f"mobilevit.{'conv_stem' if where == 'stem' else 'conv_1x1_exp'}"
    place, _, part = where.rpartition("_")
    return f"{_their_place(place)}.{_CONVOLUTIONS[part]}"


def _their_place(place: str) -> str:
    """``stage3``, ``stage3_down``, ``stage3_block1`` -> the module that holds the parts."""
    stage, _, block = place.partition("_")
    number = int(stage.removeprefix("stage"))
    source = f"mobilevit.encoder.layer.{number - 1}"
    if not block:
        return source
    if block == "down":
        return f"{source}.downsampling_layer"
    index = int(block.removeprefix("block")) - 1
    return f"{source}.layer.{index}" if number < 3 else f"{source}.transformer.layer.{index}"


def _convolution(target: str, source: str, part: str) -> dict[str, Part]:
    if part == "bn":
        return batch_norm(target, f"{source}.normalization")
    convert = depthwise if target.endswith("depth_conv") else conv
    if target == "stem_conv":
        convert = _reversed_conv
    return {f"{target}/kernel": Part(f"{source}.convolution.weight", convert)}


def _reversed_conv(tensor: np.ndarray) -> np.ndarray:
    return conv(tensor)[:, :, ::-1]


def _attention(layer: keras.layers.MultiHeadAttention, source: str) -> dict[str, Part]:
    """Keras keeps the heads as an axis of its own: (in, heads, size), or (heads, size, out)."""
    heads = layer.num_heads

    def split(tensor: np.ndarray) -> np.ndarray:
        return dense(tensor).reshape(tensor.shape[1], heads, -1)

    def merge(tensor: np.ndarray) -> np.ndarray:
        return dense(tensor).reshape(heads, -1, tensor.shape[0])

    def split_bias(tensor: np.ndarray) -> np.ndarray:
        return tensor.reshape(heads, -1)

    parts: dict[str, Part] = {}
    for target, name in _ATTENTION.items():
        last = target == "attention_output"
        weight, bias = f"{source}.{name}.weight", f"{source}.{name}.bias"
        parts[f"{layer.name}/{target}/kernel"] = Part(weight, merge if last else split)
        parts[f"{layer.name}/{target}/bias"] = Part(bias) if last else Part(bias, split_bias)
    return parts
