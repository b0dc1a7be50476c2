"""Transformer that is invariant to quarter turns of the image."""

from collections.abc import Iterable
from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers.rotational import (
    OverQuarterTurns,
    RadialPositions,
    RotationalConv2D,
    SymmetricPooling2D,
)
from lenszoo.models import applications
from lenszoo.models.checks import check_heads
from lenszoo.models.heads import classifier_factory
from lenszoo.models.resnet import batch_norm
from lenszoo.models.vit import EPSILON, encoder_block

# by row of lenszoo.models.applications: where its first stage ends, after two halvings
STARTS = {"resnet50": "conv2_block3_out"}
_STARTED = 2


@classifier_factory
def equivariant_transformer(
    images: Any,
    *,
    width: int = 16,
    rounds: int = 4,
    combine: str = "add",
    start: str | None = None,
    depth: int = 4,
    heads: int = 4,
    mlp_dim: int = 256,
    rings: int = 8,
    name: str = "equivariant_transformer",
) -> Any:
    """Build rotational convolutions and a transformer on distances from the centre.

    Rounds of :class:`~lenszoo.layers.RotationalConv2D`, pooling, BatchNorm and ReLU turn the image
    into maps, and every pixel of the last maps is a token: 9 x 9 of them at 150 pixels. The
    transformer has the blocks of Dosovitskiy et al. (2021, arXiv:2010.11929) on a set of tokens,
    each with a learned vector for its distance from the centre
    (:class:`~lenszoo.layers.RadialPositions`), so that a quarter turn of the image turns the last
    maps. With ``head="pool"`` it changes neither features nor logits, for any weights, up to
    rounding: about 1e-6 in float32, more in half precision and in the TensorFloat-32 of a GPU.
    ``head="flatten"`` depends on the positions and is not invariant.

    All sizes are legal, even or odd, and the weights are the same for all; but pooling windows
    depend on the parity of a side, so a model is built for one size.

    >>> equivariant_transformer((33, 33, 1), 3, width=4, depth=1).output_shape
    (None, 3)

    Args:
        width: channels of the first round; every later round doubles them. A token is as long as
            the last round is wide.
        rounds: of convolution and pooling; each halves the maps.
        combine: how the four turns of a convolution become one, ``"add"`` or ``"max"``; see
            :class:`~lenszoo.layers.RotationalConv2D`.
        start: ``"resnet50"`` replaces the first two rounds by that network's stem and first stage,
            averaged over quarter turns (:class:`~lenszoo.layers.OverQuarterTurns`), for square
            images; None for rounds alone.
        depth: number of the transformer's blocks.
        heads: attention heads of a block; they share a token's length.
        mlp_dim: hidden width of a block's MLP.
        rings: number of distances from the centre with a learned vector.
    """
    check_heads(heads, width * 2 ** (rounds - 1))
    shape, smallest = images.shape[1:], 2**rounds
    if any(side is None or side < smallest for side in shape[:2]):
        raise LenszooError(
            f"{name} needs a fixed image size of {smallest} pixels or more for rounds={rounds}, "
            f"got input_shape={shape}: give height and width, or fewer rounds."
        )
    x, done = images, 0
    if start is not None:
        x, done = _started(x, start, rounds), _STARTED
    x = rotational_rounds(x, width, range(done, rounds), combine)
    x = RadialPositions(rings, name="positions")(x)
    grid = x.shape[1:]
    x = layers.Reshape((grid[0] * grid[1], grid[2]), name="tokens")(x)
    for block in range(1, depth + 1):
        x = encoder_block(x, heads, mlp_dim, f"block{block}")
    x = layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)
    return layers.Reshape(grid, name="maps")(x)


def _started(images: Any, start: str, rounds: int) -> Any:
    """Maps of the first stage of another network, a quarter as fine as the images."""
    if start not in STARTS:
        raise unknown("start", start, STARTS)
    if rounds <= _STARTED:
        raise LenszooError(
            f"start={start!r} takes the place of {_STARTED} rounds: give rounds={_STARTED + 1} or "
            f"more, not {rounds}."
        )
    until = STARTS[start]
    net = getattr(applications, start)(images.shape[1:], 1, until=until)
    maps = keras.Model(net.input, net.get_layer(until).output, name=start)
    return OverQuarterTurns(maps, name="start")(images)


def rotational_rounds(x: Any, width: int, rounds: Iterable[int], combine: str) -> Any:
    """Rounds of rotational convolution, pooling, BatchNorm and ReLU.

    The first kernel has 5 x 5 pixels, about the PSF, the others 3 x 3; channels double.
    """
    for i in rounds:
        x = RotationalConv2D(
            width * 2**i,
            3 if i else 5,
            combine=combine,
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"conv{i + 1}",
        )(x)
        # pooled first: a quarter of the pixels to normalise
        x = SymmetricPooling2D(name=f"pool{i + 1}")(x)
        x = layers.ReLU(name=f"relu{i + 1}")(batch_norm(x, f"bn{i + 1}"))
    return x
