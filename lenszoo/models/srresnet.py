"""SRResNet: residual blocks at the coarse resolution, then sub-pixel convolution."""

from typing import Any

import keras
from keras import layers

from lenszoo.layers import BatchNormalization
from lenszoo.models.upsampling import conv, enlarge, output, super_resolver_factory


@super_resolver_factory
def srresnet(
    images: Any,
    *,
    scale: int = 2,
    blocks: int = 16,
    width: int = 64,
    batch_norm: bool = True,
    upsampling: str = "pixel_shuffle",
    skip: str | None = None,
) -> Any:
    """Build SRResNet, the generator of SRGAN (Ledig et al. 2017, arXiv:1609.04802, figure 4).

    >>> srresnet((None, None, 1), blocks=1, width=8).output_shape
    (None, None, None, 1)

    Args:
        blocks: residual blocks; 16 in the paper.
        width: channels of all convolutions but the last.
        batch_norm: normalise inside the blocks; there is none at the output's resolution.
        upsampling: ``"pixel_shuffle"``, ``"resize"`` or ``"transpose"``, see
            :func:`lenszoo.models.upsampling.enlarge`.
        skip: None as in the paper, or ``"bicubic"``: the network learns the difference from bicubic
            interpolation, with which it starts.
    """
    first = prelu("first_act")(conv(images, width, 9, "first"))
    x = first
    for block in range(1, blocks + 1):
        x = residual_block(x, batch_norm, f"block{block}")
    x = normalised_conv(x, batch_norm, "trunk")
    x = layers.Add(name="trunk_add")([x, first])
    x = enlarge(x, scale, upsampling, prelu)
    return output(images, x, size=9, scale=scale, skip=skip)


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
