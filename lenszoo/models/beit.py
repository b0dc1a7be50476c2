"""BEiT: a vision transformer that knows distances between patches instead of positions."""

from typing import Any

import keras
from keras import layers

from lenszoo.layers import LayerScale, RelativeAttention
from lenszoo.models.heads import InputShape, central, classifier
from lenszoo.models.vit import check_transformer, mlp, patch_tokens

# As Hugging Face's configuration of microsoft/beit-base-patch16-224 has it.
EPSILON = 1e-12


def beit(
    input_shape: InputShape,
    num_classes: int,
    *,
    activation: str | None = None,
    dropout: float = 0.0,
    head: str = "pool",
    patch: int = 16,
    dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    mlp_dim: int = 3072,
    layer_scale: float = 0.1,
    crop: int | None = None,
    name: str = "beit",
) -> keras.Model:
    """Build a BEiT (Bao et al. 2021, arXiv:2106.08254) in Hugging Face's layout.

    The defaults are BEiT-B/16 (``microsoft/beit-base-patch16-224``). It differs from ViT in three
    things: every attention has its own table of biases by the offset of two patches, there are no
    positions, and every branch is multiplied by a learned factor for each channel. Dropout is in
    the head only; stochastic depth is left out.

    The tables belong to one image size, so the size must be given. A size that ``patch`` does not
    divide is padded with black sky (zeros), evenly on both sides, to the next that it does: 150
    pixels become 160, which is 10 x 10 patches of 16.

    Args:
        input_shape: ``(height, width, bands)``; images in [0, 1].
        num_classes: length of the logit vector.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` starts from the layer norm of the mean over all patches' tokens, as
            published; ``"flatten"`` from the normalised tokens of all patches side by side.
        patch: side of a patch in pixels.
        dim: length of a token.
        depth: number of blocks.
        heads: attention heads of a block; divides ``dim``.
        mlp_dim: hidden width of a block's MLP.
        layer_scale: what the factors of the branches start from.
        crop: side in pixels of the central square that alone is looked at, at a cost that falls
            with its area; by default all of the image. For lenses that are centred and fit in.
        name: the model's name.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``.

    Raises:
        LenszooError: when an option is not legal or the image size is left open.
    """
    check_transformer(
        input_shape, name, patch=patch, dim=dim, depth=depth, heads=heads, mlp=mlp_dim
    )
    images = keras.Input(input_shape, name="images")
    x, grid = patch_tokens(central(images, crop), patch, dim)
    for block in range(1, depth + 1):
        x = encoder_block(x, heads, mlp_dim, grid, layer_scale, f"block{block}")
    x = layers.Cropping1D((1, 0), name="patch_tokens")(x)
    if head == "pool":
        x = layers.GlobalAveragePooling1D(name="mean_token")(x)
    x = layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)
    return classifier(
        images, x, num_classes, head=head, dropout=dropout, activation=activation, name=name
    )


def encoder_block(
    x: Any, heads: int, mlp_dim: int, grid: tuple[int, int], layer_scale: float, name: str
) -> Any:
    """Attention, then an MLP, each on normalised tokens, scaled, and beside a shortcut."""
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm1")(x)
    y = RelativeAttention(heads, grid, name=f"{name}_attention")(y)
    y = LayerScale(layer_scale, name=f"{name}_scale1")(y)
    x = layers.Add(name=f"{name}_add1")([x, y])
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm2")(x)
    y = LayerScale(layer_scale, name=f"{name}_scale2")(mlp(y, mlp_dim, name))
    return layers.Add(name=f"{name}_add2")([x, y])
