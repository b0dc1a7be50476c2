"""Tokens from the columns of a table: scaled, embedded, missing values learned."""

from typing import Any

import keras
import numpy as np
from keras import ops

from lenszoo.errors import LenszooError
from lenszoo.layers.base import BaseLayer

CLIP = 8.0  # [standard deviations]; an outlier in a catalogue must not outweigh the image


@keras.saving.register_keras_serializable(package="lenszoo")
class ColumnTokens(BaseLayer):
    """Embed each column as a token: (batch, columns) to (batch, columns, dim).

    The feature tokenizer of Gorishniy et al. 2021, arXiv:2106.11959: a column's token is its value
    times a learned vector plus another. Values are scaled to zero mean and unit deviation by
    statistics that :meth:`adapt` takes from the training table and that are weights of this layer,
    and cut at 8 deviations. A missing value, NaN or infinite, is a learned vector of its column.

    Args:
        dim: length of a token.
        **kwargs: as for any Keras layer. The layer computes in float32.

    >>> table = np.array([[1.0, np.nan], [3.0, 2.0]])
    >>> layer = ColumnTokens(dim=4)
    >>> tuple(layer(table).shape)
    (2, 2, 4)
    >>> layer.adapt(table)  # mean and deviation of each column
    """

    OPTIONS = ("dim",)
    FLOAT32 = True

    def __init__(self, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dim = int(dim)

    def build(self, input_shape: Any) -> None:
        """Make statistics (columns,) and vectors (columns, dim)."""
        columns = input_shape[-1]
        for name, start in (("mean", "zeros"), ("deviation", "ones")):
            weight = self.add_weight(
                shape=(columns,), initializer=start, trainable=False, name=name
            )
            setattr(self, name, weight)
        narrow = keras.initializers.RandomUniform(-(self.dim**-0.5), self.dim**-0.5)
        for name in ("slope", "level", "missing"):
            weight = self.add_weight(shape=(columns, self.dim), initializer=narrow, name=name)
            setattr(self, name, weight)

    def adapt(self, table: np.ndarray) -> None:
        """Set the statistics from a table (n, columns), missing values ignored.

        A constant column, or one without values, gets deviation 1 (and mean 0).

        Raises:
            LenszooError: the table has another number of columns.
        """
        table = np.asarray(table, np.float64)
        columns = self.mean.shape[0]
        if table.ndim != 2 or table.shape[1] != columns:
            raise LenszooError(f"The table is {table.shape}, not (rows, {columns} columns).")
        finite = np.isfinite(table)
        count = np.maximum(finite.sum(0), 1)
        mean = np.where(finite, table, 0.0).sum(0) / count
        deviation = np.sqrt((np.where(finite, table - mean, 0.0) ** 2).sum(0) / count)
        self.mean.assign(mean.astype(np.float32))
        self.deviation.assign(np.where(deviation > 0, deviation, 1.0).astype(np.float32))

    def call(self, table: Any) -> Any:
        """Return the tokens."""
        table = ops.cast(table, "float32")
        finite = ops.isfinite(table)
        scaled = ops.where(finite, (table - self.mean) / self.deviation, 0.0)
        scaled = ops.clip(scaled, -CLIP, CLIP)[..., None]
        missing = ops.convert_to_tensor(self.missing)
        return ops.where(finite[..., None], scaled * self.slope + self.level, missing)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return ``(batch, columns, dim)``."""
        return (*input_shape, self.dim)
