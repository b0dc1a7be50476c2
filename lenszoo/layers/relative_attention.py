"""Self-attention with relative position bias, as in BEiT."""

from typing import Any

import keras
from keras import layers, ops

from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class RelativeAttention(BaseLayer):
    """Multi-head self-attention with a learned bias for every offset between two patches.

    The form is BEiT's (Bao et al. 2021, arXiv:2106.08254): queries and values have a bias, keys
    have none, and ``softmax(q k^T / sqrt(dim / heads) + bias)`` takes its bias from a table
    ``((2h - 1) * (2w - 1) + 3, heads)``: a row for every offset of rows and columns, then one each
    for class token to patch, patch to class token, and class token to itself.

    Tokens are ``(batch, 1 + h * w, dim)``, the class token first and the patches row by row.

    Args:
        heads: number of heads; divides dim.
        grid: rows and columns of patches ``(h, w)``; the table is bound to them.

    >>> tuple(RelativeAttention(heads=2, grid=(2, 3))(ops.ones((1, 7, 8))).shape)
    (1, 7, 8)
    """

    OPTIONS = ("heads", "grid")

    def __init__(self, heads: int, grid: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.grid = (int(grid[0]), int(grid[1]))

    def build(self, input_shape: Any) -> None:
        """Make the projections and the table."""
        dim = input_shape[-1]
        for name in ("query", "key", "value", "output"):
            dense = layers.Dense(
                dim,
                use_bias=name != "key",
                kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
                dtype=self.dtype_policy,
                name=name,
            )
            dense.build(input_shape)
            setattr(self, f"{name}_dense", dense)
        h, w = self.grid
        self.bias_table = self.add_weight(
            shape=((2 * h - 1) * (2 * w - 1) + 3, self.heads),
            initializer="zeros",
            name="bias_table",
        )

    def call(self, tokens: Any) -> Any:
        """Return the attended tokens, ``(batch, 1 + h * w, dim)``."""
        n, dim = tokens.shape[1:]
        split = (-1, n, self.heads, dim // self.heads)
        query = ops.reshape(self.query_dense(tokens), split)
        key = ops.reshape(self.key_dense(tokens), split)
        value = ops.reshape(self.value_dense(tokens), split)
        bias = ops.take(self.bias_table, self.offsets(), axis=0)
        # fused kernels of some devices take no bias that is shared by the batch
        attended = ops.dot_product_attention(
            query,
            key,
            value,
            bias=ops.expand_dims(ops.transpose(ops.cast(bias, query.dtype), (2, 0, 1)), 0),
            flash_attention=False,
        )
        return self.output_dense(ops.reshape(attended, (-1, n, dim)))

    def offsets(self) -> Any:
        """Return the row of the table for every pair of tokens, integers ``(n, n)``."""
        h, w = self.grid
        rows = ops.repeat(ops.arange(h, dtype="int32"), w)
        columns = ops.tile(ops.arange(w, dtype="int32"), (h,))
        down = ops.expand_dims(rows, 1) - ops.expand_dims(rows, 0) + h - 1
        right = ops.expand_dims(columns, 1) - ops.expand_dims(columns, 0) + w - 1
        patches = down * (2 * w - 1) + right
        count = (2 * h - 1) * (2 * w - 1)
        from_class = ops.full((1, h * w), count, dtype="int32")
        to_class = ops.full((h * w, 1), count + 1, dtype="int32")
        itself = ops.full((1, 1), count + 2, dtype="int32")
        top = ops.concatenate([itself, from_class], axis=1)
        return ops.concatenate([top, ops.concatenate([to_class, patches], axis=1)], axis=0)
