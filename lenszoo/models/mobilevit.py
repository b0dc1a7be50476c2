"""MobileViT: convolutions for local and transformers for global features, in Apple's layout."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError
from lenszoo.layers import Fold, Unfold
from lenszoo.models.checks import check_all_positive, check_rate
from lenszoo.models.heads import classifier_factory
from lenszoo.models.resnet import batch_norm, conv

HEADS = 4  # of every attention
MLP_RATIO = 2


@classifier_factory
def mobilevit(
    images: Any,
    *,
    channels: Sequence[int] = (16, 32, 64, 96, 128, 160, 640),
    dims: Sequence[int] = (144, 192, 240),
    depths: Sequence[int] = (2, 4, 3),
    expansion: int = 4,
    transformer_dropout: float = 0.1,
) -> Any:
    """Build a MobileViT (Mehta & Rastegari 2021, arXiv:2110.02178, figure 1b).

    The layout is that of Apple's published networks (``apple/mobilevit-small`` and its sisters)
    layer by layer; the defaults are MobileViT-S. Stages 1 and 2 are inverted residuals; stages 3
    to 5 are one inverted residual and a MobileViT block. The stem and every stage but the first
    halve the image. Any image size is legal: where a side of the maps is odd, the block stretches
    it by one pixel for its 2x2 patches and shrinks it back, as the published networks do.

    Images are not scaled: the published networks, too, take pixels from 0 to 1. Their bands are in
    the order blue, green, red; here they are red, green, blue.

    >>> mobilevit((64, 64, 1), 3, depths=(1, 1, 1), dims=(16, 16, 16)).output_shape
    (None, 3)

    Args:
        channels: of the stem, of the five stages, and of the 1x1 convolution before the head.
        dims: width of the transformers in stages 3, 4 and 5, each a multiple of 4 (the heads).
        depths: layers of those transformers.
        expansion: inner width of an inverted residual over that of its input.
        transformer_dropout: rate after each attention and each MLP.
    """
    check_all_positive("channels", channels, 7)
    check_all_positive("dims", dims, 3)
    check_all_positive("depths", depths, 3)
    if any(dim % HEADS for dim in dims):
        raise LenszooError(f"dims must be multiples of {HEADS}, the heads, got {dims!r}.")
    check_rate(transformer_dropout=transformer_dropout)
    stem, first, second, *wide, last = channels
    x = conv_bn(images, stem, 3, stride=2, name="stem")
    x = inverted_residual(x, first, 1, expansion, "stage1_block1")
    for block in range(3):
        stride = 2 if block == 0 else 1
        x = inverted_residual(x, second, stride, expansion, f"stage2_block{block + 1}")
    for i, (width, dim, depth) in enumerate(zip(wide, dims, depths, strict=True)):
        stage = f"stage{i + 3}"
        x = inverted_residual(x, width, 2, expansion, f"{stage}_down")
        x = mobilevit_block(x, dim, depth, transformer_dropout, stage)
    return conv_bn(x, last, 1, name="last")


def mobilevit_block(x: Any, dim: int, depth: int, dropout: float, name: str) -> Any:
    """MobileViT block: a convolution, a transformer and their fusion (figure 1b of the paper).

    Every pixel of a patch attends to the pixels at the same position in all other patches; the
    convolution before has mixed those within a patch.
    """
    channels = x.shape[-1]
    local = conv_bn(x, channels, 3, name=f"{name}_local")
    local = conv(local, dim, 1, name=f"{name}_embed_conv")
    y = Unfold(name=f"{name}_unfold")(local)
    for i in range(depth):
        y = transformer(y, dropout, f"{name}_block{i + 1}")
    y = layer_norm(y, f"{name}_norm")
    y = Fold(name=f"{name}_fold")(y, local)
    y = conv_bn(y, channels, 1, name=f"{name}_project")
    y = layers.Concatenate(name=f"{name}_concat")([x, y])
    return conv_bn(y, channels, 3, name=f"{name}_fuse")


def transformer(x: Any, dropout: float, name: str) -> Any:
    """Attention and an MLP, each normalised before and added to its input."""
    dim = x.shape[-1]
    y = layer_norm(x, f"{name}_norm1")
    y = layers.MultiHeadAttention(
        HEADS, dim // HEADS, kernel_initializer=small(), name=f"{name}_attention"
    )(y, y)
    y = layers.Dropout(dropout, name=f"{name}_dropout1")(y)
    x = layers.Add(name=f"{name}_add1")([x, y])
    y = layer_norm(x, f"{name}_norm2")
    y = layers.Dense(MLP_RATIO * dim, kernel_initializer=small(), name=f"{name}_mlp1")(y)
    y = layers.Activation("silu", name=f"{name}_mlp_silu")(y)
    y = layers.Dense(dim, kernel_initializer=small(), name=f"{name}_mlp2")(y)
    y = layers.Dropout(dropout, name=f"{name}_dropout2")(y)
    return layers.Add(name=f"{name}_add2")([x, y])


def inverted_residual(x: Any, channels: int, stride: int, expansion: int, name: str) -> Any:
    """Widen, convolve each channel by itself, narrow (Sandler et al. 2018, arXiv:1801.04381)."""
    y = conv_bn(x, multiple_of_8(x.shape[-1] * expansion), 1, name=f"{name}_expand")
    y = depthwise(y, stride, name=f"{name}_depth_conv")
    y = layers.Activation("silu", name=f"{name}_depth_silu")(batch_norm(y, f"{name}_depth_bn"))
    y = conv(y, channels, 1, name=f"{name}_reduce_conv")
    y = batch_norm(y, f"{name}_reduce_bn")
    if stride == 1 and x.shape[-1] == channels:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def conv_bn(x: Any, channels: int, size: int, stride: int = 1, *, name: str) -> Any:
    """Convolution, BatchNorm and SiLU."""
    x = conv(x, channels, size, stride, name=f"{name}_conv")
    return layers.Activation("silu", name=f"{name}_silu")(batch_norm(x, f"{name}_bn"))


def depthwise(x: Any, stride: int, name: str) -> Any:
    """Convolve every channel with its own 3x3 kernel, one zero around as in PyTorch."""
    if stride > 1:
        # With a stride "same" pads unevenly, by an amount that depends on the image size.
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.DepthwiseConv2D(
        3,
        stride,
        "same" if stride == 1 else "valid",
        use_bias=False,
        depthwise_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        name=name,
    )(x)


def small() -> keras.initializers.Initializer:
    """Initializer of a dense layer, as in the paper; a new object for each layer."""
    return keras.initializers.TruncatedNormal(stddev=0.02)


def layer_norm(x: Any, name: str) -> Any:
    """Normalise each vector, with PyTorch's epsilon."""
    return layers.LayerNormalization(epsilon=1e-5, name=name)(x)


def multiple_of_8(channels: int) -> int:
    """Round to the nearest multiple of 8, but never down by more than a tenth."""
    nearest = max(8, (channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8
