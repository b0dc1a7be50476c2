"""Net2WiderNet: channels and heads repeated, and shared out where they are read."""

from collections.abc import Sequence

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.layers import ClassToken, LayerScale, PositionEmbedding, RelativeAttention
from lenszoo.tasks.grow_channels import is_plain

_ATTENTIONS = (keras.layers.MultiHeadAttention, RelativeAttention)
# a weight for each channel that is read, which is the channel answered
_BY_CHANNEL = (
    keras.layers.BatchNormalization,
    keras.layers.DepthwiseConv2D,
    keras.layers.LayerNormalization,
    keras.layers.PReLU,
    LayerScale,
)
_KINDS = (
    keras.layers.BatchNormalization,
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
    keras.layers.LayerNormalization,
    keras.layers.PReLU,
    keras.layers.SeparableConv2D,
    ClassToken,
    LayerScale,
    PositionEmbedding,
    *_ATTENTIONS,
)


def spread(
    layer: keras.layers.Layer,
    parts: Sequence[np.ndarray],
    sources: np.ndarray | None,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Weights of a wide layer that answers as a narrow one does, each channel repeated.

    Args:
        layer: the wide layer.
        parts: the narrow one's weights, in the same order.
        sources: the narrow channel that each channel of its input repeats, see
            :func:`lenszoo.tasks.grow_channels.channel_sources`.
        rng: draws how the copies of a channel differ in what reads them.
    """
    if isinstance(layer, _ATTENTIONS):  # heads read of each other, which is no input
        sources = None
    return [
        _spread(part, tuple(weight.shape), _axes(layer, weight), sources, rng)
        for part, weight in zip(parts, layer.weights, strict=True)
    ]


def check_width(
    model: keras.Model,
    layer: keras.layers.Layer,
    narrow: Sequence[tuple[int, ...]],
    sources: np.ndarray | None,
) -> None:
    """Raise LenszooError unless a layer's weights are repeats of those of the given shapes."""
    flat = any(isinstance(other, keras.layers.Flatten) and _mixes(other) for other in model.layers)
    mixed = sources is not None and (
        len(sources) == 0 or (isinstance(layer, _ATTENTIONS) and not is_plain(sources))
    )
    if flat or mixed or not isinstance(layer, _KINDS):
        kind = "Flatten" if flat else f"{type(layer).__name__}{' of mixed channels' * mixed}"
        raise LenszooError(f"A network with a layer {kind} cannot begin as a narrower one.")
    wide = [tuple(weight.shape) for weight in layer.weights]
    fits = len(narrow) == len(wide) and all(
        len(one) == len(other)
        and all(n == m or (axis in axes and n % m == 0) for axis, (m, n) in enumerate(pairs))
        for one, other, axes in zip(narrow, wide, _free_axes(layer), strict=True)
        for pairs in [list(zip(one, other, strict=True))]
    )
    if isinstance(layer, RelativeAttention):  # its heads stand in the table of biases alone
        widths = {n / m for one, other in zip(narrow, wide, strict=True)
                  for m, n in [(one[-1], other[-1])]}  # fmt: skip
        fits = fits and len(widths) == 1
    if not fits:
        raise LenszooError(
            f"{layer.name} cannot begin as a narrower layer: its weights are of "
            f"{', '.join(map(str, wide))}, no multiples of {', '.join(map(str, narrow))}."
        )


def _mixes(flatten: keras.layers.Layer) -> bool:
    """Whether a Flatten puts several positions side by side, and not one vector alone."""
    shape = flatten.input.shape
    return any(side != 1 for side in shape[1:-1])


def _axes(
    layer: keras.layers.Layer, weight: keras.Variable
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of a weight along which it reads channels, and along which it has one for each."""
    last = len(weight.shape) - 1
    if isinstance(layer, keras.layers.DepthwiseConv2D) or "depthwise_kernel" in weight.path:
        return (), (last - 1 if weight.path.endswith("kernel") else last,)
    if isinstance(layer, _BY_CHANNEL):
        return (), (last,)
    if not weight.path.endswith("kernel"):
        return (), ()
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return ((0, 1) if "attention_output" in weight.path else (0,)), ()
    return (last - 1,), ()


def _free_axes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    """The axes that may grow; the length of a head must not, which attention divides by."""
    if not isinstance(layer, keras.layers.MultiHeadAttention):
        return [(len(w.shape) - 2, len(w.shape) - 1) for w in layer.weights]
    axes: list[tuple[int, ...]] = []
    for weight in layer.weights:
        ends = "attention_output" in weight.path
        kernel = weight.path.endswith("kernel")
        axes.append(((0, 2) if ends else (0, 1)) if kernel else (0,))
    return axes


def _spread(
    part: np.ndarray,
    shape: tuple[int, ...],
    axes: tuple[tuple[int, ...], tuple[int, ...]],
    sources: np.ndarray | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Repeat along what a weight answers, and share out along what it reads."""
    reads, follows = axes
    copies = [np.arange(many) % few for few, many in zip(part.shape, shape, strict=True)]
    for axis in (*reads, *follows):
        if sources is not None and shape[axis] == len(sources):
            copies[axis] = sources
    for axis in range(part.ndim):
        if axis not in reads:
            part = part.take(copies[axis], axis=axis)
    for axis in reads:
        if part.shape[axis] < shape[axis]:
            part = _share(part, copies[axis], axis, rng)
    return part


def _share(
    part: np.ndarray, sources: np.ndarray, axis: int, rng: np.random.Generator
) -> np.ndarray:
    """Share each slice out among its copies, unequally, so that they add up to it."""
    whole = np.moveaxis(part, axis, 0)
    copies = np.bincount(sources, minlength=len(whole)).reshape(-1, *[1] * (part.ndim - 1))
    shares = (whole / copies)[sources]
    noise = rng.normal(scale=np.sqrt(np.mean(shares**2)), size=shares.shape)
    sums = np.zeros(whole.shape)
    np.add.at(sums, sources, noise)
    noise -= (sums / copies)[sources]
    return np.moveaxis(shares + noise, 0, axis)
