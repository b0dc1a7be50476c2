"""Temperature scaling of logits, for calibrated probabilities."""

from typing import Any

import keras

from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class Temperature(BaseLayer):
    """Divide logits by a fitted temperature, except in training.

    Temperature scaling (Guo et al. 2017, arXiv:1706.04599): one number, fitted on validation data
    by ``lenszoo.evaluation.fit_temperature``, 1 until then. It is a weight of this layer, saved
    with the others. Ranks do not change.

    >>> layer = Temperature()
    >>> layer.build((None, 1))
    >>> _ = layer.temperature.assign(2.0)
    >>> float(layer(keras.ops.ones((1, 1)))[0, 0])
    0.5
    """

    FLOAT32 = True

    def build(self, input_shape: Any) -> None:
        """Make the temperature, a scalar."""
        self.temperature = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="temperature"
        )

    def call(self, logits: Any, training: bool = False) -> Any:
        """Return calibrated logits."""
        return logits if training else logits / self.temperature
