"""Order of the repeated channels in a wide network, followed past concatenations."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from lenszoo.layers import PixelShuffle

UNKNOWN = np.empty(0, np.int64)  # the channels of this tensor cannot be followed

# layers that answer each channel from that channel, or a sum over tensors of as many
_BY_CHANNEL = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.Cropping2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.Dropout,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.Identity,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.MaxPooling2D,
    keras.layers.Multiply,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.ZeroPadding2D,
)


def channel_sources(
    model: keras.Model, narrow: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, np.ndarray | None]:
    """Find the channel of a narrow network that each channel of a wide one repeats.

    A layer of the wide network answers all channels of the narrow one, then all again. Where
    answers are concatenated (DenseNet), what follows reads several such runs side by side.

    Args:
        model: the wide network.
        narrow: weights of the narrow network's layers, by name.

    Returns:
        By layer, the sources of the channels that it reads: whole numbers, one a channel. None
        where they are repeated as a whole, :data:`UNKNOWN` where they cannot be told.
    """
    answered: dict[int, np.ndarray | None] = {}
    read: dict[str, np.ndarray | None] = {}
    for layer in keras.Model(model.input, model.output).layers:
        inputs = [answered.get(id(x)) for x in layer._inbound_nodes[0].input_tensors]
        read[layer.name] = inputs[0] if inputs else None
        answered[id(layer.output)] = _answer(layer, inputs, narrow.get(layer.name))
    return read


def _answer(
    layer: keras.layers.Layer,
    inputs: Sequence[np.ndarray | None],
    parts: Sequence[np.ndarray] | None,
) -> np.ndarray | None:
    runs = [x for x in inputs if x is not None]
    if isinstance(layer, keras.layers.InputLayer):
        return np.arange(layer.output.shape[-1])
    if isinstance(layer, keras.layers.Concatenate):
        last = layer.axis in (-1, len(layer.output.shape) - 1)
        return _side_by_side(runs) if last and len(runs) == len(inputs) else UNKNOWN
    if isinstance(layer, _BY_CHANNEL):
        channels = layer.output.shape[-1]
        alike = all(len(x) == channels and np.array_equal(x, runs[0]) for x in runs)
        return (runs[0] if runs else None) if alike else UNKNOWN
    if layer.weights:
        return _repeats(layer, parts)
    if isinstance(layer, PixelShuffle):  # of repeated channels it would exchange the pixels
        return UNKNOWN
    return None if all(is_plain(x) for x in runs) else UNKNOWN


def _side_by_side(runs: Sequence[np.ndarray]) -> np.ndarray:
    if any(len(run) == 0 for run in runs):
        return UNKNOWN
    begins = np.cumsum([0, *(run.max() + 1 for run in runs)])
    return np.concatenate([run + begin for run, begin in zip(runs, begins, strict=False)])


def _repeats(layer: keras.layers.Layer, parts: Sequence[np.ndarray] | None) -> np.ndarray | None:
    """All channels of the narrow layer, then all again; None for layers it lacks."""
    kernels = [
        part
        for part, weight in zip(parts or [], layer.weights, strict=False)
        if weight.path.endswith("kernel")
    ]
    if not kernels:
        return None
    few, many = kernels[-1].shape[-1], layer.output.shape[-1]
    return np.tile(np.arange(few), many // few) if many % few == 0 else None


def is_plain(sources: np.ndarray) -> bool:
    """Whether channels are repeated as a whole: all of them, then all again."""
    few = int(sources.max(initial=-1)) + 1
    return few > 0 and np.array_equal(sources, np.arange(len(sources)) % few)
