"""SRCNN: three convolutions on the bicubic image."""

from typing import Any

from keras import layers

from lenszoo.layers import BicubicUpsampling
from lenszoo.models.upsampling import conv, output, super_resolver_factory


@super_resolver_factory
def srcnn(images: Any, *, scale: int = 2, kernel: int = 1, width: int = 64) -> Any:
    """Build SRCNN 9-1-5 (Dong et al. 2014, arXiv:1501.00092, figure 2), bicubic step included.

    >>> srcnn((None, None, 1), scale=2).output_shape
    (None, None, None, 1)

    Args:
        kernel: side of the second convolution; 5 makes it 9-5-5.
        width: channels of the first convolution; the second has half of them.
    """
    x = BicubicUpsampling(scale, name="bicubic")(images)
    x = layers.ReLU(name="extract_relu")(conv(x, width, 9, "extract"))
    x = layers.ReLU(name="map_relu")(conv(x, max(1, width // 2), kernel, "map"))
    return output(images, x, size=5)
