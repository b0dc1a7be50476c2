"""A plain convolutional network: the baseline that everything else has to beat."""

from typing import Any

import keras
from keras import layers

from lenszoo.layers import BatchNormalization
from lenszoo.models.heads import InputShape, central, check_width, classifier


def simple_cnn(
    input_shape: InputShape,
    num_classes: int,
    *,
    activation: str | None = None,
    dropout: float = 0.0,
    head: str = "pool",
    width: int = 32,
    crop: int | None = None,
    name: str = "simple_cnn",
) -> keras.Model:
    """Build four rounds of 3x3 convolution, BatchNorm, ReLU and max-pool (LeCun et al. 1998).

    BatchNorm (Ioffe & Szegedy 2015, arXiv:1502.03167) makes the scale of the images irrelevant.
    Without it such a network stays at AUC 0.5 on lens images, which are nearly black.

    Args:
        input_shape: ``(height, width, bands)``; images in [0, 1].
        num_classes: length of the logit vector.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` or ``"flatten"``.
        width: channels of the first round; every later round doubles them.
        crop: side in pixels of the central square that alone is looked at, at a cost that falls
            with its area; by default all of the image. For lenses that are centred and fit in.
        name: the model's name.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``.

    Raises:
        LenszooError: when an option is not legal.
    """
    check_width(width)
    images = keras.Input(input_shape, name="images")
    x = rounds(central(images, crop), width)
    return classifier(
        images, x, num_classes, head=head, dropout=dropout, activation=activation, name=name
    )


def rounds(x: Any, width: int) -> Any:
    """Four rounds of 3x3 convolution, BatchNorm, ReLU and max-pool; channels double each time."""
    for i in range(4):
        x = layers.Conv2D(
            width * 2**i,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"conv{i + 1}",
        )(x)
        x = BatchNormalization(momentum=0.9, name=f"bn{i + 1}")(x)
        x = layers.ReLU(name=f"relu{i + 1}")(x)
        x = layers.MaxPooling2D(name=f"pool{i + 1}")(x)
    return x
