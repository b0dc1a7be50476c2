"""SRGAN: SRResNet as generator and a discriminator, in one model."""

import keras
from keras import layers

from lenszoo.layers import SRGAN, SpectralConv2D
from lenszoo.models.checks import check_positive
from lenszoo.models.esrn import leaky
from lenszoo.models.factory import InputShape
from lenszoo.models.srresnet import srresnet


def srgan(
    input_shape: InputShape,
    *,
    scale: int = 2,
    blocks: int = 1,
    width: int = 64,
    batch_norm: bool = True,
    upsampling: str = "pixel_shuffle",
    skip: str | None = None,
    discriminator_width: int = 64,
    name: str = "srgan",
) -> SRGAN:
    """Build SRGAN (Ledig et al. 2017, arXiv:1609.04802): generator and discriminator.

    The generator is :func:`lenszoo.models.srresnet.srresnet`, and can start from weights of one:
    ``build_model("srgan", weights="srresnet_1.TAG")``.

    Args:
        input_shape: ``(height, width, bands)``; images in about [0, 1].
        scale: 2 or 4.
        blocks: residual blocks of the generator; 16 in the paper.
        width: channels of the generator.
        batch_norm: as for srresnet; the discriminator has none.
        upsampling: as for srresnet.
        skip: as for srresnet.
        discriminator_width: channels of the discriminator's first convolution; the last has eight
            times as many.
        name: name of the model.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32
        ``(batch, scale * height, scale * width, bands)``, with a ``discriminator``.

    Raises:
        LenszooError: an option is not legal.

    Example:
        >>> from lenszoo.models.srgan import srgan
        >>> srgan((None, None, 1), width=8).output_shape
        (None, None, None, 1)
    """
    check_positive(discriminator_width=discriminator_width)
    options = {"batch_norm": batch_norm, "upsampling": upsampling, "skip": skip}
    generator = srresnet(
        input_shape, scale=scale, blocks=blocks, width=width, name="generator", **options
    )
    return SRGAN(generator, discriminator(input_shape[-1], discriminator_width), name=name)


def discriminator(bands: int, width: int) -> keras.Model:
    """Discriminator: eight convolutions that halve the image four times (Ledig et al., figure 4).

    Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957) replaces BatchNorm, and the mean
    over the image the paper's dense layer of 1024, so that images of any size are legal.
    """
    fine = keras.Input((None, None, bands), name="fine_images")
    x = fine
    for i in range(8):
        channels, stride = width * 2 ** (i // 2), 1 + i % 2
        x = SpectralConv2D(channels, 3, stride, "same", name=f"judge{i + 1}_conv")(x)
        x = leaky(f"judge{i + 1}_act")(x)
    x = SpectralConv2D(1, 1, dtype="float32", name="judge_map")(x)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="judge")(x)
    return keras.Model(fine, x, name="discriminator")
