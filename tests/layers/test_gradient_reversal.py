import keras
import numpy as np
import pytest
from keras import ops
from oneline import one_line
from onjax import run_on_jax, say_all_well

from lenszoo.layers import GradientReversal


def gradient(function, x):
    """Gradient of a scalar function of an array, on the backend that runs."""
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(function)(x))
    if keras.backend.backend() == "torch":
        x = ops.convert_to_tensor(x).requires_grad_()
        function(x).backward()
        return ops.convert_to_numpy(x.grad)
    import tensorflow as tf

    x = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = function(x)
    return tape.gradient(y, x).numpy()


def check(strength):
    layer = GradientReversal(strength)
    x = np.random.default_rng(0).normal(0, 1e3, (5, 3)).astype(np.float32)
    factors = np.arange(15, dtype=np.float32).reshape(5, 3)
    assert np.array_equal(ops.convert_to_numpy(layer(x)), x)
    found = gradient(lambda v: ops.sum(layer(v) * ops.convert_to_tensor(factors)), x)
    assert np.array_equal(found, np.float32(-strength) * factors)
    layer.strength.assign(2.0)
    assert np.array_equal(
        gradient(lambda v: ops.sum(layer(v) * ops.convert_to_tensor(factors)), x), -2.0 * factors
    )


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_values_pass_and_gradients_turn_round(strength):
    check(strength)


def test_a_strength_assigned_after_the_call_is_for_the_next():
    layer = GradientReversal(0.5)

    def late(x):
        total = ops.sum(layer(x))
        layer.strength.assign(2.0)
        return total

    np.testing.assert_array_equal(gradient(late, np.ones((1, 3), np.float32)), -0.5)


@pytest.mark.slow
def test_on_jax():
    run_on_jax(__file__)


def test_it_is_rebuilt_from_its_configuration():
    layer = GradientReversal.from_config(GradientReversal(0.25, name="r").get_config())
    assert (layer.name, layer.start) == ("r", 0.25)


def test_a_negative_strength():
    one_line("must not be negative", lambda: GradientReversal(-1.0))


if __name__ == "__main__":
    check(0.3)
    say_all_well()
