"""Stem, blocks and head of a network, as fine-tuning treats them."""

import re
from typing import NamedTuple

import keras

from lenszoo.errors import LenszooError

# beginnings of the names of a block's layers: stage1_block2, conv2_block1, block2a, block_16,
# expanded_conv_3, convnext_tiny_stage_0_block_1, encoder_block_3
_BLOCK = re.compile(
    r"^(?:\w*?_)?(?:stage_?\d+_)?(?:[a-z]*block_?\d+[a-z]?|expanded_conv(?:_\d+)?)(?=_|$)"
)
_FEATURES = "features"
# of a lens finder: the layer after its backbone, the backbone if it is a row, else its layers
_TOKENS, _BACKBONE, _CONVOLUTIONS = "image_tokens", "backbone", re.compile(r"(conv|bn)\d")
_DENSE = (keras.layers.Dense, keras.layers.EinsumDense)
_LORA = ("lora_kernel_a", "lora_kernel_b")


class Parts(NamedTuple):
    """The layers with weights of a classifier or a lens finder, in the order of the graph.

    Attributes:
        stem: layers before the first block.
        blocks: layers of each block by its name; what stands between two blocks, such as the
            transitions of DenseNet, belongs to the one before.
        head: layers after the layer ``features``; of a lens finder all but the backbone.
    """

    stem: list[keras.layers.Layer]
    blocks: dict[str, list[keras.layers.Layer]]
    head: list[keras.layers.Layer]


def split_layers(model: keras.Model) -> Parts:
    """Sort the layers of a network of the zoo into stem, blocks and head, by their names.

    In a network whose names tell of no blocks, every layer with a kernel begins one.
    """
    # only what leads from images to logits: a model in training may hold a teacher too
    layers = keras.Model(model.input, model.output).layers
    inner = _body(layers)
    body = [layer for layer in inner if layer.weights]
    outer = [layer for layer in layers if layer not in inner and layer.name != _BACKBONE]
    parts = Parts([], {}, [layer for layer in outer if layer.weights])
    names = [match[0] if (match := _BLOCK.match(layer.name)) else None for layer in body]
    if not any(names):
        names = [layer.name if _has_kernel(layer) else None for layer in body]
    current = parts.stem
    for layer, name in zip(body, names, strict=True):
        if name is not None:
            current = parts.blocks.setdefault(name, [])
        current.append(layer)
    return parts


def _body(layers: list[keras.layers.Layer]) -> list[keras.layers.Layer]:
    """The layers of the backbone."""
    names = [layer.name for layer in layers]
    if _TOKENS not in names:
        return layers[: names.index(_FEATURES)]
    if _BACKBONE in names:
        return layers[names.index(_BACKBONE)].layers
    return [layer for layer in layers if _CONVOLUTIONS.match(layer.name)]


def _has_kernel(layer: keras.layers.Layer) -> bool:
    return any(len(weight.shape) > 1 for weight in layer.weights)


def freeze(model: keras.Model, choice: str | int) -> list[keras.layers.Layer]:
    """Make a part of a network untrainable; its BatchNorm then uses the stored statistics.

    The model must be compiled afterwards.

    Args:
        model: a classifier or a lens finder of the zoo.
        choice: ``"backbone"``, all but the head, or n for the stem and the first n blocks.

    Returns:
        The layers that were trainable until now.

    Raises:
        LenszooError: the model has fewer blocks, or ``choice`` is 0 and it has no stem.
    """
    parts = split_layers(model)
    names = list(parts.blocks)
    count = len(names) if choice == "backbone" else int(choice)
    if count > len(names) or not (count or parts.stem):
        raise LenszooError(
            f"freeze = {choice}: {model.name} has {len(names)} blocks ({names[0]} to {names[-1]})"
            f"{'' if parts.stem else ' and no stem'}; give {0 if parts.stem else 1} to "
            f"{len(names)}, or 'backbone'."
        )
    chosen = parts.stem + [layer for name in names[:count] for layer in parts.blocks[name]]
    changed = [layer for layer in chosen if layer.trainable_variables]
    for layer in changed:
        layer.trainable = False
    return changed


def add_lora(model: keras.Model, rank: int) -> None:
    """Freeze a backbone but for a low-rank change of the dense layers in its blocks.

    Each kernel W becomes W + A B, where A has ``rank`` columns and B, at first 0, ``rank`` rows (Hu
    et al. 2021, arXiv:2106.09685). Keras saves the sum, so that files of weights are the same as
    without. The model must be compiled afterwards.

    Args:
        model: a classifier or a lens finder of the zoo.
        rank: of the changes.

    Raises:
        LenszooError: no block of the backbone has a dense layer.
    """
    parts = split_layers(model)
    blocks = [layer for block in parts.blocks.values() for layer in block]
    adapted = 0
    for layer in parts.stem + blocks:
        dense = [part for part in layer._flatten_layers() if isinstance(part, _DENSE)]
        if layer in parts.stem or not dense:
            layer.trainable = False
            continue
        for part in dense:
            part.enable_lora(rank)
        for variable in layer.weights:
            variable.trainable = variable.name in _LORA
        adapted += len(dense)
    if not adapted:
        raise LenszooError(
            f"lora = {rank}: the blocks of {model.name} have no dense layers, as those of ConvNeXt "
            "and of transformers have; use freeze."
        )


def layer_rates(model: keras.Model, decay: float) -> dict[str, float]:
    """Share of the learning rate by ``variable.path``: ``decay`` to the power of the depth.

    Depth counts blocks from the head: the head has 0, the last block 1, the first of n blocks n
    and the stem n + 1 (Bao et al. 2021, arXiv:2106.08254).
    """
    parts = split_layers(model)
    groups = [parts.head, *reversed(parts.blocks.values()), parts.stem]
    return {
        variable.path: decay**depth
        for depth, group in enumerate(groups)
        for layer in group
        for variable in layer.weights
    }
