"""A guard that keeps broken pixels from turning into confident answers."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lenszoo")
class NonFiniteGuard(keras.layers.Layer):
    """Answer NaN for every image that holds a NaN or infinite pixel, and only for those.

    Max-pooling on a CPU drops NaN silently, so a network alone may give a finite and wrong answer
    for a broken cutout. This layer looks at the model's input and at its output:
    ``guard(outputs, images)`` with images ``(batch, height, width, bands)`` and outputs
    ``(batch, ...)`` returns the outputs, with NaN for the images that are not finite throughout.

    Being the last layer of every model of the zoo, it also carries the model's identity
    (:func:`lenszoo.pretrained.loading.model_config`) through a ``.keras`` file.

    Args:
        identity: a JSON-able dict that says how ``build_model`` made the model, or None.
        **kwargs: as for any Keras layer. The layer always computes in float32.
    """

    def __init__(self, identity: dict[str, Any] | None = None, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.identity = identity

    def call(self, outputs: Any, images: Any) -> Any:
        """Return ``outputs`` with NaN in the rows whose image is not finite."""
        # A select on isfinite: graph optimisers are free to fold arithmetic such as x * 0.
        finite = ops.all(ops.isfinite(images), axis=tuple(range(1, len(images.shape))))
        finite = ops.reshape(finite, (-1,) + (1,) * (len(outputs.shape) - 1))
        return ops.where(finite, outputs, float("nan"))

    def compute_output_shape(self, outputs_shape: Any, images_shape: Any) -> Any:
        """Return the outputs' own shape."""
        return outputs_shape

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer, the model's identity included."""
        return {**super().get_config(), "identity": self.identity}
