"""Batch normalisation by TensorFlow's fused kernel."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lenszoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' BatchNormalization (Ioffe & Szegedy 2015, arXiv:1502.03167), fused on TensorFlow.

    Keras composes the layer of some fifteen elementary operations, which without XLA take half of
    a training step on a CPU; TensorFlow's fused kernel gives the same numbers in one. It is used
    for images ``(batch, height, width, channels)`` normalised along the channels; all other cases
    and backends run Keras' own code. Weights and configuration are those of Keras' layer.

    Example:
        >>> tuple(BatchNormalization()(ops.ones((2, 8, 8, 4))).shape)
        (2, 8, 8, 4)
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the statistics of the batch in training, by the stored ones otherwise."""
        if not self._can_fuse(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        fused_batch_norm = tf.compat.v1.nn.fused_batch_norm  # its only public name in TensorFlow 2
        x = ops.cast(inputs, self.compute_dtype)
        gamma, beta, mean, variance = (
            ops.cast(v, "float32")
            for v in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        if not (training and self.trainable):
            return fused_batch_norm(
                x, gamma, beta, mean, variance, epsilon=self.epsilon, is_training=False
            )[0]
        y, batch_mean, batch_variance = fused_batch_norm(x, gamma, beta, epsilon=self.epsilon)
        # the kernel reports the variance of n - 1, Keras keeps that of n
        n = ops.cast(ops.size(x) // x.shape[-1], "float32")
        batch_variance *= (n - 1.0) / n
        for moving, batch in (
            (self.moving_mean, batch_mean),
            (self.moving_variance, batch_variance),
        ):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return y

    def _moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        """Return mean and variance; on PyTorch, Keras subtracts squares and so loses digits."""
        if mask is not None or self.synchronized:
            return super()._moments(inputs, mask)
        axes = tuple(self._reduction_axes)
        mean = ops.mean(inputs, axes, keepdims=True)
        variance = ops.mean(ops.square(inputs - mean), axes)
        return ops.squeeze(mean, axes), variance

    def _can_fuse(self, inputs: Any, mask: Any) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and mask is None
            and not self.synchronized
            and self.compute_dtype != "float64"
        )
