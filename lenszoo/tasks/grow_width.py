"""Net2WiderNet: channels and heads repeated, and shared out where they are read."""

from collections.abc import Sequence

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.layers import ClassToken, LayerScale, PositionEmbedding, RelativeAttention

_ATTENTIONS = (keras.layers.MultiHeadAttention, RelativeAttention)
_KINDS = (
    keras.layers.BatchNormalization,
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
    keras.layers.LayerNormalization,
    keras.layers.PReLU,
    ClassToken,
    LayerScale,
    PositionEmbedding,
    *_ATTENTIONS,
)


def spread(
    layer: keras.layers.Layer, parts: Sequence[np.ndarray], rng: np.random.Generator
) -> list[np.ndarray]:
    """Weights of a wide layer that answers as a narrow one does, each channel repeated.

    Args:
        layer: the wide layer.
        parts: the narrow one's weights, in the same order.
        rng: draws how the copies of a channel differ in what reads them.
    """
    return [
        _spread(part, tuple(weight.shape), _read_axes(layer, weight), rng)
        for part, weight in zip(parts, layer.weights, strict=True)
    ]


def check_width(
    model: keras.Model, layer: keras.layers.Layer, narrow: Sequence[tuple[int, ...]]
) -> None:
    """Raise LenszooError unless a layer's weights are repeats of those of the given shapes."""
    flat = any(isinstance(other, keras.layers.Flatten) and _mixes(other) for other in model.layers)
    if flat or not isinstance(layer, _KINDS):
        kind = "Flatten" if flat else type(layer).__name__
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


def _read_axes(layer: keras.layers.Layer, weight: keras.Variable) -> tuple[int, ...]:
    """The axes of a weight along which a layer reads its input; it answers along the others."""
    if not weight.path.endswith("kernel") or isinstance(layer, keras.layers.DepthwiseConv2D):
        return ()
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return (0, 1) if "attention_output" in weight.path else (0,)
    return (len(weight.shape) - 2,)


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
    part: np.ndarray, shape: tuple[int, ...], reads: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Repeat along what a weight answers, and share out along what it reads."""
    for axis in range(part.ndim):
        if axis not in reads:
            part = np.concatenate([part] * (shape[axis] // part.shape[axis]), axis=axis)
    for axis in reads:
        copies = shape[axis] // part.shape[axis]
        if copies > 1:
            shares = np.stack([part / copies] * copies, axis=axis)
            noise = rng.normal(scale=np.sqrt(np.mean(shares**2)), size=shares.shape)
            sides = (*part.shape[:axis], shape[axis], *part.shape[axis + 1 :])
            part = (shares + noise - noise.mean(axis=axis, keepdims=True)).reshape(sides)
    return part
