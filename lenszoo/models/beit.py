"""BEiT: a vision transformer with relative position bias."""

from typing import Any

from keras import layers

from lenszoo.layers import LayerScale, RelativeAttention
from lenszoo.models.heads import classifier_factory
from lenszoo.models.vit import check_transformer, mlp, patch_tokens

# as in Hugging Face's configuration of microsoft/beit-base-patch16-224
EPSILON = 1e-12


@classifier_factory
def beit(
    images: Any,
    *,
    head: str = "pool",
    patch: int = 16,
    dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    mlp_dim: int = 3072,
    layer_scale: float = 0.1,
    name: str = "beit",
) -> Any:
    """Build a BEiT (Bao et al. 2021, arXiv:2106.08254) in Hugging Face's layout.

    The defaults are BEiT-B/16 (``microsoft/beit-base-patch16-224``). It differs from ViT in three
    points: every attention has a bias table by the offset of two patches, there is no position
    embedding, and every branch is multiplied by a learned factor for each channel. Dropout is in
    the head only; stochastic depth is left out.

    ``head="pool"`` takes the layer norm of the mean over the tokens of all patches, as published;
    ``"flatten"`` the normalised tokens of all patches. The tables are bound to one image size,
    which must be given. A size that is no multiple of ``patch`` is padded with zeros, evenly on
    both sides: 150 pixels become 160, which is 10 x 10 patches of 16.

    >>> beit((64, 64, 1), 3, dim=16, depth=1, heads=2, mlp_dim=32).output_shape
    (None, 3)

    Args:
        patch: side of a patch in pixels.
        dim: length of a token.
        depth: number of blocks.
        heads: attention heads of a block; divides ``dim``.
        mlp_dim: hidden width of a block's MLP.
        layer_scale: initial factor of the branches.
    """
    check_transformer(images, name, dim, heads)
    x, grid = patch_tokens(images, patch, dim)
    for block in range(1, depth + 1):
        x = encoder_block(x, heads, mlp_dim, grid, layer_scale, f"block{block}")
    x = layers.Cropping1D((1, 0), name="patch_tokens")(x)
    if head == "pool":
        x = layers.GlobalAveragePooling1D(name="mean_token")(x)
    return layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)


def encoder_block(
    x: Any, heads: int, mlp_dim: int, grid: tuple[int, int], layer_scale: float, name: str
) -> Any:
    """Pre-norm transformer block with layer scale: attention, then an MLP, each with a shortcut."""
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm1")(x)
    y = RelativeAttention(heads, grid, name=f"{name}_attention")(y)
    y = LayerScale(layer_scale, name=f"{name}_scale1")(y)
    x = layers.Add(name=f"{name}_add1")([x, y])
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm2")(x)
    y = LayerScale(layer_scale, name=f"{name}_scale2")(mlp(y, mlp_dim, name))
    return layers.Add(name=f"{name}_add2")([x, y])
