"""Checks that every task makes."""

import keras
import numpy as np
from oneline import one_line

from lenszoo.tasks.checks import check_answers, check_classes, check_weights, images_shape


def test_the_recipes_shape_is_that_of_the_images():
    assert images_shape(None, (8, 8, 1)) == images_shape([8, 8, 1], (8, 8, 1)) == (8, 8, 1)
    assert images_shape((8, 8, 1), None) is None
    one_line("input_shape", lambda: images_shape((8, 8, 2), (8, 8, 1)))


def test_validation_shows_every_class():
    check_classes(np.array([0, 1, 2]), ("a", "b", "c"))
    one_line("nothing of b, c", lambda: check_classes(np.zeros(4, int), ("a", "b", "c")))
    one_line("two or more", lambda: check_classes(np.zeros(4, int), ("a",)))


def test_nan_stops_a_training():
    check_answers(np.zeros(3))
    one_line("diverged", lambda: check_answers(np.array([0.0, np.nan])))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="last")])
    check_weights(model, 1)
    model.layers[-1].set_weights([np.full((2, 1), np.nan), np.zeros(1)])
    one_line("epoch 7", lambda: check_weights(model, 7))
