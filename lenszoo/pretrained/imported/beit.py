"""Hugging Face's BEiT (`microsoft/beit-base-patch16-224`): names of its tensors."""

import math
from collections.abc import Callable, Collection

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.layers import RelativeAttention
from lenszoo.pretrained.imported.resample import resample
from lenszoo.pretrained.imported.tensor_map import (
    Part,
    layer_norm,
    linear,
    patch_embedding,
    transformer,
)

# `relative_position_index` follows from the grid; the mask token served the pretraining alone.
IGNORED = ("classifier.*", "*mask_token", "*relative_position_index")

_SPECIAL = 3  # rows of a table that stand for the class token's pairs
_TABLE = "attention.attention.relative_position_bias.relative_position_bias_table"


def names(model: keras.Model, tensors: Collection[str] | str = ()) -> dict[str, Part]:
    """Map each variable's path below the head to the tensor it comes from.

    A table of another image size is resampled on the way, from the square grid that all published
    ones have.

    Args:
        model: a model of :func:`lenszoo.models.beit.beit`.
        tensors: the names in the file; there is one layout only, ``"huggingface"``.
    """
    parts = patch_embedding("beit.embeddings")
    attentions = [layer for layer in model.layers if isinstance(layer, RelativeAttention)]
    for number, attention in enumerate(attentions):
        target, source = f"block{number + 1}", f"beit.encoder.layer.{number}"
        for part in ("query", "key", "value"):
            parts |= linear(
                f"{target}_attention/{part}",
                f"{source}.attention.attention.{part}",
                bias=part != "key",
            )
        parts |= linear(f"{target}_attention/output", f"{source}.attention.output.dense")
        parts[f"{target}_attention/bias_table"] = Part(
            f"{source}.{_TABLE}", _biases(attention.grid)
        )
        for scale in (1, 2):
            parts[f"{target}_scale{scale}/factors"] = Part(f"{source}.lambda_{scale}")
        parts |= transformer(target, source)
    return parts | layer_norm("norm", "beit.pooler.layernorm")


def resize_biases(
    table: np.ndarray, old_grid: tuple[int, int], new_grid: tuple[int, int]
) -> np.ndarray:
    """Resample a table of relative biases to another grid of patches, bilinearly.

    This is what transformers does. The three rows of the class token are kept.

    Args:
        table: ``((2h - 1) * (2w - 1) + 3, heads)`` of the old grid ``(h, w)``.
        old_grid: rows and columns of patches it was made for.
        new_grid: rows and columns of the new table.

    Returns:
        The table of the new grid, of the same layout.

    Raises:
        LenszooError: when the table is not one of ``old_grid``.
    """
    old, new = ((2 * h - 1, 2 * w - 1) for h, w in (old_grid, new_grid))
    if table.ndim != 2 or len(table) != old[0] * old[1] + _SPECIAL:
        raise LenszooError(
            f"A table of biases {table.shape} is not one of {old_grid[0]} x {old_grid[1]} patches."
        )
    heads = table.shape[1]
    offsets = resample(table[:-_SPECIAL].reshape(*old, heads), new, "bilinear")
    return np.concatenate([offsets.reshape(-1, heads), table[-_SPECIAL:]])


def _biases(grid: tuple[int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that resamples a published table to ``grid``."""

    def convert(table: np.ndarray) -> np.ndarray:
        count = len(table) - _SPECIAL
        if count == (2 * grid[0] - 1) * (2 * grid[1] - 1):
            return table
        side = math.isqrt(max(count, 0))
        if side % 2 == 0 or side * side != count:
            raise LenszooError(f"A table of {len(table)} biases is not that of a square image.")
        return resize_biases(table, ((side + 1) // 2,) * 2, grid)

    return convert
