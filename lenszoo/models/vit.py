"""Vision transformer (ViT): self-attention between the patches of an image."""

from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError
from lenszoo.layers import ClassToken, LayerScale, PositionEmbedding, Registers
from lenszoo.models.checks import check_heads, check_positive, check_scaling
from lenszoo.models.heads import classifier_factory, scale

# as Google's and DeiT's weights were trained. Hugging Face lists 1e-12 for these weights; a token
# differs by half of epsilon over its variance, which is negligible once trained.
EPSILON = 1e-6


@classifier_factory
def vit(
    images: Any,
    *,
    head: str = "pool",
    patch: int = 16,
    dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    mlp_dim: int = 3072,
    representation: int | None = None,
    registers: int | None = None,
    layer_scale: float | None = None,
    mean: float = 0.5,
    std: float = 0.5,
    name: str = "vit",
) -> Any:
    """Build a vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929, figure 1).

    The defaults are ViT-B/16; ``dim=384, heads=6, mlp_dim=1536`` is ViT-S/16 and ``dim=192,
    heads=3, mlp_dim=768`` is ViT-Ti/16 (Touvron et al. 2021, arXiv:2012.12877). Layer norm comes
    before attention and MLP, positions are learned, GELU is exact, and dropout is in the head only.
    With ``patch=14``, ``layer_scale`` and ImageNet's mean and deviation it is the network of DINOv2
    (Oquab et al. 2023, arXiv:2304.07193).

    ``head="pool"`` takes the class token, as published; ``"flatten"`` the tokens of all patches.
    The position table is bound to one image size, which must be given. A size that is no multiple
    of ``patch`` is padded with zeros, evenly on both sides: 150 pixels become 160, which is 10 x 10
    patches of 16.

    >>> vit((64, 64, 1), 3, dim=16, depth=1, heads=2, mlp_dim=32).output_shape
    (None, 3)

    Args:
        patch: side of a patch in pixels.
        dim: length of a token.
        depth: number of blocks.
        heads: attention heads of a block; divides ``dim``.
        mlp_dim: hidden width of a block's MLP.
        representation: width of a tanh layer ``pre_logits`` between class token and head, as in
            the networks published for ImageNet-21k; None for none.
        registers: learned tokens beside the class token (Darcet et al. 2023, arXiv:2309.16588);
            None for none.
        layer_scale: initial factor of the branches, for each channel; None for no factors.
        mean: subtracted from the pixels; ImageNet's is 0.449.
        std: divides them after that; ImageNet's is 0.226.
    """
    check_transformer(images, name, dim, heads)
    if representation is not None:
        check_positive(representation=representation)
        if head == "flatten":
            raise LenszooError("representation needs head='pool', got head='flatten'.")
    check_scaling(mean, std)
    x, grid = patch_tokens(images, patch, dim, mean, std)
    x = PositionEmbedding(grid, name="positions")(x)
    others = 0
    if registers is not None:
        check_positive(registers=registers)
        x, others = Registers(registers, name="registers")(x), registers
    for block in range(1, depth + 1):
        x = encoder_block(x, heads, mlp_dim, f"block{block}", layer_scale)
    x = layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)
    if head == "flatten":
        x = layers.Cropping1D((1 + others, 0), name="patch_tokens")(x)
    else:
        x = layers.Cropping1D((0, others + grid[0] * grid[1]), name="first_token")(x)
        x = layers.Flatten(name="first_vector")(x)
    if representation is not None:
        x = dense(representation, "pre_logits", activation="tanh")(x)
    return x


def encoder_block(
    x: Any, heads: int, mlp_dim: int, name: str, layer_scale: float | None = None
) -> Any:
    """Pre-norm transformer block: self-attention, then an MLP, each with a shortcut.

    With ``layer_scale``, its initial value, each is multiplied by a learned factor a channel.
    """
    dim = x.shape[-1]
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm1")(x)
    attention = layers.MultiHeadAttention(
        heads, dim // heads, kernel_initializer=initializer(), name=f"{name}_attention"
    )
    y = attention(y, y)
    if layer_scale is not None:
        y = LayerScale(layer_scale, name=f"{name}_scale1")(y)
    x = layers.Add(name=f"{name}_add1")([x, y])
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm2")(x)
    y = mlp(y, mlp_dim, name)
    if layer_scale is not None:
        y = LayerScale(layer_scale, name=f"{name}_scale2")(y)
    return layers.Add(name=f"{name}_add2")([x, y])


def mlp(x: Any, mlp_dim: int, name: str) -> Any:
    """Two dense layers on every token, with a GELU between."""
    y = dense(mlp_dim, f"{name}_mlp1", activation="gelu")(x)
    return dense(x.shape[-1], f"{name}_mlp2")(y)


def patch_tokens(
    images: Any, patch: int, dim: int, mean: float = 0.5, std: float = 0.5
) -> tuple[Any, tuple[int, int]]:
    """Turn images into tokens ``(batch, 1 + h * w, dim)``, the class token first.

    Sides that are no multiple of ``patch`` are padded with zeros, evenly; an odd pixel is added
    below or on the right. Pixels are scaled to ``(pixel - mean) / std``.

    Returns:
        The tokens, and the grid ``(h, w)`` of patches.
    """
    missing = [-side % patch for side in images.shape[1:3]]
    x = images
    if any(missing):
        x = layers.ZeroPadding2D(
            [(pixels // 2, pixels - pixels // 2) for pixels in missing], name="pad"
        )(x)
    x = scale(x, mean, std)
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
    """Initializer of every kernel, as in DeiT and BEiT: truncated normal of deviation 0.02."""
    return keras.initializers.TruncatedNormal(stddev=0.02)


def check_transformer(images: Any, name: str, dim: int, heads: int) -> None:
    """Raise LenszooError unless heads divide ``dim`` and the image size is fixed."""
    check_heads(heads, dim)
    if None in images.shape[1:3]:
        raise LenszooError(
            f"{name} needs a fixed image size, got input_shape={images.shape[1:]}: "
            "its positions belong to one size, so give height and width."
        )
