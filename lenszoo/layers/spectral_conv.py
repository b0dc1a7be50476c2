"""Convolution with spectral normalisation, for discriminators."""

from typing import Any

import keras
from keras import ops

_TINY = 1e-12


@keras.saving.register_keras_serializable(package="lenszoo")
class SpectralConv2D(keras.layers.Conv2D):
    """Conv2D divided by its kernel's largest singular value (Miyato et al. 2018, arXiv:1802.05957).

    The kernel counts as a matrix ``(height * width * inputs, outputs)``. A call in training takes
    one step of the power iteration, which refines an estimate ``u (outputs,)`` of the right
    singular vector, a state that is saved but not trained; other calls leave it as it is. The
    kernel itself is never assigned, so the layer is pure but for ``u`` and does the same on every
    backend.

    Args:
        *args: as for Conv2D.
        **kwargs: as for Conv2D.

    >>> tuple(SpectralConv2D(4, 3)(ops.ones((1, 8, 8, 2))).shape)
    (1, 6, 6, 4)
    """

    def build(self, input_shape: Any) -> None:
        """Make kernel, bias and ``u``."""
        super().build(input_shape)
        self.u = self.add_weight(
            shape=(self.filters,),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            autocast=False,
            name="u",
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolve ``(batch, height, width, channels)``."""
        matrix = ops.reshape(ops.cast(self.kernel, "float32"), (-1, self.filters))
        u = _unit(ops.cast(self.u, "float32"))
        # The gradient flows through the kernel that is divided, not through the power iteration.
        fixed = ops.stop_gradient(matrix)
        v = _unit(ops.matmul(fixed, u))
        if training and self.trainable:
            u = _unit(ops.matmul(v, fixed))
            self.u.assign(u)
        norm = ops.sum(ops.matmul(v, matrix) * u)
        kernel = ops.reshape(matrix / ops.maximum(norm, _TINY), self.kernel.shape)
        outputs = self.convolution_op(inputs, ops.cast(kernel, self.compute_dtype))
        if self.use_bias:
            outputs = outputs + ops.cast(self.bias, outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)

    def save_own_variables(self, store: Any) -> None:
        """Save ``u`` too: Conv2D names what it saves."""
        super().save_own_variables(store)
        store["u"] = self.u

    def load_own_variables(self, store: Any) -> None:
        """Load ``u`` too."""
        super().load_own_variables(store)
        self.u.assign(store["u"])


def _unit(vector: Any) -> Any:
    """Return a vector of length 1 in the same direction."""
    return vector / ops.maximum(ops.norm(vector), _TINY)
