"""Grids of maps: where on the image the rows of a network's map look."""

import statistics
from typing import Any, NamedTuple

import keras
from keras import layers


class Grid(NamedTuple):
    """Where on the image the rows of a map look: row i at ``start + i * step`` [pixels]."""

    start: float
    step: float
    cells: int


def grids(model: keras.Model, side: int) -> list[Grid | None]:
    """Follow the outputs of a model back to its images, through strides and padding.

    Rows look at the centre of their view (Dumoulin and Visin 2016, arXiv:1603.07285); where
    branches meet, at the mean of their centres.

    Args:
        model: a functional model of one input.
        side: height and width of the images, where the model takes any.

    Returns:
        A grid for each output; None where its rows have no place on the image, as in tokens and
        after a layer of an unknown kind that changes the number of rows.
    """
    height, _, bands = model.input_shape[1:]
    if height is None:
        images = keras.Input((side, side, bands))
        model = keras.models.clone_model(model, input_tensors=images)
    return _Walk({}).through(model)


class _Walk:
    def __init__(self, inputs: dict[int, Grid | None]) -> None:
        self.known = inputs  # by tensor: networks branch and meet

    def through(self, model: keras.Model) -> list[Grid | None]:
        """Grids of the outputs, those of the inputs known; from there on, not to dig deep."""
        for operation in model.operations:
            for node in operation._inbound_nodes:
                for tensor in node.output_tensors:
                    self.grid(tensor)
        return [self.grid(tensor) for tensor in model.outputs]

    def grid(self, tensor: Any) -> Grid | None:
        if id(tensor) not in self.known:
            self.known[id(tensor)] = self._found(tensor)
        return self.known[id(tensor)]

    def _found(self, tensor: Any) -> Grid | None:
        layer, node, index = tensor._keras_history
        if isinstance(layer, layers.InputLayer):
            return Grid(0.0, 1.0, tensor.shape[1])
        inputs = layer._inbound_nodes[node].input_tensors
        if isinstance(layer, keras.Model):
            # a walk of its own: a model may be called twice, on other maps
            outer = map(self.grid, inputs)
            inner = _Walk(dict(zip(map(id, layer.inputs), outer, strict=True)))
            return inner.through(layer)[index]
        shape = tensor.shape
        if len(shape) != 4 or shape[1] is None or shape[1] != shape[2]:
            return None
        placed = [grid for each in inputs if (grid := self.grid(each)) is not None]
        return _after(layer, placed, shape[1]) if placed else None


def _after(layer: Any, grids: list[Grid], cells: int) -> Grid | None:
    """Grid of the ``cells`` rows that a layer answers to maps with grids."""
    start, step, rows = grids[0]
    if isinstance(layer, layers.ZeroPadding2D):
        return Grid(start - step * layer.padding[0][0], step, cells)
    if isinstance(layer, layers.Cropping2D):
        return Grid(start + step * layer.cropping[0][0], step, cells)
    if isinstance(layer, _WINDOWS):
        window = getattr(layer, "kernel_size", None) or layer.pool_size
        reach = (window[0] - 1) * getattr(layer, "dilation_rate", (1,))[0]
        stride = layer.strides[0]
        padded = max((cells - 1) * stride + reach + 1 - rows, 0) if layer.padding == "same" else 0
        return Grid(start + step * (reach / 2 - padded // 2), step * stride, cells)
    meeting = [grid for grid in grids if grid.cells == cells]
    if len({grid.step for grid in meeting}) != 1:
        return None
    return meeting[0]._replace(start=statistics.fmean(grid.start for grid in meeting))


_WINDOWS = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
)
