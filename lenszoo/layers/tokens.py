"""Class token, registers and position embedding of vision transformers."""

from typing import Any

import keras
from keras import ops

from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class ClassToken(BaseLayer):
    """Prepend a learned class token (Dosovitskiy et al. 2021, arXiv:2010.11929).

    Tokens ``(batch, n, dim)`` become ``(batch, n + 1, dim)``.

    >>> tuple(ClassToken()(ops.ones((2, 9, 8))).shape)
    (2, 10, 8)
    """

    def build(self, input_shape: Any) -> None:
        """Make the token, ``(1, 1, dim)``."""
        # small, not zero: at a zero vector a layer norm of tiny epsilon has no usable gradient
        self.token = self.add_weight(
            shape=(1, 1, input_shape[-1]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="token",
        )

    def call(self, tokens: Any) -> Any:
        """Return the tokens with the class token first."""
        # ones, not broadcast_to: a batch of unknown length has no shape to give
        ones = ops.ones_like(tokens[:, :1, :1])
        return ops.concatenate([ones * ops.cast(self.token, tokens.dtype), tokens], axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return ``(batch, n + 1, dim)``."""
        batch, n, dim = input_shape
        return batch, n + 1, dim


@keras.saving.register_keras_serializable(package="lenszoo")
class Registers(BaseLayer):
    """Insert learned tokens after the class token (Darcet et al. 2023, arXiv:2309.16588).

    Tokens ``(batch, 1 + n, dim)`` become ``(batch, 1 + count + n, dim)``.

    Args:
        count: number of registers.

    >>> tuple(Registers(4)(ops.ones((2, 10, 8))).shape)
    (2, 14, 8)
    """

    OPTIONS = ("count",)

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = int(count)

    def build(self, input_shape: Any) -> None:
        """Make the tokens, ``(1, count, dim)``."""
        self.tokens = self.add_weight(
            shape=(1, self.count, input_shape[-1]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="tokens",
        )

    def call(self, tokens: Any) -> Any:
        """Return the tokens with the registers second."""
        ones = ops.ones_like(tokens[:, :1, :1])
        registers = ones * ops.cast(self.tokens, tokens.dtype)
        return ops.concatenate([tokens[:, :1], registers, tokens[:, 1:]], axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return ``(batch, 1 + count + n, dim)``."""
        batch, n, dim = input_shape
        return batch, n + self.count, dim


@keras.saving.register_keras_serializable(package="lenszoo")
class PositionEmbedding(BaseLayer):
    """Add a learned vector to every token (Dosovitskiy et al. 2021, arXiv:2010.11929).

    Tokens ``(batch, 1 + h * w, dim)``: the class token, then the patches row by row.

    Args:
        grid: rows and columns of patches ``(h, w)``; the table is bound to them.

    >>> tuple(PositionEmbedding((3, 3))(ops.ones((2, 10, 8))).shape)
    (2, 10, 8)
    """

    OPTIONS = ("grid",)

    def __init__(self, grid: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.grid = (int(grid[0]), int(grid[1]))

    def build(self, input_shape: Any) -> None:
        """Make the table, ``(1, 1 + h * w, dim)``."""
        self.table = self.add_weight(
            shape=(1, 1 + self.grid[0] * self.grid[1], input_shape[-1]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="table",
        )

    def call(self, tokens: Any) -> Any:
        """Return the tokens with their positions added."""
        return tokens + ops.cast(self.table, tokens.dtype)
