"""A small convolutional network whose last maps attend to each other."""

import keras
from keras import layers

from lenszoo.errors import LenszooError
from lenszoo.models.heads import InputShape, central, check_width, classifier
from lenszoo.models.simple_cnn import rounds


def cnn_attention(
    input_shape: InputShape,
    num_classes: int,
    *,
    activation: str | None = None,
    dropout: float = 0.0,
    head: str = "pool",
    width: int = 32,
    heads: int = 4,
    crop: int | None = None,
    name: str = "cnn_attention",
) -> keras.Model:
    """Build four rounds of convolution and pooling, then self-attention over all positions.

    Convolutions see arcs, attention compares them across the ring (Vaswani et al. 2017,
    arXiv:1706.03762). The attention stands in a residual branch, after a layer normalisation.

    Args:
        input_shape: ``(height, width, bands)``; images in [0, 1].
        num_classes: length of the logit vector.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` or ``"flatten"``.
        width: channels of the first round; every later round doubles them.
        heads: heads of the attention; they share the channels of the last round.
        crop: side in pixels of the central square that alone is looked at, at a cost that falls
            with its area; by default all of the image. For lenses that are centred and fit in.
        name: the model's name.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``.

    Raises:
        LenszooError: when an option is not legal.
    """
    check_width(width)
    channels = width * 8
    if isinstance(heads, bool) or not isinstance(heads, int) or heads < 1 or channels % heads:
        raise LenszooError(f"heads must divide the {channels} channels, got {heads!r}.")
    images = keras.Input(input_shape, name="images")
    x = rounds(central(images, crop), width)
    tokens = layers.LayerNormalization(name="attention_norm")(x)
    attended = layers.MultiHeadAttention(
        heads, channels // heads, attention_axes=(1, 2), name="attention"
    )(tokens, tokens)
    x = layers.Add(name="attention_add")([x, attended])
    x = layers.LayerNormalization(name="norm")(x)
    return classifier(
        images, x, num_classes, head=head, dropout=dropout, activation=activation, name=name
    )
