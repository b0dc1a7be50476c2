"""Branch dropout, and the mean of the tokens that are left."""

from typing import Any

import keras
from keras import ops

from lenszoo.errors import LenszooError
from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class BranchDropout(BaseLayer):
    """Drop one of two branches of tokens at random in training (modality dropout).

    With probability ``rate`` an example keeps one branch only, either with equal chance (Neverova
    et al. 2015, arXiv:1501.00102), so that the network works on both branches and on each alone.

    Tokens (batch, n, dim) and (batch, m, dim) give weights (batch, n + m), 1 or 0.

    Args:
        rate: share of the examples that lose a branch, in [0, 1).
        seed: seed of the draw; by default Keras' own.

    Raises:
        LenszooError: a rate outside [0, 1).

    >>> weights = BranchDropout(0.2)(ops.ones((1, 3, 8)), ops.ones((1, 2, 8)))
    >>> tuple(weights.shape), float(ops.min(weights))
    ((1, 5), 1.0)
    """

    OPTIONS = ("rate", "seed")

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise LenszooError(f"branch_dropout must be in [0, 1), got {rate!r}.")
        self.rate, self.seed = float(rate), seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, first: Any, second: Any, training: bool = False) -> Any:
        """Return the weights of the tokens of both."""
        ones = [ops.ones_like(tokens[..., 0], dtype="float32") for tokens in (first, second)]
        if not training or self.rate == 0.0:
            return ops.concatenate(ones, axis=1)
        draw = keras.random.uniform(
            (ops.shape(first)[0], 1), dtype="float32", seed=self.seed_generator
        )
        keep_first = ops.cast(draw >= self.rate / 2, "float32")
        keep_second = ops.cast((draw < self.rate / 2) | (draw >= self.rate), "float32")
        return ops.concatenate([ones[0] * keep_first, ones[1] * keep_second], axis=1)

    def compute_output_shape(self, first_shape: Any, second_shape: Any) -> Any:  # type: ignore[override]
        """Return ``(batch, n + m)``."""
        return first_shape[0], first_shape[1] + second_shape[1]


@keras.saving.register_keras_serializable(package="lenszoo")
class TokenMean(BaseLayer):
    """Mean of tokens (batch, n, dim) with weights (batch, n): (batch, dim).

    Example:
        >>> tuple(TokenMean()(ops.ones((2, 4, 8)), ops.ones((2, 4))).shape)
        (2, 8)
    """

    def call(self, tokens: Any, weights: Any) -> Any:
        """Return the weighted mean."""
        weights = ops.cast(weights, tokens.dtype)[..., None]
        return ops.sum(tokens * weights, axis=1) / ops.sum(weights, axis=1)

    def compute_output_shape(self, tokens_shape: Any, weights_shape: Any) -> Any:  # type: ignore[override]
        """Return ``(batch, dim)``."""
        return tokens_shape[0], tokens_shape[2]
