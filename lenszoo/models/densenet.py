"""DenseNet-121 of keras.applications, with the zoo's input scaling and head."""

import keras

from lenszoo.models.heads import InputShape, classifier, scale


def densenet121(
    input_shape: InputShape,
    num_classes: int,
    *,
    activation: str | None = None,
    dropout: float = 0.0,
    head: str = "pool",
    name: str = "densenet121",
) -> keras.Model:
    """Build DenseNet-121, every layer fed by all before it (Huang et al. 2017, arXiv:1608.06993).

    Args:
        input_shape: ``(height, width, bands)``; images in [0, 1].
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
    backbone = keras.applications.DenseNet121(
        include_top=False, weights=None, input_tensor=scale(images, mean=0.449, std=0.226)
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
