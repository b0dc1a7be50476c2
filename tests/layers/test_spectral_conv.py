import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.layers import SpectralConv2D


def largest(kernel):
    """The largest singular value of a kernel (height, width, inputs, outputs), by NumPy."""
    kernel = ops.convert_to_numpy(kernel)
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


def effective_kernel(layer):
    """The kernel that the layer convolves with, read off its answer to single bright pixels."""
    height, width, inputs, _ = layer.kernel.shape
    # (input, row, column, input): a pixel in the middle, in one channel each
    dots = np.zeros((inputs, 2 * height - 1, 2 * width - 1, inputs), "float32")
    dots[range(inputs), height - 1, width - 1, range(inputs)] = 1.0
    answer = ops.convert_to_numpy(layer(dots, training=False))[:, ::-1, ::-1]
    return answer.transpose(1, 2, 0, 3)


@pytest.fixture
def layer():
    keras.utils.set_random_seed(3)
    layer = SpectralConv2D(5, 3, use_bias=False)
    layer.build((None, None, None, 4))
    layer.kernel.assign(np.random.default_rng(0).normal(0, 1, (3, 3, 4, 5)))
    return layer


def test_the_norm_becomes_one_and_the_kernel_is_left_alone(layer):
    kernel = ops.convert_to_numpy(layer.kernel)
    images = np.zeros((1, 5, 5, 4), "float32")
    for _ in range(60):
        layer(images, training=True)
    assert largest(kernel) > 3
    assert largest(effective_kernel(layer)) == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(effective_kernel(layer), kernel / largest(kernel), atol=2e-3)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.kernel), kernel)


def test_it_follows_a_kernel_that_moves(layer):
    """As in training: one step of the iteration for each small step of the kernel."""
    rng = np.random.default_rng(1)
    for _ in range(80):
        layer.kernel.assign(ops.convert_to_numpy(layer.kernel) + rng.normal(0, 0.01, (3, 3, 4, 5)))
        layer(np.zeros((1, 5, 5, 4), "float32"), training=True)
    assert largest(effective_kernel(layer)) == pytest.approx(1.0, abs=2e-2)


def test_only_training_moves_the_state_and_only_while_trainable(layer):
    images = np.zeros((1, 5, 5, 4), "float32")
    before = ops.convert_to_numpy(layer.u)
    layer(images, training=False)
    layer.trainable = False
    layer(images, training=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.u), before)
    layer.trainable = True
    layer(images, training=True)
    assert np.abs(ops.convert_to_numpy(layer.u) - before).max() > 1e-3
    assert [w.path.rpartition("/")[2] for w in layer.non_trainable_weights] == ["u"]


def test_a_pure_call_returns_the_new_state(layer):
    images = np.random.default_rng(2).random((1, 5, 5, 4), dtype=np.float32)
    before = ops.convert_to_numpy(layer.u)
    pure = layer.stateless_call(
        [v.value for v in layer.trainable_variables],
        [v.value for v in layer.non_trainable_variables],
        images,
        training=True,
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.u), before)
    answer = layer(images, training=True)
    np.testing.assert_allclose(ops.convert_to_numpy(pure[0]), ops.convert_to_numpy(answer))
    np.testing.assert_allclose(ops.convert_to_numpy(pure[1][0]), ops.convert_to_numpy(layer.u))


def test_a_scaled_kernel_answers_the_same_and_a_zero_kernel_zero(layer):
    images = np.random.default_rng(2).random((1, 5, 5, 4), dtype=np.float32)
    answer = ops.convert_to_numpy(layer(images))
    layer.kernel.assign(ops.convert_to_numpy(layer.kernel) * 1000)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(images)), answer, rtol=1e-4, atol=1e-5)
    layer.kernel.assign(np.zeros((3, 3, 4, 5)))
    assert not ops.convert_to_numpy(layer(images, training=True)).any()


def test_bias_activation_and_half_precision():
    layer = SpectralConv2D(
        3, 3, 2, "same", activation="relu", bias_initializer="ones", dtype="mixed_bfloat16"
    )
    answer = layer(np.zeros((2, 5, 6, 2), "float32"), training=True)
    assert keras.backend.standardize_dtype(answer.dtype) == "bfloat16"
    assert answer.shape == (2, 3, 3, 3)
    assert ops.convert_to_numpy(ops.cast(answer, "float32")).min() == 1.0
    assert keras.backend.standardize_dtype(layer.u.dtype) == "float32"
