"""Receptive field of a network: the margin that a tile needs."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from lenszoo.layers import NonFiniteGuard

# Side of the images that a layer is tried on: odd, so that they have a middle.
_PROBE = 65

# Layers that act on each pixel alone; trying them out would only cost time.
_POINTWISE = (
    layers.Activation,
    layers.Add,
    layers.BatchNormalization,
    layers.Dropout,
    layers.Identity,
    layers.LeakyReLU,
    layers.Multiply,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
    layers.Subtract,
)


@dataclass(frozen=True)
class Reach:
    """Receptive field beyond the pixel itself.

    Attributes:
        pixels: input pixels beyond which nothing changes an output pixel; an upper bound. None
            where there is no such bound.
        why: the layer that has no such bound.
    """

    pixels: int | None
    why: str = ""


def find_reach(model: keras.Model) -> Reach:
    """Find the receptive field of a network from its graph.

    Half a kernel is added for each convolution on the way, in pixels of the input: one on a map
    that is twice as fine counts half. Layers of other kinds are tried on noise in which one pixel
    is changed.

    Args:
        model: a network from (batch, H, W, bands) to (batch, scale * H, scale * W, bands).
    """
    try:
        return Reach(math.ceil(_follow(model).reach))
    except _UnboundedError as error:
        return Reach(None, str(error))


class _UnboundedError(Exception):
    """A layer looks at the image as a whole, or at one that it has shrunk; the message says so."""


class _Field(NamedTuple):
    """Receptive field of a layer, or of a map from the input on.

    Attributes:
        density: pixels of the output per pixel of the input, along an axis.
        reach: pixels of the input beyond the pixel itself.
    """

    density: int
    reach: Fraction

    def then(self, step: "_Field") -> "_Field":
        """The field of a map followed by a layer."""
        return _Field(self.density * step.density, self.reach + step.reach / self.density)


_NONE = _Field(1, Fraction(0))


def _follow(model: keras.Model) -> _Field:
    """Follow the image through a network."""
    graph = _graph_of(model)
    if graph is None:
        raise _UnboundedError(f"model {model.name!r} is no graph of layers")
    places = {id(tensor): _NONE for tensor in graph.inputs}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                place = _advance(node, [places[id(tensor)] for tensor in node.input_tensors])
                places.update((id(tensor), place) for tensor in node.outputs)
    return places[id(graph.outputs[0])]


def _graph_of(model: Any) -> Any:
    """Return what knows the nodes of a model's graph; None for layers and other models."""
    model = getattr(model, "_functional", None) or model  # a Sequential holds its graph
    return model if isinstance(model, keras.Model) and hasattr(model, "_nodes_by_depth") else None


def _advance(node: Any, sources: list[_Field]) -> _Field:
    """Take one step of the graph."""
    operation = node.operation
    if isinstance(operation, NonFiniteGuard):  # it asks for broken pixels, which are mended before
        return sources[0]
    if len({source.density for source in sources}) > 1:
        raise _UnboundedError(f"layer {operation.name!r} mixes maps of several sizes")
    so_far = _Field(sources[0].density, max(source.reach for source in sources))
    return so_far.then(_follow(operation) if _graph_of(operation) is not None else _step(node))


def _step(node: Any) -> _Field:
    layer = node.operation
    side_by_side = isinstance(layer, layers.Concatenate) and layer.axis in (-1, 3)
    if side_by_side or isinstance(layer, _POINTWISE):
        return _NONE
    if isinstance(layer, layers.Conv2DTranspose):
        if layer.padding == "same" and layer.strides[0] == layer.strides[1]:
            reach = max(-(-k // s) for k, s in zip(layer.kernel_size, layer.strides, strict=True))
            return _Field(layer.strides[0], Fraction(reach))
    elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D):
        if layer.padding == "same" and max(layer.strides) == 1:
            spans = zip(layer.kernel_size, layer.dilation_rate, strict=True)
            return _Field(1, Fraction(max(-(-d * (k - 1) // 2) for k, d in spans)))
        raise _UnboundedError(f"layer {layer.name!r} shrinks the image")
    shapes = [tensor.shape for tensor in node.input_tensors]

    def call(*images: Any) -> Any:
        filled = dict(zip(map(id, node.input_tensors), images, strict=True))
        args, kwargs = node.arguments.fill_in(filled)
        return layer(*args, **kwargs)

    return _probe(layer, call, shapes)


def _probe(layer: Any, call: Any, shapes: list[Any]) -> _Field:
    """Try a layer on noise, change the pixel in the middle, and see how far that goes."""
    if not all(shape is not None and len(shape) == 4 for shape in shapes):
        raise _UnboundedError(f"layer {layer.name!r} works on no map of pixels")
    middle = _PROBE // 2
    rng = np.random.Generator(np.random.Philox(0))
    before = [rng.normal(size=(1, _PROBE, _PROBE, shape[3])).astype("float32") for shape in shapes]
    after = [image.copy() for image in before]
    for image in after:
        image[0, middle, middle] += 10 * rng.normal(size=image.shape[3])
    try:
        old, new = (
            keras.ops.convert_to_numpy(call(*map(keras.ops.convert_to_tensor, images)))
            for images in (before, after)
        )
    except Exception as error:  # layers of any origin, which may want a size of their own
        raise _UnboundedError(f"layer {layer.name!r} takes no image of another size") from error
    if old.ndim != 4 or old.shape[1] != old.shape[2] or old.shape[1] % _PROBE:
        raise _UnboundedError(f"layer {layer.name!r} makes an image of another size")
    factor = old.shape[1] // _PROBE
    changed = np.argwhere((old != new).any(axis=(0, 3))) // factor
    reach = int(np.abs(changed - middle).max(initial=0))
    if reach == middle:
        raise _UnboundedError(f"layer {layer.name!r} looks at the image as a whole")
    return _Field(factor, Fraction(reach))
