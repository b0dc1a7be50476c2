"""Answers batch by batch are those of ``model.predict``."""

import keras
import numpy as np
import pytest

from lenszoo.models.in_batches import in_batches


@pytest.fixture
def model() -> keras.Model:
    """Two named inputs, two answers."""
    keras.utils.set_random_seed(1)
    image, table = keras.Input((4, 4, 1), name="image"), keras.Input((3,), name="table")
    features = keras.layers.Flatten()(image)
    both = keras.layers.Concatenate()([features, table])
    return keras.Model(
        {"image": image, "table": table}, [keras.layers.Dense(2)(both), keras.layers.Dense(1)(both)]
    )


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
def test_the_answers_are_those_of_predict(model: keras.Model, batch_size: int) -> None:
    rng = np.random.default_rng(2)
    inputs = {
        "image": rng.normal(size=(7, 4, 4, 1)).astype(np.float32),
        "table": rng.normal(size=(7, 3)).astype(np.float32),
    }
    made = in_batches(model, inputs, batch_size)
    wanted = model.predict(inputs, verbose=0)
    assert [m.shape for m in made] == [(7, 2), (7, 1)]
    for ours, theirs in zip(made, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_an_array_is_answered_with_an_array() -> None:
    one = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    rows = np.random.default_rng(3).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(in_batches(one, rows, 2), one.predict(rows, verbose=0), rtol=1e-6)
