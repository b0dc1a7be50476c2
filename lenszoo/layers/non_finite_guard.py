"""NaN outputs for images with non-finite or absurdly large pixels."""

from typing import Any

import keras
from keras import ops

from lenszoo.layers.base import BaseLayer

LIMIT = 1e12
"""Absolute value of a pixel from which on activations may overflow float32, or their squares do."""


@keras.saving.register_keras_serializable(package="lenszoo")
class NonFiniteGuard(BaseLayer):
    """Replace the outputs of images that hold a NaN, infinite or absurdly large pixel by NaN.

    Max-pooling on a CPU drops NaN silently, so a network may give a finite, wrong output for a
    broken cutout, and for one whose activations overflow: pixels beyond 1e12 count as broken.
    ``guard(outputs, images)`` with images ``(batch, height, width, bands)`` and outputs
    ``(batch, ...)`` returns the outputs, NaN where a pixel of the image is broken.

    As the last layer of every model of the zoo, it also keeps the model's configuration
    (:func:`lenszoo.pretrained.loading.model_config`) in a ``.keras`` file.

    Args:
        identity: the arguments of ``build_model`` that made the model, a dict for JSON, or None.
        learned: the classes and the temperature of its weights, with their checksum
            (:mod:`lenszoo.pretrained.learned`), a dict for JSON, or None.
        **kwargs: as for any Keras layer. The layer always computes in float32.

    >>> images = ops.convert_to_tensor([[[[1.0]]], [[[float("nan")]]]])
    >>> ops.convert_to_numpy(NonFiniteGuard()(ops.ones((2, 1)), images)).ravel().tolist()
    [1.0, nan]
    """

    OPTIONS = ("identity", "learned")
    FLOAT32 = True

    def __init__(
        self,
        identity: dict[str, Any] | None = None,
        learned: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.identity, self.learned = identity, learned

    def call(self, outputs: Any, images: Any) -> Any:
        """Return ``outputs`` with NaN in the rows whose image is not finite and below the limit."""
        # A select on a comparison: graph optimisers are free to fold arithmetic such as x * 0.
        finite = ops.all(ops.abs(images) < LIMIT, axis=tuple(range(1, len(images.shape))))
        finite = ops.reshape(finite, (-1,) + (1,) * (len(outputs.shape) - 1))
        return ops.where(finite, outputs, float("nan"))
