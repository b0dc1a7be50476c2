"""Vision transformers as Hugging Face and Google publish them: names of their tensors."""

import math
import re
from collections.abc import Callable, Collection

import keras
import numpy as np

from lenszoo.errors import LenszooError, unknown
from lenszoo.pretrained.imported.resample import resample
from lenszoo.pretrained.imported.tensor_map import (
    Part,
    attention,
    layer_norm,
    linear,
    patch_embedding,
    transformer,
)

# `ViTForImageClassification`, `ViTModel` alone (no prefix), and Google's own files.
LAYOUTS = ("huggingface", "huggingface-bare", "npz")
IGNORED = ("classifier.*", "pooler.*", "vit.pooler.*", "*mask_token", "head/*", "pre_logits/*")


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
    layout = tensors if isinstance(tensors, str) else layout_of(tensors)
    if layout not in LAYOUTS:
        raise unknown("layout", layout, LAYOUTS)
    grid = model.get_layer("positions").grid
    build = _npz if layout == "npz" else _huggingface
    return build(model, grid, "vit." if layout == "huggingface" else "")


def layout_of(tensors: Collection[str]) -> str:
    """Tell the layout from the names of a file's tensors."""
    if any(name.startswith("Transformer/") for name in tensors):
        return "npz"
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


def _positions(grid: tuple[int, int], rule: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that resamples a published table of positions to ``grid``."""

    def convert(table: np.ndarray) -> np.ndarray:
        count = table.shape[1] - 1
        # of the wanted size already, which need not be square
        old = grid if count == grid[0] * grid[1] else square(count)
        return resize_positions(table, old, grid, rule)

    return convert


def _blocks(model: keras.Model) -> list[int]:
    matches = (re.fullmatch(r"block(\d+)_attention", layer.name) for layer in model.layers)
    return [int(match[1]) for match in matches if match]


def _has_representation(model: keras.Model) -> bool:
    return any(layer.name == "pre_logits" for layer in model.layers)


def _huggingface(model: keras.Model, grid: tuple[int, int], prefix: str) -> dict[str, Part]:
    embeddings = f"{prefix}embeddings"
    positions = Part(f"{embeddings}.position_embeddings", _positions(grid, "bicubic"))
    parts = patch_embedding(embeddings) | {"positions/table": positions}
    for block in _blocks(model):
        target, source = f"block{block}", f"{prefix}encoder.layer.{block - 1}"
        heads = model.get_layer(f"{target}_attention").num_heads
        parts |= attention(f"{target}_attention", f"{source}.attention", heads)
        parts |= transformer(target, source)
    if _has_representation(model):
        parts |= linear("pre_logits", f"{prefix}pooler.dense")
    return parts | layer_norm("norm", f"{prefix}layernorm")


def _npz(model: keras.Model, grid: tuple[int, int], prefix: str) -> dict[str, Part]:
    parts = {
        "class_token/token": Part("cls"),
        "positions/table": Part(
            "Transformer/posembed_input/pos_embedding", _positions(grid, "corners")
        ),
        "norm/gamma": Part("Transformer/encoder_norm/scale"),
        "norm/beta": Part("Transformer/encoder_norm/bias"),
    }
    pairs = {"patch_embedding": "embedding"}
    if _has_representation(model):
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
