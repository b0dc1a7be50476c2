"""Gradient-reversal layer, for domain-adversarial training."""

from typing import Any

import keras
from keras import ops

from lenszoo.errors import LenszooError
from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class GradientReversal(BaseLayer):
    """Gradient-reversal layer: the identity, whose gradient is multiplied by ``-strength``.

    In front of a domain classifier it makes the features before it domain-invariant (Ganin et al.
    2016, arXiv:1505.07818): the classifier learns to tell the domains apart, the features learn to
    prevent it. The strength is a weight of this layer, so that it can be raised during training.

    Args:
        strength: initial factor, not negative.

    Raises:
        LenszooError: a negative strength.

    >>> float(GradientReversal(0.5)(ops.convert_to_tensor(3.0)))  # its gradient is -0.5
    3.0
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
        # of this call: PyTorch refuses a gradient by a weight that was assigned to since
        strength = ops.copy(ops.cast(self.strength, inputs.dtype))
        # the bracket is exactly zero, its gradient is not
        return held + strength * (held - inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "strength": self.start}
