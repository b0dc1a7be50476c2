import keras
import numpy as np
import pytest
from keras import layers

from lenszoo.errors import LenszooError
from lenszoo.tasks.grow_channels import UNKNOWN, channel_sources
from lenszoo.tasks.grow_width import check_width


def network(width, axis=-1):
    """Two convolutions side by side, with the image between them, and one that reads all."""
    images = keras.Input((8, 8, 1))
    left = layers.Conv2D(width, 1, name="left")(images)
    right = layers.ReLU(name="relu")(layers.Conv2D(2 * width, 1, name="right")(images))
    sides = [left, images, right] if axis == -1 else [left, left]
    x = layers.Concatenate(axis, name="both")(sides)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(width, 1, name="next")(x)
    return keras.Model(images, layers.Conv2D(1, 1, name="last")(x))


def weights(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def test_runs_of_copies_lie_side_by_side_after_a_concatenation():
    sources = channel_sources(network(4), weights(network(2)))
    np.testing.assert_array_equal(sources["left"], [0])
    np.testing.assert_array_equal(sources["relu"], [0, 1, 2, 3] * 2)
    both = [0, 1, 0, 1, 2, 3, 4, 5, 6, 3, 4, 5, 6]
    np.testing.assert_array_equal(sources["norm"], both)
    np.testing.assert_array_equal(sources["next"], both)
    np.testing.assert_array_equal(sources["last"], [0, 1, 0, 1])


def test_a_concatenation_of_places_is_refused():
    narrow, wide = weights(network(2, axis=1)), network(4, axis=1)
    sources = channel_sources(wide, narrow)
    assert sources["next"] is UNKNOWN
    shapes = [part.shape for part in narrow["next"]]
    with pytest.raises(LenszooError, match="a layer Conv2D of mixed channels cannot begin as"):
        check_width(wide, wide.get_layer("next"), shapes, sources["next"])
