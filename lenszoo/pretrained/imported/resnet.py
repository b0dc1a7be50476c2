"""Hugging Face's ResNet-18 and -34 (`microsoft/resnet-18`): names of their tensors."""

from collections.abc import Collection

import keras

from lenszoo.models.build import HEAD
from lenszoo.pretrained.imported.tensor_map import Part, batch_norm, conv

IGNORED = ("classifier.*", "*.num_batches_tracked")


def names(model: keras.Model, tensors: Collection[str] = ()) -> dict[str, Part]:
    """Map each variable's path below the head to the tensor it comes from.

    Args:
        model: a model of the family.
        tensors: names that the file holds; without ``resnet.`` in front it is a bare backbone.
    """
    prefix = "" if "embedder.embedder.convolution.weight" in tensors else "resnet."
    parts: dict[str, Part] = {}
    for layer in model.layers:
        if not layer.weights or layer.name in HEAD:
            continue
        source = prefix + _their_name(layer.name)
        if layer.name.endswith(("conv", "conv1", "conv2")):
            parts[f"{layer.name}/kernel"] = Part(f"{source}.convolution.weight", conv)
        else:
            parts |= batch_norm(layer.name, f"{source}.normalization")
    return parts


def _their_name(name: str) -> str:
    stage, _, rest = name.partition("_")
    if stage == "stem":
        return "embedder.embedder"
    block, _, part = rest.partition("_")
    inside = f"encoder.stages.{int(stage[5:]) - 1}.layers.{int(block[5:]) - 1}"
    if part.startswith("down"):
        return f"{inside}.shortcut"
    return f"{inside}.layer.{int(part[-1]) - 1}"
