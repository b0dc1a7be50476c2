"""SRResNet: residual blocks at the coarse resolution, then sub-pixel convolution."""

from typing import Any

import keras
from keras import layers

from lenszoo.layers import BatchNormalization
from lenszoo.models.heads import InputShape
from lenszoo.models.upsampling import check_options, conv, enlarge, super_resolver


def srresnet(
    input_shape: InputShape,
    *,
    scale: int = 2,
    blocks: int = 16,
    width: int = 64,
    batch_norm: bool = True,
    upsampling: str = "pixel_shuffle",
    skip: str | None = None,
    name: str = "srresnet",
) -> keras.Model:
    """Build SRResNet, the generator of SRGAN (Ledig et al. 2017, arXiv:1609.04802, figure 4).

    Args:
        input_shape: ``(height, width, bands)``; images in about [0, 1].
        scale: 2 or 4.
        blocks: residual blocks; 16 in the paper.
        width: channels of all convolutions but the last.
        batch_norm: normalise inside the blocks; there is none at the output's resolution.
        upsampling: ``"pixel_shuffle"``, ``"resize"`` or ``"transpose"``, see
            :func:`lenszoo.models.upsampling.enlarge`.
        skip: None as in the paper, or ``"bicubic"``: the network learns the difference from bicubic
            interpolation, with which it starts.
        name: name of the model.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32
        ``(batch, scale * height, scale * width, bands)``.

    Raises:
        LenszooError: an option is not legal.

    Example:
        >>> from lenszoo.models.srresnet import srresnet
        >>> srresnet((None, None, 1), blocks=1, width=8).output_shape
        (None, None, None, 1)
    """
    check_options(scale, upsampling=upsampling, skip=skip, blocks=blocks, width=width)
    images = keras.Input(input_shape, name="images")
    first = prelu("first_act")(conv(images, width, 9, "first"))
    x = first
    for block in range(1, blocks + 1):
        x = residual_block(x, batch_norm, f"block{block}")
    x = normalised_conv(x, batch_norm, "trunk")
    x = layers.Add(name="trunk_add")([x, first])
    x = enlarge(x, scale, upsampling, prelu)
    return super_resolver(images, x, size=9, scale=scale, skip=skip, name=name)


def residual_block(x: Any, batch_norm: bool, name: str) -> Any:
    """Residual block: two 3x3 convolutions and a shortcut."""
    y = normalised_conv(x, batch_norm, f"{name}_conv1")
    y = prelu(f"{name}_act")(y)
    y = normalised_conv(y, batch_norm, f"{name}_conv2")
    return layers.Add(name=f"{name}_add")([x, y])


def normalised_conv(x: Any, batch_norm: bool, name: str) -> Any:
    """3x3 convolution that keeps the channels, with BatchNorm or with a bias."""
    x = conv(x, x.shape[-1], 3, name, use_bias=not batch_norm)
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x) if batch_norm else x


def prelu(name: str) -> keras.Layer:
    """Parametric ReLU: a learned slope below zero for each channel, initially 1/4."""
    return layers.PReLU(keras.initializers.Constant(0.25), shared_axes=(1, 2), name=name)
