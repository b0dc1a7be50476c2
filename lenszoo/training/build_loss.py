"""Let Keras build a compiled loss before it is given data that come from threads."""

from typing import Any

import keras
import numpy as np


def settle(model: keras.Model, data: Any) -> None:
    """Build the loss and the metrics of a compiled model for what a dataset yields.

    On JAX, ``fit`` looks at the first batch when it meets a loss for the first time, and a threaded
    ``PyDataset`` then yields that batch last instead of first. An epoch after a resumed start would
    see its batches in another order than the same epoch of a run that went through.

    Args:
        model: compiled; its weights, optimizer and metrics' values are left as they are.
        data: what ``fit`` will be given; nothing is done for other than a ``PyDataset``, nor
            for a model whose loss is its own and not a compiled one.
    """
    if model.loss is None or not isinstance(data, keras.utils.PyDataset):
        return
    x, y = data[0]
    if isinstance(y, dict):  # labels with a teacher's answers
        y = y["labels"]
    spec = model.compute_output_spec(
        keras.tree.map_structure(lambda a: keras.KerasTensor(a.shape, a.dtype), x)
    )
    y_pred = keras.ops.zeros(spec.shape, spec.dtype)
    # the class's own, not that of a model with a teacher or an adversary beside it
    keras.Model.compute_loss(model, x, y, y_pred, None, training=False)
    model.compute_metrics(x, np.asarray(y), y_pred, None)
    model.reset_metrics()
