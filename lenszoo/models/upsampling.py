"""What the super-resolution networks share: convolutions, steps to a larger image, and the end."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import ICNR, BicubicUpsampling, NonFiniteGuard, PixelShuffle

SCALES = (2, 4)
UPSAMPLINGS = ("pixel_shuffle", "resize", "transpose")
SKIPS = ("bicubic",)


def check_options(
    scale: int,
    *,
    upsampling: str = "pixel_shuffle",
    skip: str | None = None,
    **counts: int,
) -> None:
    """Raise LenszooError unless the options of a super-resolution network are legal.

    Args:
        scale: 2 or 4.
        upsampling: one of :data:`UPSAMPLINGS`.
        skip: None or ``"bicubic"``.
        **counts: options that are positive integers, by name.
    """
    if isinstance(scale, bool) or scale not in SCALES:
        raise LenszooError(f"scale must be 2 or 4, got {scale!r}.")
    if upsampling not in UPSAMPLINGS:
        raise unknown("upsampling", upsampling, UPSAMPLINGS)
    if skip is not None and skip not in SKIPS:
        raise unknown("skip", skip, SKIPS, "Or None.")
    for option, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise LenszooError(f"{option} must be a positive integer, got {value!r}.")


def conv(x: Any, channels: int, size: int, name: str, **options: Any) -> Any:
    """Convolve at full resolution, with zeros around and a bias."""
    options.setdefault("kernel_initializer", "he_normal")
    return layers.Conv2D(channels, size, padding="same", name=name, **options)(x)


def enlarge(x: Any, scale: int, how: str, activation: Callable[[str], keras.Layer]) -> Any:
    """Enlarge maps by steps of 2, keeping their channels.

    ``"pixel_shuffle"`` convolves to four times the channels and spreads them over 2x2 pixels (Shi
    et al. 2016, arXiv:1609.05158) from an ICNR start; ``"resize"`` repeats every pixel, then
    convolves (Odena et al. 2016, doi:10.23915/distill.00003); ``"transpose"`` is the learned
    deconvolution, which leaves a checkerboard that training has to remove.

    Args:
        x: maps ``(batch, height, width, channels)``.
        scale: a power of 2.
        how: one of :data:`UPSAMPLINGS`.
        activation: makes the activation of a step from its name.
    """
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


def super_resolver(
    images: Any, x: Any, *, size: int, scale: int = 1, skip: str | None = None, name: str
) -> keras.Model:
    """Close a network: the last convolution, and guarded float32 images.

    Args:
        images: the model's symbolic input, ``(batch, height, width, bands)``.
        x: maps at the output's resolution, ``(batch, scale * height, scale * width, channels)``.
        size: side of the last convolution's kernel.
        scale: that of the model; only a skip needs it.
        skip: None, or ``"bicubic"`` to add the enlarged images; the convolution then starts at
            zero.
        name: the model's name.
    """
    # float32 under any policy: bfloat16 keeps three digits, which is less than 50 dB
    options = {"dtype": "float32"} | ({"kernel_initializer": "zeros"} if skip else {})
    y = conv(x, images.shape[-1], size, "output", **options)
    if skip:
        y = layers.Add(dtype="float32", name="skip_add")(
            [y, BicubicUpsampling(scale, name="skip")(images)]
        )
    return keras.Model(images, NonFiniteGuard(name="guard")(y, images), name=name)
