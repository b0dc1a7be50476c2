"""Residual networks of basic blocks, in torchvision's layout."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from lenszoo.errors import unknown
from lenszoo.layers import BatchNormalization
from lenszoo.models.checks import check_all_positive
from lenszoo.models.heads import classifier_factory, scale

STEMS = ("fine", "imagenet")


@classifier_factory
def resnet(
    images: Any,
    *,
    width: int = 64,
    stem: str = "imagenet",
    blocks: Sequence[int] = (2, 2, 2, 2),
) -> Any:
    """Build a residual network of basic blocks (He et al. 2016, arXiv:1512.03385).

    The layout is torchvision's layer by layer (explicit symmetric padding, BatchNorm epsilon
    1e-5, no biases in convolutions, 1x1 projection where the shape changes), so ``width=64,
    blocks=(2, 2, 2, 2)`` with three bands is its ResNet-18.

    >>> resnet((None, None, 4), 3, width=8).output_shape
    (None, 3)

    Args:
        width: channels of the first stage; every later stage doubles it.
        stem: ``"imagenet"`` is a 7x7 convolution and a max-pool, together a step of 4 pixels;
            ``"fine"`` is a 7x7 convolution of step 3, which keeps details of the size of the PSF
            and, at sizes that 3 divides, the symmetry of the image.
        blocks: basic blocks in each stage.
    """
    if stem not in STEMS:
        raise unknown("stem", stem, STEMS)
    check_all_positive("blocks", blocks)
    x = scale(images, mean=0.449, std=0.226)
    if stem == "imagenet":
        x = conv(x, width, 7, stride=2, name="stem_conv")
        x = layers.ReLU(name="stem_relu")(batch_norm(x, "stem_bn"))
        # After a ReLU padding with zeros leaves every maximum as it is.
        x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
        x = layers.MaxPooling2D(3, 2, name="stem_pool")(x)
    else:
        x = conv(x, width, 7, stride=3, padding=2, name="stem_conv")
        x = layers.ReLU(name="stem_relu")(batch_norm(x, "stem_bn"))
    for stage, depth in enumerate(blocks):
        for block in range(depth):
            stride = 2 if stage > 0 and block == 0 else 1
            x = basic_block(x, width * 2**stage, stride, f"stage{stage + 1}_block{block + 1}")
    return x


def basic_block(x: Any, channels: int, stride: int, name: str) -> Any:
    """Two 3x3 convolutions and a shortcut around them (figure 2 of He et al. 2016)."""
    shortcut = x
    if stride != 1 or x.shape[-1] != channels:
        shortcut = conv(x, channels, 1, stride, name=f"{name}_down_conv")
        shortcut = batch_norm(shortcut, f"{name}_down_bn")
    x = conv(x, channels, 3, stride, name=f"{name}_conv1")
    x = layers.ReLU(name=f"{name}_relu1")(batch_norm(x, f"{name}_bn1"))
    x = conv(x, channels, 3, name=f"{name}_conv2")
    x = batch_norm(x, f"{name}_bn2")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu2")(x)


def conv(
    x: Any, channels: int, size: int, stride: int = 1, *, padding: int | None = None, name: str
) -> Any:
    """Convolve without bias; ``padding`` (or ``size // 2``) zeros on every side, as in PyTorch."""
    zeros = size // 2 if padding is None else padding
    mode = "same"
    if stride > 1 or zeros != size // 2:
        # With a stride "same" pads unevenly, by an amount that depends on the image size.
        mode = "valid"
        if zeros:
            x = layers.ZeroPadding2D(zeros, name=f"{name}_pad")(x)
    return layers.Conv2D(
        channels,
        size,
        stride,
        mode,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        name=name,
    )(x)


def batch_norm(x: Any, name: str) -> Any:
    """Normalise as PyTorch's default does: epsilon 1e-5 and a running mean of momentum 0.9."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
