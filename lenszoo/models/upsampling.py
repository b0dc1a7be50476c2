"""Parts of the super-resolution networks: their factory, upsampling steps and output layer."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import ICNR, BicubicUpsampling, NonFiniteGuard, PixelShuffle
from lenszoo.models.factory import Factory, InputShape, Network, complete

SCALES = (2, 4)
UPSAMPLINGS = ("pixel_shuffle", "resize", "transpose")
SKIPS = ("bicubic",)

_SHARED = """Args:
        input_shape: ``(height, width, bands)``; images in about [0, 1].
        scale: 2 or 4.
"""
_RETURNS = """        name: name of the model.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32
        ``(batch, scale * height, scale * width, bands)``.

    Raises:
        LenszooError: an option is not legal.
"""


def super_resolver_factory(network: Network) -> Factory:
    """Turn a network into a factory of super-resolution models.

    The factory is called ``factory(input_shape, *, scale=2, name=..., **options)``.

    Args:
        network: ``network(images, *, scale, ...)`` from symbolic images to finer ones, see
            :func:`output`.
    """

    def factory(
        input_shape: InputShape, *, scale: int = 2, name: str = network.__name__, **options: Any
    ) -> keras.Model:
        if isinstance(scale, bool) or scale not in SCALES:
            raise LenszooError(f"scale must be 2 or 4, got {scale!r}.")
        images = keras.Input(input_shape, name="images")
        return keras.Model(images, network(images, scale=scale, **options), name=name)

    return complete(factory, network, _SHARED, _RETURNS)


def conv(x: Any, channels: int, size: int, name: str, **options: Any) -> Any:
    """Convolution without stride, zero padding and a bias."""
    options.setdefault("kernel_initializer", "he_normal")
    return layers.Conv2D(channels, size, padding="same", name=name, **options)(x)


def enlarge(x: Any, scale: int, how: str, activation: Callable[[str], keras.Layer]) -> Any:
    """Upsample maps by steps of 2, keeping their channels.

    ``"pixel_shuffle"`` convolves to four times the channels and spreads them over 2x2 pixels (Shi
    et al. 2016, arXiv:1609.05158), initialized by ICNR; ``"resize"`` repeats every pixel, then
    convolves (Odena et al. 2016, doi:10.23915/distill.00003); ``"transpose"`` is a transposed
    convolution, whose checkerboard artefacts training has to remove.

    Args:
        x: maps ``(batch, height, width, channels)``.
        scale: a power of 2.
        how: one of :data:`UPSAMPLINGS`.
        activation: makes the activation layer of a step from its name.
    """
    if how not in UPSAMPLINGS:
        raise unknown("upsampling", how, UPSAMPLINGS)
    channels = x.shape[-1]
    for step in range(1, scale.bit_length()):
        name = f"up{step}"
        if how == "pixel_shuffle":
            x = conv(x, 4 * channels, 3, f"{name}_conv", kernel_initializer=ICNR("he_normal"))
            x = PixelShuffle(name=f"{name}_shuffle")(x)
        elif how == "resize":
            x = layers.UpSampling2D(name=f"{name}_resize")(x)
            x = conv(x, channels, 3, f"{name}_conv")
        else:
            x = layers.Conv2DTranspose(
                channels, 4, 2, "same", kernel_initializer="he_normal", name=f"{name}_deconv"
            )(x)
        x = activation(f"{name}_act")(x)
    return x


def output(images: Any, x: Any, *, size: int, scale: int = 1, skip: str | None = None) -> Any:
    """Add the output layer: the last convolution, and guarded float32 images.

    Args:
        images: the model's symbolic input, ``(batch, height, width, bands)``.
        x: maps at the resolution of the output,
            ``(batch, scale * height, scale * width, channels)``.
        size: side of the last convolution's kernel [pixels].
        scale: of the model; only a skip needs it.
        skip: None, or ``"bicubic"`` to add the bicubic images; the convolution then starts at zero.
    """
    if skip is not None and skip not in SKIPS:
        raise unknown("skip", skip, SKIPS, "Or None.")
    # float32 under any policy: bfloat16 has three digits, which limits PSNR to 50 dB
    options = {"dtype": "float32"} | ({"kernel_initializer": "zeros"} if skip else {})
    y = conv(x, images.shape[-1], size, "output", **options)
    if skip:
        coarse = BicubicUpsampling(scale, name="skip")(images)
        y = layers.Add(dtype="float32", name="skip_add")([y, coarse])
    return NonFiniteGuard(name="guard")(y, images)
