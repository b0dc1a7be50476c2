"""ESRN: the generator of ESRGAN, residual-in-residual dense blocks, trained without adversary."""

from typing import Any

import keras
from keras import layers

from lenszoo.models.heads import InputShape
from lenszoo.models.upsampling import check_options, conv, enlarge, super_resolver

RESIDUAL = 0.2  # share of a branch that is added, at both levels


def esrn(
    input_shape: InputShape,
    *,
    scale: int = 2,
    blocks: int = 23,
    width: int = 64,
    growth: int = 32,
    upsampling: str = "pixel_shuffle",
    skip: str | None = None,
    name: str = "esrn",
) -> keras.Model:
    """Build the generator of ESRGAN (Wang et al. 2018, arXiv:1809.00219, figure 4).

    With ``upsampling="resize"``, 23 blocks and scale 4 it is the authors' RRDBNet layer by layer.

    Args:
        input_shape: ``(height, width, bands)``; images in about [0, 1].
        scale: 2 or 4.
        blocks: residual-in-residual dense blocks; 23 in the paper.
        width: channels of the trunk.
        growth: channels that each convolution of a dense block adds.
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
        >>> from lenszoo.models.esrn import esrn
        >>> esrn((None, None, 1), blocks=1, width=8, growth=4).output_shape
        (None, None, None, 1)
    """
    check_options(
        scale, upsampling=upsampling, skip=skip, blocks=blocks, width=width, growth=growth
    )
    images = keras.Input(input_shape, name="images")
    first = conv(images, width, 3, "first")
    x = first
    for block in range(1, blocks + 1):
        x = rrdb(x, growth, f"block{block}")
    x = conv(x, width, 3, "trunk")
    x = layers.Add(name="trunk_add")([x, first])
    x = enlarge(x, scale, upsampling, leaky)
    x = leaky("fine_act")(conv(x, width, 3, "fine"))
    return super_resolver(images, x, size=3, scale=scale, skip=skip, name=name)


def rrdb(x: Any, growth: int, name: str) -> Any:
    """Residual-in-residual dense block: three dense blocks and a shortcut."""
    y = x
    for i in range(1, 4):
        y = dense_block(y, growth, f"{name}_dense{i}")
    return added(x, y, name)


def dense_block(x: Any, growth: int, name: str) -> Any:
    """Dense block: five convolutions, each on the outputs of all before it."""
    maps = [x]
    for i in range(1, 5):
        y = maps[0] if i == 1 else layers.Concatenate(name=f"{name}_concat{i}")(maps)
        maps.append(leaky(f"{name}_act{i}")(conv(y, growth, 3, f"{name}_conv{i}", **small())))
    y = layers.Concatenate(name=f"{name}_concat5")(maps)
    return added(x, conv(y, x.shape[-1], 3, f"{name}_conv5", **small()), name)


def added(x: Any, branch: Any, name: str) -> Any:
    """Add a share of a branch to ``x``."""
    branch = layers.Rescaling(RESIDUAL, name=f"{name}_scale")(branch)
    return layers.Add(name=f"{name}_add")([x, branch])


def small() -> dict[str, Any]:
    """Initializer of the paper: a tenth of He et al.'s variance, near the identity at any depth."""
    return {
        "kernel_initializer": keras.initializers.VarianceScaling(
            0.02, mode="fan_in", distribution="untruncated_normal"
        )
    }


def leaky(name: str) -> keras.Layer:
    """Leaky ReLU of slope 0.2 below zero."""
    return layers.LeakyReLU(0.2, name=name)
