"""Hints: a student learns to predict maps that lie inside its teacher."""

import difflib
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from lenszoo.errors import LenszooError
from lenszoo.tasks.classify.hint_grids import Grid, grids
from lenszoo.tasks.classify.recipe import Hint

_LEAST = 1e-3  # of the largest deviation of a channel: channels that hardly vary stay small


class HintLoss(keras.layers.Layer):
    """Error of a teacher's map as a student predicts it (Romero et al. 2015, arXiv:1412.6550).

    A dense layer on every token or pixel of the student predicts the teacher's map at a few points
    of the patch that it stands for. Each channel counts in units of its deviation in the batch, so
    that a constant prediction has an error of 1.

    Args:
        own: grid of the student's map.
        told: grid of the teacher's map.
        points: points a side of a cell of the student's map.
    """

    def __init__(self, own: Grid, told: Grid, points: int, **layer: Any) -> None:
        super().__init__(dtype="float32", **layer)
        self.cells, self.points = own.cells, points
        self._read = _reading(own, told, points).tolist()

    def build(self, own: tuple[int | None, ...], told: tuple[int | None, ...]) -> None:
        """Make the layers that predict, for maps of these shapes."""
        tokens = (None, self.cells**2, own[-1])
        outputs = self.points**2 * (told[-1] or 0)
        # whatever the precision of the network
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype="float32", name="norm")
        self.norm.build(tokens)
        self.predict = keras.layers.Dense(outputs, dtype="float32", name="predict")
        self.predict.build(tokens)

    def call(self, own: Any, told: Any) -> Any:
        """Mean squared error of a batch."""
        # a class token and registers come before the tokens of patches
        own = ops.reshape(own, (-1, math.prod(own.shape[1:-1]), own.shape[-1]))
        answer = self.predict(self.norm(own[:, -(self.cells**2) :]))
        return ops.mean(
            ops.square(answer - ops.stop_gradient(_in_deviations(self._at_points(told))))
        )

    def _at_points(self, told: Any) -> Any:
        """Read (batch, H, W, C) at the points: (batch, cells**2, points**2 * C)."""
        read, cells, points = ops.convert_to_tensor(self._read, "float32"), self.cells, self.points
        x = ops.einsum("ia,bacx->bicx", read, told)
        x = ops.einsum("jc,bicx->bijx", read, x)
        x = ops.reshape(x, (-1, cells, points, cells, points, told.shape[-1]))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, cells**2, points**2 * told.shape[-1]))


def _in_deviations(x: Any) -> Any:
    mean, variance = ops.moments(x, axes=(0, 1), keepdims=True)
    deviation = ops.sqrt(variance)
    return (x - mean) / (deviation + _LEAST * ops.max(deviation) + 1e-12)


def _reading(own: Grid, told: Grid, points: int) -> np.ndarray:
    """Weights (cells * points, rows) of the teacher's rows in the points of the student's cells."""
    within = ((np.arange(points) + 0.5) / points - 0.5) * own.step
    pixels = (own.start + own.step * np.arange(own.cells)[:, None] + within).reshape(-1)
    place = np.clip((pixels - told.start) / told.step, 0, told.cells - 1)
    rows = np.arange(told.cells)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - rows))


def with_maps(model: keras.Model, names: Sequence[str], whose: str) -> keras.Model:
    """Return a model that answers as this one does and, after that, the outputs of layers.

    Raises:
        LenszooError: it has no such layer, or the layer has no map of the image.
    """
    layers = {layer.name: layer for layer in model.layers}
    for name in names:
        if name not in layers:
            near = difflib.get_close_matches(name, layers, 8, 0.0)
            raise LenszooError(
                f"distill.hints: {whose} has no layer {name!r}; it has {', '.join(near)}."
            )
        if len(getattr(layers[name].output, "shape", ())) not in (3, 4):
            raise LenszooError(
                f"distill.hints: layer {name!r} of {whose} has no map of the image: choose one "
                "that answers (tokens, channels) or (height, width, channels)."
            )
    return keras.Model(model.input, [model.output, *(layers[name].output for name in names)])


def hint_losses(
    hints: tuple[Hint, ...], student: keras.Model, teacher: keras.Model
) -> list[HintLoss]:
    """Make the loss of every hint.

    Args:
        hints: pairs of layers.
        student: takes square images; answers logits and the maps of its layers, see
            :func:`with_maps`.
        teacher: likewise, of images of the student's size, if not of any.

    Raises:
        LenszooError: a map of the teacher is no map of the image.
    """
    losses, side = [], student.input_shape[1]
    places = zip(hints, grids(student, side)[1:], grids(teacher, side)[1:], strict=True)
    for number, (hint, own, told) in enumerate(places, start=1):
        if told is None:
            raise LenszooError(
                f"distill.hints: the rows of layer {hint.teacher!r} of the teacher have no place "
                "on the image: choose a convolution, a pooling or a sum of such maps."
            )
        own = own or _patches(student, side, number)
        losses.append(HintLoss(own, told, hint.points, name=f"hint{number}"))
        losses[-1].build(student.output_shape[number], teacher.output_shape[number])
    return losses


def _patches(student: keras.Model, side: int, number: int) -> Grid:
    """The grid of a transformer's patches, which lie about the centre of the image."""
    embedding = next((each for each in student.layers if each.name == "patch_embedding"), None)
    if embedding is None or len(student.output_shape[number]) != 3:
        raise LenszooError(
            "distill.hints: a layer of the student has no places on the image: choose one that "
            "answers maps (height, width, channels), or the tokens of a vision transformer."
        )
    cells, step = math.isqrt(student.output_shape[number][1]), float(embedding.strides[0])
    return Grid((side - 1 - step * (cells - 1)) / 2, step, cells)
