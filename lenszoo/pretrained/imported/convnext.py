"""ConvNeXt as timm (and with it Zoobot), Meta and Hugging Face publish it: names of tensors."""

from collections.abc import Collection

import keras
import numpy as np

from lenszoo.errors import unknown
from lenszoo.models.build import HEAD
from lenszoo.pretrained.imported.tensor_map import Part, conv, depthwise, layer_norm, prefix_of

# Names of a layout's layers by ours; {s} and {b} are the numbers of stage and block, from 0.
_LAYOUTS = {
    "timm": {
        "stem_conv": "stem.0",
        "stem_norm": "stem.1",
        "down_norm": "stages.{s}.downsample.0",
        "down_conv": "stages.{s}.downsample.1",
        "depth_conv": "stages.{s}.blocks.{b}.conv_dw",
        "norm": "stages.{s}.blocks.{b}.norm",
        "mlp1": "stages.{s}.blocks.{b}.mlp.fc1",
        "mlp2": "stages.{s}.blocks.{b}.mlp.fc2",
        "scale": "stages.{s}.blocks.{b}.gamma",
        "last": "head.norm",
    },
    "meta": {
        "stem_conv": "downsample_layers.0.0",
        "stem_norm": "downsample_layers.0.1",
        "down_norm": "downsample_layers.{s}.0",
        "down_conv": "downsample_layers.{s}.1",
        "depth_conv": "stages.{s}.{b}.dwconv",
        "norm": "stages.{s}.{b}.norm",
        "mlp1": "stages.{s}.{b}.pwconv1",
        "mlp2": "stages.{s}.{b}.pwconv2",
        "scale": "stages.{s}.{b}.gamma",
        "last": "norm",
    },
    "huggingface": {
        "stem_conv": "embeddings.patch_embeddings",
        "stem_norm": "embeddings.layernorm",
        "down_norm": "encoder.stages.{s}.downsampling_layer.0",
        "down_conv": "encoder.stages.{s}.downsampling_layer.1",
        "depth_conv": "encoder.stages.{s}.layers.{b}.dwconv",
        "norm": "encoder.stages.{s}.layers.{b}.layernorm",
        "mlp1": "encoder.stages.{s}.layers.{b}.pwconv1",
        "mlp2": "encoder.stages.{s}.layers.{b}.pwconv2",
        "scale": "encoder.stages.{s}.layers.{b}.layer_scale_parameter",
        "last": "layernorm",
    },
}
LAYOUTS = tuple(_LAYOUTS)
ANCHORS = tuple(f"{names['stem_conv']}.weight" for names in _LAYOUTS.values())
IGNORED = ("classifier.*", "head.*")


def names(model: keras.Model, tensors: Collection[str] | str) -> dict[str, Part]:
    """Map each variable's path below the head to the tensor it comes from.

    Args:
        model: a model of :func:`lenszoo.models.convnext.convnext`.
        tensors: the names in the file, which tell its layout, or one of :data:`LAYOUTS`.

    Raises:
        LenszooError: when there is no such layout, or there are several networks.
    """
    prefix = "" if isinstance(tensors, str) else prefix_of(tensors, ANCHORS)
    layout = tensors if isinstance(tensors, str) else layout_of(tensors, prefix)
    if layout not in LAYOUTS:
        raise unknown("layout", layout, LAYOUTS)
    sources = {part: prefix + name for part, name in _LAYOUTS[layout].items()}
    parts: dict[str, Part] = {}
    for layer in model.layers:
        if not layer.weights or layer.name in HEAD:
            continue
        place, _, part = layer.name.partition("_")
        if place == "norm":
            source = sources["last"]
        elif place == "stem":
            source = sources[layer.name]
        else:
            inside, _, rest = part.partition("_")
            stage, block = int(place.removeprefix("stage")) - 1, inside.removeprefix("block")
            pattern = sources[part if inside == "down" else rest]
            source = pattern.format(s=stage, b=int(block) - 1 if block.isdigit() else "")
        parts |= _variables(layer.name, source)
    return parts


def layout_of(tensors: Collection[str], prefix: str = "") -> str:
    """Tell the layout from the names of a file's tensors; timm's where they are of none."""
    for layout, anchor in zip(LAYOUTS, ANCHORS, strict=True):
        if prefix + anchor in tensors:
            return layout
    return LAYOUTS[0]


def _variables(target: str, source: str) -> dict[str, Part]:
    """The variables of one layer."""
    if target.endswith("norm"):
        return layer_norm(target, source)
    if target.endswith("scale"):
        return {f"{target}/factors": Part(source)}
    convert = depthwise if target.endswith("depth_conv") else conv
    if "_mlp" in target:
        convert = _pixelwise
    return {
        f"{target}/kernel": Part(f"{source}.weight", convert),
        f"{target}/bias": Part(f"{source}.bias"),
    }


def _pixelwise(tensor: np.ndarray) -> np.ndarray:
    """A linear weight (out, in), or a 1x1 convolution of it, to a Dense kernel (in, out)."""
    return tensor.reshape(tensor.shape[:2]).T if tensor.shape[2:] == (1, 1) else tensor.T
