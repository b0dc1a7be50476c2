"""Hugging Face's MobileViT (`apple/mobilevit-small` and its sisters): names of their tensors.

Their networks were trained on images in the order blue, green, red; ours take red, green, blue,
so the stem's kernels come with their input channels reversed.
"""

from collections.abc import Collection

import keras
import numpy as np

from lenszoo.models.build import HEAD
from lenszoo.pretrained.imported.tensor_map import (
    Part,
    attention,
    batch_norm,
    conv,
    depthwise,
    layer_norm,
    transformer,
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
            place = _their_place(where)
            parts |= attention(layer.name, f"{place}.attention", layer.num_heads)
            parts |= transformer(where, place)
        elif part == "norm":
            parts |= layer_norm(layer.name, f"{_their_place(where)}.layernorm")
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
