"""Bicubic interpolation by a whole factor, the same on every backend."""

from typing import Any

import keras
from keras import ops

from lenszoo.layers.base import BaseLayer


@keras.saving.register_keras_serializable(package="lenszoo")
class BicubicUpsampling(BaseLayer):
    """Enlarge images by cubic convolution (Keys 1981, doi:10.1109/TASSP.1981.1163711; a = -1/2).

    From ``(batch, height, width, channels)`` it makes ``(batch, scale * height, scale * width,
    channels)``. Pixels are areas; weights that fall outside the image are left out and the others
    made to sum to 1. These are the numbers of ``keras.layers.UpSampling2D(scale,
    interpolation="bicubic")``. Keras' layer calls a TensorFlow kernel that XLA does not have; this
    one is a few sums of shifted images, in float32.

    Args:
        scale: the factor, 2 or more.
        **kwargs: as for any Keras layer. The layer always computes in float32.

    >>> tuple(BicubicUpsampling(2)(ops.ones((1, 4, 4, 1))).shape)
    (1, 8, 8, 1)
    """

    OPTIONS = ("scale",)
    FLOAT32 = True

    def __init__(self, scale: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, images: Any) -> Any:
        """Return the larger images."""
        for axis in (1, 2):
            weight = ops.ones_like(images[:1, :, :1, :1] if axis == 1 else images[:1, :1, :, :1])
            images = self._stretch(images, axis) / self._stretch(weight, axis)
        return images

    def _stretch(self, images: Any, axis: int) -> Any:
        """Interpolate along one axis, with zeros outside."""
        taps = keys_kernel(self.scale)
        reach = len(taps[0]) // 2
        length = ops.shape(images)[axis]
        pad = [(0, 0)] * 4
        pad[axis] = (reach, reach)
        padded = ops.pad(images, pad)
        shifted = [
            padded[:, i : i + length] if axis == 1 else padded[:, :, i : i + length]
            for i in range(len(taps[0]))
        ]
        phases = [
            sum(float(tap) * x for tap, x in zip(row, shifted, strict=True) if tap) for row in taps
        ]
        _, height, width, channels = ops.shape(images)
        sides = (height * self.scale, width) if axis == 1 else (height, width * self.scale)
        return ops.reshape(ops.stack(phases, axis=axis + 1), (-1, *sides, channels))

    def compute_output_shape(self, images_shape: Any) -> Any:
        """Return the larger images' shape, None where the size is open."""
        batch, *sides, channels = images_shape
        return (batch, *(None if n is None else n * self.scale for n in sides), channels)


def keys_kernel(scale: int) -> list[list[float]]:
    """Weights of the old pixels at -2 to 2, for each of the ``scale`` new pixels of an old one."""
    return [
        [_keys(abs((phase + 0.5) / scale - 0.5 - old)) for old in range(-2, 3)]
        for phase in range(scale)
    ]


def _keys(x: float) -> float:
    """Keys' function of the distance in old pixels (equation 15 of the paper)."""
    if x < 1:
        return (1.5 * x - 2.5) * x**2 + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0
