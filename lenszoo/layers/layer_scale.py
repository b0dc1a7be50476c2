"""Layer scale: a learned factor for each channel of a residual branch."""

from typing import Any

import keras
from keras import ops

from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class LayerScale(BaseLayer):
    """Multiply every channel by a learned factor (Touvron et al. 2021, arXiv:2103.17239).

    Small initial factors start a deep network near the identity.

    Args:
        initial: initial factor.

    >>> round(float(LayerScale(0.1)(ops.ones((1, 4)))[0, 0]), 3)
    0.1
    """

    OPTIONS = ("initial",)

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
