"""Predictions for more images than fit into one batch."""

import operator
from typing import Any

import numpy as np

from lenszoo.chatter import without_retracing


def in_batches(model: Any, inputs: Any, batch_size: int) -> Any:
    """Predict batch by batch: the numbers of ``model.predict``, without its wait at the end.

    Keras feeds ``predict`` by tf.data, whose tuner may go on for as long again as all batches took
    (see :func:`lenszoo.data.graph.untuned`).

    Args:
        model: a Keras model.
        inputs: array (n, ...), or a list or dict of them, as the model takes them.
        batch_size: rows a step; the last may hold fewer.

    Returns:
        Array (n, ...) in the dtype of the model's output, or a list or dict of them.
    """
    import keras

    rows = len(keras.tree.flatten(inputs)[0])
    outputs = []
    with without_retracing():
        for start in range(0, rows, batch_size):
            part = slice(start, start + batch_size)
            batch = keras.tree.map_structure(operator.itemgetter(part), inputs)
            outputs.append(model.predict_on_batch(batch))
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)
