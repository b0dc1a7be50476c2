"""Xception of keras.applications, with the zoo's input scaling and head."""

import keras

from lenszoo.models.heads import InputShape, classifier, scale


def xception(
    input_shape: InputShape,
    num_classes: int,
    *,
    activation: str | None = None,
    dropout: float = 0.0,
    head: str = "pool",
    name: str = "xception",
) -> keras.Model:
    """Build Xception, depthwise separable convolutions (Chollet 2017, arXiv:1610.02357).

    Args:
        input_shape: ``(height, width, bands)``, 71 pixels at least; images in [0, 1].
        num_classes: length of the logit vector.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` or ``"flatten"``.
        name: the model's name.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``.

    Raises:
        LenszooError: when an option is not legal.
    """
    images = keras.Input(input_shape, name="images")
    backbone = keras.applications.Xception(
        include_top=False, weights=None, input_tensor=scale(images, mean=0.5, std=0.5)
    )
    return classifier(
        images,
        backbone.output,
        num_classes,
        head=head,
        dropout=dropout,
        activation=activation,
        name=name,
    )
