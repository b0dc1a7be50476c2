"""Vision transformers as Hugging Face, timm, Meta and Google publish them: names of tensors."""

import math
import re
from collections.abc import Callable, Collection
from typing import NamedTuple

import keras
import numpy as np

from lenszoo.errors import LenszooError, unknown
from lenszoo.pretrained.imported.resample import resample
from lenszoo.pretrained.imported.tensor_map import (
    Part,
    attention,
    conv,
    fused_attention,
    layer_norm,
    linear,
    prefix_of,
)


class _Names(NamedTuple):
    """Names of a layout's tensors; ``{}`` is the number of a block, from 0.

    Attributes:
        embedding, norm: layers before and after the blocks.
        class_token, positions, registers: tensors; registers by whatever name is in the file.
        block: a block, in which all that follows are.
        norms, mlp, scales: before attention and MLP, of the MLP, after attention and MLP.
        attention: layer, and the map of its tensors.
        rule: how its publisher resamples positions, see ``resample``; with registers another.
    """

    embedding: str
    class_token: str
    positions: str
    registers: tuple[str, ...]
    block: str
    norms: tuple[str, str]
    mlp: tuple[str, str]
    scales: tuple[str, str]
    attention: tuple[str, Callable[[str, str, int], dict[str, Part]]]
    norm: str
    rule: tuple[str, str]


_HUB = _Names(
    "embeddings.patch_embeddings.projection", "embeddings.cls_token",
    "embeddings.position_embeddings", (), "encoder.layer.{}",
    ("layernorm_before", "layernorm_after"), ("intermediate.dense", "output.dense"), ("", ""),
    ("attention", attention), "layernorm", ("bicubic", "bicubic"),
)  # fmt: skip
_TIMM = _Names(
    "patch_embed.proj", "cls_token", "pos_embed", ("reg_token", "register_tokens"),
    "blocks.{}", ("norm1", "norm2"), ("mlp.fc1", "mlp.fc2"), ("ls1.gamma", "ls2.gamma"),
    ("attn", fused_attention), "norm", ("bicubic-antialias", "bicubic-antialias"),
)  # fmt: skip
_LAYOUTS = {
    # ViTForImageClassification, whose names begin with vit., and ViTModel alone
    "huggingface": _HUB,
    "huggingface-bare": _HUB,
    # Dinov2Model and Dinov2WithRegistersModel
    "huggingface-dinov2": _HUB._replace(
        registers=("embeddings.register_tokens",),
        norms=("norm1", "norm2"),
        mlp=("mlp.fc1", "mlp.fc2"),
        scales=("layer_scale1.lambda1", "layer_scale2.lambda1"),
        rule=("bicubic", "bicubic-antialias"),
    ),
    "timm": _TIMM,
    # Meta's own files of DINOv2
    "dinov2": _TIMM._replace(rule=("bicubic-dino", "bicubic-antialias")),
}
# and Google's own files
LAYOUTS = (*_LAYOUTS, "npz")
ANCHORS = tuple(f"{names.embedding}.weight" for names in (_HUB, _TIMM))
IGNORED = (
    "classifier.*", "pooler.*", "vit.pooler.*", "*mask_token", "head.*", "head/*", "pre_logits/*",
)  # fmt: skip


def names(model: keras.Model, tensors: Collection[str] | str) -> dict[str, Part]:
    """Map each variable's path below the head to the tensor it comes from.

    A table of positions of another size is resampled on the way, from the square grid that all
    published ones have, as its publisher does it.

    Args:
        model: a model of :func:`lenszoo.models.vit.vit`.
        tensors: the names in the file, which tell its layout, or one of :data:`LAYOUTS`.

    Raises:
        LenszooError: when there is no such layout.
    """
    prefix = "vit." if tensors == "huggingface" else ""
    if isinstance(tensors, str):
        layout, tensors = tensors, ()
    else:
        prefix = prefix_of(tensors, ANCHORS)
        tensors = {name.removeprefix(prefix) for name in tensors}
        layout = layout_of(tensors)
    if layout not in LAYOUTS:
        raise unknown("layout", layout, LAYOUTS)
    grid = model.get_layer("positions").grid
    if layout == "npz":
        return _npz(model, grid)
    parts = _torch(model, grid, _LAYOUTS[layout], tensors)
    return {path: part._replace(name=prefix + part.name) for path, part in parts.items()}


def layout_of(tensors: Collection[str]) -> str:
    """Tell the layout from the names of a file's tensors."""
    if any(name.startswith("Transformer/") for name in tensors):
        return "npz"
    if f"{_TIMM.embedding}.weight" in tensors:
        return "dinov2" if "mask_token" in tensors else "timm"
    if any(".layer_scale1." in name for name in tensors):
        return "huggingface-dinov2"
    return "huggingface" if any(name.startswith("vit.") for name in tensors) else "huggingface-bare"


def resize_positions(
    table: np.ndarray, old_grid: tuple[int, int], new_grid: tuple[int, int], rule: str = "bicubic"
) -> np.ndarray:
    """Resample a table of positions to another grid of patches; the class token keeps its own.

    Args:
        table: ``(1, 1 + old_h * old_w, dim)``, the class token first.
        old_grid: rows and columns of patches it was made for.
        new_grid: rows and columns of the new table.
        rule: see :func:`~lenszoo.pretrained.imported.resample.resample`; ``"bicubic"`` is
            Hugging Face's.

    Returns:
        The table ``(1, 1 + new_h * new_w, dim)``.

    Raises:
        LenszooError: when the table is not one of ``old_grid``.
    """
    if table.ndim != 3 or table.shape[:2] != (1, 1 + old_grid[0] * old_grid[1]):
        raise LenszooError(
            f"A table of positions {table.shape} is not one of {old_grid[0]} x {old_grid[1]} "
            "patches and a class token."
        )
    dim = table.shape[2]
    patches = resample(table[0, 1:].reshape(*old_grid, dim), new_grid, rule)
    return np.concatenate([table[:, :1], patches.reshape(1, -1, dim)], axis=1)


def square(count: int) -> tuple[int, int]:
    """The square grid of so many patches.

    Raises:
        LenszooError: when the number is no square.
    """
    side = math.isqrt(max(count, 0))
    if side < 1 or side * side != count:
        raise LenszooError(f"A table of {count} positions is not that of a square image.")
    return side, side


def _positions(
    grid: tuple[int, int], rule: str, classless: bool = False
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that resamples a published table of positions to ``grid``.

    A ``classless`` table has none for the class token, which holds its own then.
    """

    def convert(table: np.ndarray) -> np.ndarray:
        if classless:
            table = np.concatenate([np.zeros_like(table[:, :1]), table], axis=1)
        count = table.shape[1] - 1
        # of the wanted size already, which need not be square
        old = grid if count == grid[0] * grid[1] else square(count)
        return resize_positions(table, old, grid, rule)

    return convert


def _blocks(model: keras.Model) -> list[int]:
    matches = (re.fullmatch(r"block(\d+)_attention", layer.name) for layer in model.layers)
    return [int(match[1]) for match in matches if match]


def _has_layer(model: keras.Model, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)


def _torch(
    model: keras.Model, grid: tuple[int, int], names: _Names, tensors: Collection[str]
) -> dict[str, Part]:
    registers = _has_layer(model, "registers")
    parts = {
        "patch_embedding/kernel": Part(f"{names.embedding}.weight", conv),
        "patch_embedding/bias": Part(f"{names.embedding}.bias"),
        "class_token/token": Part(names.class_token),
    }
    # timm's networks with registers have added the class token's position to it
    positions = _positions(grid, names.rule[registers], classless="reg_token" in tensors)
    parts["positions/table"] = Part(names.positions, positions)
    if registers and names.registers:
        name = next((name for name in names.registers if name in tensors), names.registers[-1])
        parts["registers/tokens"] = Part(name)
    for block in _blocks(model):
        target, source = f"block{block}", names.block.format(block - 1)
        heads = model.get_layer(f"{target}_attention").num_heads
        layer, attention_of = names.attention
        parts |= attention_of(f"{target}_attention", f"{source}.{layer}", heads)
        for number in (0, 1):
            parts |= layer_norm(f"{target}_norm{number + 1}", f"{source}.{names.norms[number]}")
            parts |= linear(f"{target}_mlp{number + 1}", f"{source}.{names.mlp[number]}")
            scale = f"{target}_scale{number + 1}"
            if names.scales[number] and _has_layer(model, scale):
                parts[f"{scale}/factors"] = Part(f"{source}.{names.scales[number]}")
    if _has_layer(model, "pre_logits"):
        parts |= linear("pre_logits", "pooler.dense")
    return parts | layer_norm("norm", names.norm)


def _npz(model: keras.Model, grid: tuple[int, int]) -> dict[str, Part]:
    parts = {
        "class_token/token": Part("cls"),
        "positions/table": Part(
            "Transformer/posembed_input/pos_embedding", _positions(grid, "corners")
        ),
        "norm/gamma": Part("Transformer/encoder_norm/scale"),
        "norm/beta": Part("Transformer/encoder_norm/bias"),
    }
    pairs = {"patch_embedding": "embedding"}
    if _has_layer(model, "pre_logits"):
        pairs["pre_logits"] = "pre_logits"
    for block in _blocks(model):
        target, source = f"block{block}", f"Transformer/encoderblock_{block - 1}"
        for norm, number in (("norm1", 0), ("norm2", 2)):
            parts[f"{target}_{norm}/gamma"] = Part(f"{source}/LayerNorm_{number}/scale")
            parts[f"{target}_{norm}/beta"] = Part(f"{source}/LayerNorm_{number}/bias")
        place = f"{source}/MultiHeadDotProductAttention_1"
        pairs |= {
            f"{target}_attention/{part}": f"{place}/{part}" for part in ("query", "key", "value")
        }
        pairs[f"{target}_attention/attention_output"] = f"{place}/out"
        pairs[f"{target}_mlp1"] = f"{source}/MlpBlock_3/Dense_0"
        pairs[f"{target}_mlp2"] = f"{source}/MlpBlock_3/Dense_1"
    for mine, its in pairs.items():
        parts |= {f"{mine}/{kind}": Part(f"{its}/{kind}") for kind in ("kernel", "bias")}
    return parts
