"""A model's answers to more images than fit into one batch."""

import operator
from typing import Any

import numpy as np


def in_batches(model: Any, inputs: Any, batch_size: int) -> Any:
    """What ``model.predict`` answers, without its wait at the end.

    Keras hands ``predict`` its arrays by tf.data, whose tuner may sleep on for as long again as
    all batches took (see :func:`lenszoo.data.untuned.untuned`).

    Args:
        model: a Keras model.
        inputs: array (n, ...), or a list or dict of them, as the model takes them.
        batch_size: rows a step; the last may hold fewer.

    Returns:
        Array (n, ...) in the model's own dtype, or a list or dict of them, as the model answers.
    """
    import keras

    rows = len(keras.tree.flatten(inputs)[0])
    made = []
    for start in range(0, rows, batch_size):
        part = slice(start, start + batch_size)
        batch = keras.tree.map_structure(operator.itemgetter(part), inputs)
        made.append(model.predict_on_batch(batch))
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *made)
