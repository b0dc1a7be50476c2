"""Networks that need more parameters than their file stores are refused before they are built."""

import io

import h5py
import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo import build_model
from lenszoo.models.build import Config
from lenszoo.pretrained.claims import check_claims, stored_sizes


def test_the_numbers_of_each_tensor_are_counted():
    with h5py.File(io.BytesIO(), "w") as file:
        file["a/kernel"], file["b/bias"], file["c"] = np.zeros((3, 4)), np.zeros(5), 1.0
        assert sorted(stored_sizes(file)) == [1, 5, 12]


def dense(units):
    inputs = keras.Input((1000,))
    return keras.Model(inputs, keras.layers.Dense(units, name="dense")(inputs))


def test_a_network_may_need_what_is_stored_and_a_little_more(tmp_path):
    path = tmp_path / "a.keras"
    check_claims(path, [1000 * 1000, 1000], lambda: dense(1000))
    check_claims(path, [10], lambda: dense(1000))  # a wrong file, which the loading tells
    one_line(
        "asks for a network of 1,001,000,000 parameters",
        lambda: check_claims(path, [10], lambda: dense(1_000_000)),
    )


def test_blocks_are_counted_before_any_is_made(tmp_path):
    def never():
        raise AssertionError

    config = Config("resnet18", (32, 32, 1), 3, {"blocks": [2, 2, 2, 100], "width": 8})
    one_line(
        "106 blocks and stores 100 tensors",
        lambda: check_claims(tmp_path / "a.weights.h5", [1] * 100, never, config),
    )


def test_the_state_of_keras_stays_as_it_was(tmp_path):
    """Names of layers count up in a process, and variables without values wait to be given some."""
    keras.utils.clear_session()
    check_claims(tmp_path / "a", [10**7], lambda: build_model("simple_cnn"))
    layer = keras.layers.Conv2D(1, 3)
    assert layer.name == "conv2d"
    with keras.StatelessScope():  # its end gives a value to what waits
        pass
    with pytest.raises(ValueError, match="units"):
        check_claims(tmp_path / "a", [1], lambda: dense(-1))
