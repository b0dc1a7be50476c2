"""ConvNeXt: a convolutional network of a transformer's proportions."""

from collections.abc import Sequence
from typing import Any

from keras import layers

from lenszoo.layers import LayerScale
from lenszoo.models.checks import check_all_positive, check_scaling
from lenszoo.models.heads import classifier_factory, scale
from lenszoo.models.vit import initializer, mlp

EPSILON = 1e-6  # of every layer norm, as published
STAGES = 4


@classifier_factory
def convnext(
    images: Any,
    *,
    head: str = "pool",
    depths: Sequence[int] = (3, 3, 9, 3),
    dims: Sequence[int] = (96, 192, 384, 768),
    layer_scale: float = 1e-6,
    mean: float = 0.449,
    std: float = 0.226,
) -> Any:
    """Build a ConvNeXt (Liu et al. 2022, arXiv:2201.03545) in timm's layout.

    The defaults are ConvNeXt-T. A block is a 7x7 convolution of each channel, layer norm, and the
    MLP of a transformer on every pixel. Stochastic depth is left out; dropout is in the head only.

    ``head="pool"`` takes the layer norm of the mean over the last maps, as published;
    ``"flatten"`` the normalised maps.

    >>> convnext((64, 64, 4), 3, depths=(1, 1, 2, 1), dims=(4, 8, 8, 16)).output_shape
    (None, 3)

    Args:
        depths: blocks in each stage.
        dims: channels of each stage.
        layer_scale: initial factor of the branches.
        mean: subtracted from the pixels; 0.449 is ImageNet's, Zoobot's encoders have 0.
        std: divides them after that; 0.226 is ImageNet's, Zoobot's encoders have 1.
    """
    for option, values in (("depths", depths), ("dims", dims)):
        check_all_positive(option, values, STAGES)
    check_scaling(mean, std)
    x = scale(images, mean=mean, std=std)
    x = layers.Conv2D(dims[0], 4, 4, kernel_initializer=initializer(), name="stem_conv")(x)
    x = _norm(x, "stem_norm")
    for stage, (depth, dim) in enumerate(zip(depths, dims, strict=True), start=1):
        if stage > 1:
            name = f"stage{stage}_down"
            x = _norm(x, f"{name}_norm")
            x = layers.Conv2D(dim, 2, 2, kernel_initializer=initializer(), name=f"{name}_conv")(x)
        for block in range(1, depth + 1):
            x = _block(x, layer_scale, f"stage{stage}_block{block}")
    if head == "pool":
        x = layers.GlobalAveragePooling2D(name="mean_pixel")(x)
    return _norm(x, "norm")


def _block(x: Any, layer_scale: float, name: str) -> Any:
    """Depthwise convolution, layer norm and MLP, with a shortcut."""
    y = layers.DepthwiseConv2D(
        7, padding="same", depthwise_initializer=initializer(), name=f"{name}_depth_conv"
    )(x)
    y = _norm(y, f"{name}_norm")
    y = LayerScale(layer_scale, name=f"{name}_scale")(mlp(y, 4 * x.shape[-1], name))
    return layers.Add(name=f"{name}_add")([x, y])


def _norm(x: Any, name: str) -> Any:
    return layers.LayerNormalization(epsilon=EPSILON, name=name)(x)
