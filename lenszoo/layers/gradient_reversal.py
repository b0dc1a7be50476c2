"""A layer that hands gradients back the other way round."""

from typing import Any

import keras
from keras import ops

from lenszoo.errors import LenszooError


@keras.saving.register_keras_serializable(package="lenszoo")
class GradientReversal(keras.layers.Layer):
    """Return the inputs as they are; multiply their gradient by ``-strength``.

    What stands behind the layer learns as ever, what stands before it learns to spoil that: with a
    classifier of domains behind, the features before it lose what tells the domains apart (Ganin et
    al. 2016, arXiv:1505.07818). The strength is a weight of this layer, so that a training may
    raise it step by step.

    Args:
        strength: the factor at the start, not negative.
        **kwargs: as for any Keras layer.

    Raises:
        LenszooError: a negative strength.
    """

    def __init__(self, strength: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not strength >= 0:
            raise LenszooError(f"strength must not be negative, got {strength!r}.")
        self.start = float(strength)

    def build(self, input_shape: Any) -> None:
        """Make the strength, a scalar."""
        self.strength = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.start),
            dtype="float32",
            trainable=False,
            name="strength",
        )

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        held = ops.stop_gradient(inputs)
        # the bracket is exactly zero, its gradient is not
        return held + ops.cast(self.strength, inputs.dtype) * (held - inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the inputs' own shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "strength": self.start}
