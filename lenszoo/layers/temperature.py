"""The last word on a score: a temperature that makes logits calibrated."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="lenszoo")
class Temperature(keras.layers.Layer):
    """Divide logits by a fitted temperature; training sees them undivided.

    Temperature scaling (Guo et al. 2017, arXiv:1706.04599): one number, fitted on validation data
    by ``lenszoo.evaluation.fit_temperature``, 1 until then. It is a weight of this layer and so
    travels with the others. Ranks do not change.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the temperature, a scalar."""
        self.temperature = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="temperature"
        )

    def call(self, logits: Any, training: bool = False) -> Any:
        """Return calibrated logits."""
        return logits if training else logits / self.temperature

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the logits' own shape."""
        return input_shape
