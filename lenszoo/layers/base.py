"""Base class of the layers: their options are saved, their output has the shape of the input."""

from typing import Any, ClassVar

import keras


class BaseLayer(keras.layers.Layer):
    """A Keras layer that saves its options and keeps the shape of its (first) input.

    Attributes:
        OPTIONS: names of the arguments that rebuild the layer; each is also an attribute.
        FLOAT32: compute in float32 under any dtype policy.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ()
    FLOAT32: ClassVar[bool] = False

    def __init__(self, **kwargs: Any) -> None:
        if self.FLOAT32:
            kwargs["dtype"] = "float32"
        super().__init__(**kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self.OPTIONS}}
