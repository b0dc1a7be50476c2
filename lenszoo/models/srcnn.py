"""SRCNN: three convolutions on the bicubic image."""

import keras
from keras import layers

from lenszoo.layers import BicubicUpsampling
from lenszoo.models.heads import InputShape
from lenszoo.models.upsampling import check_options, conv, super_resolver


def srcnn(
    input_shape: InputShape,
    *,
    scale: int = 2,
    kernel: int = 1,
    width: int = 64,
    name: str = "srcnn",
) -> keras.Model:
    """Build SRCNN 9-1-5 (Dong et al. 2014, arXiv:1501.00092, figure 2), bicubic step included.

    Args:
        input_shape: ``(height, width, bands)``; images in about [0, 1].
        scale: 2 or 4.
        kernel: side of the second convolution; 5 makes it 9-5-5.
        width: channels of the first convolution; the second has half of them.
        name: name of the model.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32
        ``(batch, scale * height, scale * width, bands)``.

    Raises:
        LenszooError: an option is not legal.

    Example:
        >>> from lenszoo.models.srcnn import srcnn
        >>> srcnn((None, None, 1), scale=2).output_shape
        (None, None, None, 1)
    """
    check_options(scale, kernel=kernel, width=width)
    images = keras.Input(input_shape, name="images")
    x = BicubicUpsampling(scale, name="bicubic")(images)
    x = layers.ReLU(name="extract_relu")(conv(x, width, 9, "extract"))
    x = layers.ReLU(name="map_relu")(conv(x, max(1, width // 2), kernel, "map"))
    return super_resolver(images, x, size=5, name=name)
