"""A learned factor for each channel of a residual branch."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lenszoo")
class LayerScale(keras.layers.Layer):
    """Multiply every channel by a learned factor (Touvron et al. 2021, arXiv:2103.17239).

    It starts small, so that a deep network starts near the identity.

    Args:
        initial: the factor at the start.
        **kwargs: as for any Keras layer.
    """

    def __init__(self, initial: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = float(initial)

    def build(self, input_shape: Any) -> None:
        """Make the factors, ``(channels,)``."""
        self.factors = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.initial),
            name="factors",
        )

    def call(self, x: Any) -> Any:
        """Return ``x``, of any shape ``(..., channels)``, times the factors."""
        return x * ops.cast(self.factors, x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's own shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "initial": self.initial}
