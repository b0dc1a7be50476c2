"""Small networks none of whose weights is a default."""

import keras
import numpy as np
import pytest

from lenszoo import build_model

SHAPE = (32, 32, 1)
RESNET = {"stem": "fine", "blocks": (2, 1)}


def network(name="resnet18", shape=SHAPE, classes=2, seed=1, **options):
    """A network none of whose weights is a default, statistics of BatchNormalization included."""
    keras.utils.set_random_seed(seed)
    model = build_model(name, input_shape=shape, num_classes=classes, **options)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def close(told):
    return pytest.approx(told, abs=1e-4 * float(np.ptp(told)))


def images(n=5, shape=SHAPE):
    return np.random.default_rng(0).random((n, *shape), dtype="float32")
