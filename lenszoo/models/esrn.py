"""ESRN: the generator of ESRGAN, residual-in-residual dense blocks, trained without adversary."""

from typing import Any

import keras
from keras import layers

from lenszoo.models.upsampling import conv, enlarge, output, super_resolver_factory

RESIDUAL = 0.2  # share of a branch that is added, at both levels


@super_resolver_factory
def esrn(
    images: Any,
    *,
    scale: int = 2,
    blocks: int = 23,
    width: int = 64,
    growth: int = 32,
    upsampling: str = "pixel_shuffle",
    skip: str | None = None,
) -> Any:
    """Build the generator of ESRGAN (Wang et al. 2018, arXiv:1809.00219, figure 4).

    With ``upsampling="resize"``, 23 blocks and scale 4 it is the authors' RRDBNet layer by layer.

    >>> esrn((None, None, 1), blocks=1, width=8, growth=4).output_shape
    (None, None, None, 1)

    Args:
        blocks: residual-in-residual dense blocks; 23 in the paper.
        width: channels of the trunk.
        growth: channels that each convolution of a dense block adds.
        upsampling: as for :func:`lenszoo.models.srresnet.srresnet`.
        skip: as for srresnet.
    """
    first = conv(images, width, 3, "first")
    x = first
    for block in range(1, blocks + 1):
        x = rrdb(x, growth, f"block{block}")
    x = conv(x, width, 3, "trunk")
    x = layers.Add(name="trunk_add")([x, first])
    x = enlarge(x, scale, upsampling, leaky)
    x = leaky("fine_act")(conv(x, width, 3, "fine"))
    return output(images, x, size=3, scale=scale, skip=skip)


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
