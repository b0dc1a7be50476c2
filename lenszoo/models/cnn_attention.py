"""Small convolutional network with self-attention over its last maps."""

from typing import Any

from keras import layers

from lenszoo.models.checks import check_heads
from lenszoo.models.heads import classifier_factory
from lenszoo.models.simple_cnn import rounds


@classifier_factory
def cnn_attention(images: Any, *, width: int = 32, heads: int = 4) -> Any:
    """Build four rounds of convolution and pooling, then self-attention over all positions.

    Convolutions see arcs, attention compares them across the ring (Vaswani et al. 2017,
    arXiv:1706.03762). The attention is in a residual branch, after a layer normalisation.

    >>> cnn_attention((64, 64, 1), 3, width=8).output_shape
    (None, 3)

    Args:
        width: channels of the first round; every later round doubles them.
        heads: attention heads; they divide the channels of the last round.
    """
    channels = width * 8
    check_heads(heads, channels)
    x = rounds(images, width)
    tokens = layers.LayerNormalization(name="attention_norm")(x)
    attended = layers.MultiHeadAttention(
        heads, channels // heads, attention_axes=(1, 2), name="attention"
    )(tokens, tokens)
    x = layers.Add(name="attention_add")([x, attended])
    return layers.LayerNormalization(name="norm")(x)
