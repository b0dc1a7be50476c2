"""Pixel shuffle (depth to space), and ICNR, the initializer of the convolution before it."""

from typing import Any

import keras
from keras import ops

from lenszoo.errors import LenszooError
from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class PixelShuffle(BaseLayer):
    """Spread ``block**2`` channels over a block of pixels (Shi et al. 2016, arXiv:1609.05158).

    From maps ``(batch, height, width, block**2 * channels)`` it makes ``(batch, block * height,
    block * width, channels)``. Channel ``(row * block + column) * channels + c`` of a pixel becomes
    channel ``c`` at that row and column of its block; PyTorch's PixelShuffle has the order
    ``c * block**2 + row * block + column``.

    Args:
        block: height and width of a block in pixels, 2 or more.

    >>> tuple(PixelShuffle(2)(ops.ones((1, 5, 5, 12))).shape)
    (1, 10, 10, 3)
    """

    OPTIONS = ("block",)

    def __init__(self, block: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block = block

    def call(self, maps: Any) -> Any:
        """Return the larger maps."""
        return ops.depth_to_space(maps, self.block)

    def compute_output_shape(self, maps_shape: Any) -> Any:
        """Return the larger maps' shape, None where the image size is open."""
        batch, height, width, channels = maps_shape
        return (
            batch,
            None if height is None else height * self.block,
            None if width is None else width * self.block,
            channels // self.block**2,
        )


@keras.saving.register_keras_serializable(package="lenszoo")
class ICNR(keras.initializers.Initializer):
    """Initialize a convolution before :class:`PixelShuffle` without checkerboard artefacts.

    Every pixel of a block starts with the same kernel (Aitken et al. 2017, arXiv:1707.02937), as
    before a nearest-neighbour resize.

    Args:
        initializer: initializer of that kernel ``(height, width, inputs, outputs / block**2)``.
        block: the ``block`` of the PixelShuffle.

    Example:
        >>> from lenszoo.layers import ICNR
        >>> tuple(ICNR(block=2)((3, 3, 4, 16)).shape)
        (3, 3, 4, 16)
    """

    def __init__(self, initializer: Any = "he_normal", block: int = 2) -> None:
        self.initializer = keras.initializers.get(initializer)
        self.block = block

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Return a kernel ``(height, width, inputs, outputs)``.

        Raises:
            LenszooError: when ``block**2`` does not divide the outputs.
        """
        *rest, outputs = shape
        pixels = self.block**2
        if outputs % pixels:
            raise LenszooError(f"ICNR needs a multiple of {pixels} channels, got {outputs}.")
        kernel = self.initializer((*rest, outputs // pixels), dtype=dtype)
        return ops.tile(kernel, (1,) * len(rest) + (pixels,))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the initializer."""
        return {
            "initializer": keras.initializers.serialize(self.initializer),
            "block": self.block,
        }
