"""Muon: an optimizer that gives every direction of a kernel a step of the same length."""

import math
import re
from typing import Any

import keras
from keras import ops

_LEAST = 16  # rows and columns: below that, there is little to orthogonalize


@keras.saving.register_keras_serializable(package="lenszoo")
class KernelMuon(keras.optimizers.Muon):
    """Muon for the kernels inside a network, AdamW for all else (Jordan et al. 2024).

    Keras's own takes matrices alone, which leaves out attention and convolutions. Here a kernel is
    the matrix from all its inputs to all its outputs. Steps have the size of AdamW's, so that rate
    and decay are those of AdamW (Liu et al. 2025, arXiv:2502.16982).

    Args:
        **kwargs: as for ``keras.optimizers.Muon``.

    >>> KernelMuon(learning_rate=1e-3).name
    'kernel_muon'
    """

    def build(self, variables: Any) -> None:
        """Make the moments of ``variables`` and find the kernels among them."""
        self._shapes = [_matrix_shape(v) for v in variables]
        super().build(variables)

    def _should_use_adamw(self, variable: Any) -> bool:
        if not variable.path.endswith("kernel") or min(_matrix_shape(variable)) < _LEAST:
            return True
        return any(re.search(name, variable.path) for name in (*self.exclude_layers, "embedding"))

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        shape = self._shapes[self._get_variable_index(variable)]
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        g = ops.add(gradient, self.momentum * m) if self.nesterov else m
        update = self.zeropower_via_newtonschulz5(ops.reshape(g, shape), self.ns_steps)
        # the size of AdamW's steps (Liu et al. 2025, equation 4)
        size = ops.cast(lr, variable.dtype) * (self.rms_rate * math.sqrt(max(shape)))
        self.assign_sub(variable, ops.reshape(size * update, variable.shape))

    def _apply_weight_decay(self, variables: Any) -> None:
        keras.optimizers.Optimizer._apply_weight_decay(self, variables)


def _matrix_shape(kernel: Any) -> tuple[int, int]:
    """(inputs, outputs): the outputs of attention's queries, keys and values are heads by width."""
    shape = tuple(kernel.shape)
    if len(shape) < 2:
        return math.prod(shape), 1
    outputs = shape[-1]
    if len(shape) == 3 and "attention_output" not in kernel.path:
        outputs *= shape[-2]
    return math.prod(shape) // outputs, outputs
