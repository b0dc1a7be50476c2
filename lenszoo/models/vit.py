"""Vision transformers: an image is cut into patches, and the patches attend to each other."""

from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError
from lenszoo.layers import ClassToken, PositionEmbedding
from lenszoo.models.heads import InputShape, central, classifier, scale

# What Google's and DeiT's weights were trained with. Hugging Face writes 1e-12 beside copies of the
# same weights; a token differs by half of epsilon over its variance, which is nothing once trained.
EPSILON = 1e-6


def vit(
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
    representation: int | None = None,
    crop: int | None = None,
    name: str = "vit",
) -> keras.Model:
    """Build a vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929, figure 1).

    The defaults are ViT-B/16; ``dim=384, heads=6, mlp_dim=1536`` is ViT-S/16 and ``dim=192,
    heads=3, mlp_dim=768`` is ViT-Ti/16 (Touvron et al. 2021, arXiv:2012.12877). Layer norm comes
    before attention and MLP, positions are learned, GELU is exact, and dropout is in the head only.

    The table of positions belongs to one image size, so the size must be given. A size that
    ``patch`` does not divide is padded with black sky (zeros), evenly on both sides, to the next
    that it does: 150 pixels become 160, which is 10 x 10 patches of 16.

    Args:
        input_shape: ``(height, width, bands)``; images in [0, 1].
        num_classes: length of the logit vector.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` starts from the class token, as published; ``"flatten"`` from the tokens
            of all patches side by side.
        patch: side of a patch in pixels.
        dim: length of a token.
        depth: number of blocks.
        heads: attention heads of a block; divides ``dim``.
        mlp_dim: hidden width of a block's MLP.
        representation: width of a tanh layer ``pre_logits`` between class token and head, as in
            the networks published for ImageNet-21k; None for none.
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
    if representation is not None:
        check_positive("representation", representation)
        if head == "flatten":
            raise LenszooError("representation needs head='pool', got head='flatten'.")
    images = keras.Input(input_shape, name="images")
    x, grid = patch_tokens(central(images, crop), patch, dim)
    x = PositionEmbedding(grid, name="positions")(x)
    for block in range(1, depth + 1):
        x = encoder_block(x, heads, mlp_dim, f"block{block}")
    x = layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)
    if head == "flatten":
        x = layers.Cropping1D((1, 0), name="patch_tokens")(x)
    else:
        x = layers.Cropping1D((0, grid[0] * grid[1]), name="first_token")(x)
        x = layers.Flatten(name="first_vector")(x)
    if representation is not None:
        x = dense(representation, "pre_logits", activation="tanh")(x)
    return classifier(
        images, x, num_classes, head=head, dropout=dropout, activation=activation, name=name
    )


def encoder_block(x: Any, heads: int, mlp_dim: int, name: str) -> Any:
    """Attention, then an MLP, each on normalised tokens and beside a shortcut."""
    dim = x.shape[-1]
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm1")(x)
    attention = layers.MultiHeadAttention(
        heads, dim // heads, kernel_initializer=initializer(), name=f"{name}_attention"
    )
    x = layers.Add(name=f"{name}_add1")([x, attention(y, y)])
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm2")(x)
    return layers.Add(name=f"{name}_add2")([x, mlp(y, mlp_dim, name)])


def mlp(x: Any, mlp_dim: int, name: str) -> Any:
    """Widen every token, apply GELU, and come back to its length."""
    y = dense(mlp_dim, f"{name}_mlp1", activation="gelu")(x)
    return dense(x.shape[-1], f"{name}_mlp2")(y)


def patch_tokens(images: Any, patch: int, dim: int) -> tuple[Any, tuple[int, int]]:
    """Turn images into tokens ``(batch, 1 + h * w, dim)``, the class token first.

    Images that ``patch`` does not divide are padded with zeros, evenly; where an odd number of
    pixels is missing, the one more is below or on the right.

    Returns:
        The tokens, and the grid ``(h, w)`` of patches.
    """
    missing = [-side % patch for side in images.shape[1:3]]
    x = images
    if any(missing):
        x = layers.ZeroPadding2D(
            [(pixels // 2, pixels - pixels // 2) for pixels in missing], name="pad"
        )(x)
    x = scale(x, mean=0.5, std=0.5)
    grid = (x.shape[1] // patch, x.shape[2] // patch)
    x = layers.Conv2D(dim, patch, patch, kernel_initializer=initializer(), name="patch_embedding")(
        x
    )
    x = layers.Reshape((grid[0] * grid[1], dim), name="tokens")(x)
    return ClassToken(name="class_token")(x), grid


def dense(width: int, name: str, activation: str | None = None) -> keras.layers.Layer:
    """A dense layer on tokens; Keras' ``"gelu"`` is the exact one."""
    return layers.Dense(width, activation, kernel_initializer=initializer(), name=name)


def initializer() -> keras.initializers.Initializer:
    """DeiT's and BEiT's start, for every kernel: normal, 0.02 wide, cut at two deviations."""
    return keras.initializers.TruncatedNormal(stddev=0.02)


def check_transformer(
    input_shape: InputShape, name: str, *, patch: int, dim: int, depth: int, heads: int, mlp: int
) -> None:
    """Raise LenszooError unless the sizes are positive integers that fit and the image is fixed."""
    sizes = {"patch": patch, "dim": dim, "depth": depth, "heads": heads, "mlp_dim": mlp}
    for option, value in sizes.items():
        check_positive(option, value)
    if dim % heads:
        raise LenszooError(f"heads must divide dim, got heads={heads} and dim={dim}.")
    if None in input_shape[:2]:
        raise LenszooError(
            f"{name} needs a fixed image size, got input_shape={tuple(input_shape)}: "
            "its positions belong to one size, so give height and width."
        )


def check_positive(option: str, value: int) -> None:
    """Raise LenszooError unless ``value`` is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise LenszooError(f"{option} must be a positive integer, got {value!r}.")
