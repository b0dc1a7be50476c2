"""Checks that every task makes, each with a one-line error."""

from collections.abc import Sequence

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.pretrained.saving import broken_weights

Shape = tuple[int, int, int]


def images_shape(input_shape: Sequence[int] | None, shape: Shape | None) -> Shape | None:
    """Return the shape of the images; None where there are none.

    Args:
        input_shape: the recipe's ``input_shape``.
        shape: (height, width, bands) of the images of the data.

    Raises:
        LenszooError: they differ.
    """
    if input_shape is not None and shape is not None and tuple(input_shape) != tuple(shape):
        raise LenszooError(
            f"The recipe's input_shape {tuple(input_shape)} is not that of the images, "
            f"{tuple(shape)}; leave input_shape out to take the images' own."
        )
    return shape


def check_classes(labels: np.ndarray, class_names: Sequence[str], part: str = "validation") -> None:
    """Raise LenszooError unless the examples of a part show all of two classes or more."""
    if len(class_names) < 2:
        raise LenszooError(
            f"The images are all of one class, {class_names[0]}: a classifier needs two or more."
        )
    lacking = [n for k, n in enumerate(class_names) if not np.any(np.asarray(labels) == k)]
    if lacking:
        raise LenszooError(
            f"The {part} examples show nothing of {', '.join(lacking)}: give some of every class, "
            "or leave out what does not exist."
        )


def check_weights(model: keras.Model, epoch: int) -> None:
    """Raise LenszooError where an epoch (1-based) of training has left NaN in the weights."""
    broken = broken_weights(model)
    if broken:
        raise LenszooError(
            f"The training diverged in epoch {epoch}: {broken[0]} and {len(broken) - 1} more of "
            f"{len(model.weights)} weights hold NaN. Lower optimizer.learning_rate or set "
            "optimizer.clip_norm, in another folder; what was best until then is in this one."
        )


def check_answers(answers: np.ndarray) -> None:
    """Raise LenszooError where a model in training answers NaN."""
    if not np.isfinite(answers).all():
        raise LenszooError(
            "The model answers NaN: the training diverged. Lower optimizer.learning_rate or set "
            "optimizer.clip_norm."
        )
