"""A transformer that answers the same to an image and to its quarter turns."""

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
from lenszoo.models.heads import InputShape, central, check_width, classifier
from lenszoo.models.resnet import batch_norm
from lenszoo.models.vit import EPSILON, check_positive, encoder_block

# by row of lenszoo.models.applications: where its first stage ends, after two halvings
STARTS = {"resnet50": "conv2_block3_out"}
_STARTED = 2


def equivariant_transformer(
    input_shape: InputShape,
    num_classes: int,
    *,
    activation: str | None = None,
    dropout: float = 0.0,
    head: str = "pool",
    width: int = 16,
    rounds: int = 4,
    combine: str = "add",
    start: str | None = None,
    depth: int = 4,
    heads: int = 4,
    mlp_dim: int = 256,
    rings: int = 8,
    crop: int | None = None,
    name: str = "equivariant_transformer",
) -> keras.Model:
    """Build rotational convolutions and a transformer that knows only distances from the centre.

    Rounds of :class:`~lenszoo.layers.RotationalConv2D`, pooling, BatchNorm and ReLU turn the image
    into maps, and every pixel of the last maps is a token: 9 x 9 of them at 150 pixels. The
    transformer's blocks are those of Dosovitskiy et al. (2021, arXiv:2010.11929) and see the tokens
    as a set, each with a learned vector for its distance from the centre
    (:class:`~lenszoo.layers.RadialPositions`), so that a quarter turn of the image turns the last
    maps. With ``head="pool"`` it changes neither the features nor the logits, whatever was learned,
    but for rounding: about 1e-6 in float32; half precision and the TensorFloat-32 of a GPU may
    round more. ``head="flatten"`` keeps where a token stood and gives this up.

    All sizes are legal, even or odd, and the weights are the same for all; but each pooling looks
    whether a side is even, so a model is built for one size.

    Args:
        input_shape: ``(height, width, bands)``; images in [0, 1].
        num_classes: length of the logit vector.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` or ``"flatten"``.
        width: channels of the first round; every later round doubles them. A token is as long as
            the last round is wide.
        rounds: of convolution and pooling; each halves the maps.
        combine: how the four turns of a convolution become one, ``"add"`` or ``"max"``; see
            :class:`~lenszoo.layers.RotationalConv2D`.
        start: ``"resnet50"`` puts that network's stem and first stage in place of the first two
            rounds, looking at all four turns (:class:`~lenszoo.layers.OverQuarterTurns`); images
            must be square then. None for rounds alone.
        depth: number of the transformer's blocks.
        heads: attention heads of a block; they share a token's length.
        mlp_dim: hidden width of a block's MLP.
        rings: distances from the centre that have a vector of their own.
        crop: side in pixels of the central square that alone is looked at, at a cost that falls
            with its area; by default all of the image. For lenses that are centred and fit in.
        name: the model's name.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``.

    Raises:
        LenszooError: when an option is not legal, or the image size is left open or too small.
    """
    images, done = keras.Input(input_shape, name="images"), 0
    x: Any = central(images, crop)
    _check_options(x.shape[1:], name, width, rounds, depth, heads, mlp_dim, rings)
    if start is not None:
        x, done = _started(x, start, rounds), _STARTED
    x = rotational_rounds(x, width, range(done, rounds), combine)
    x = RadialPositions(rings, name="positions")(x)
    grid = x.shape[1:]
    x = layers.Reshape((grid[0] * grid[1], grid[2]), name="tokens")(x)
    for block in range(1, depth + 1):
        x = encoder_block(x, heads, mlp_dim, f"block{block}")
    x = layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)
    x = layers.Reshape(grid, name="maps")(x)
    return classifier(
        images, x, num_classes, head=head, dropout=dropout, activation=activation, name=name
    )


def _started(images: Any, start: str, rounds: int) -> Any:
    """The maps of a start, a quarter as fine as the images."""
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
    """Rounds of rotational convolution, pooling, BatchNorm and ReLU, which commute with turns.

    The first kernel has 5 x 5 pixels and can hold the PSF, the others 3 x 3; channels double.
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


def _check_options(
    input_shape: InputShape,
    name: str,
    width: int,
    rounds: int,
    depth: int,
    heads: int,
    mlp_dim: int,
    rings: int,
) -> None:
    check_width(width)
    sizes = {"rounds": rounds, "depth": depth, "heads": heads, "mlp_dim": mlp_dim}
    for option, value in sizes.items():
        check_positive(option, value)
    if isinstance(rings, bool) or not isinstance(rings, int) or rings < 2:
        raise LenszooError(f"rings must be an integer of 2 or more, got {rings!r}.")
    dim = width * 2 ** (rounds - 1)
    if dim % heads:
        raise LenszooError(f"heads must divide the {dim} channels of the last round, got {heads}.")
    smallest = 2**rounds
    if any(side is None or side < smallest for side in input_shape[:2]):
        raise LenszooError(
            f"{name} needs a fixed image size of {smallest} pixels or more for rounds={rounds}, "
            f"got input_shape={tuple(input_shape)}: give height and width, or fewer rounds."
        )
