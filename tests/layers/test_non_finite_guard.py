import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.layers import NonFiniteGuard

TENSORFLOW = keras.config.backend() == "tensorflow"


def guarded_mean(policy="float32"):
    """A model whose max-pool and mean would give an answer in spite of a broken pixel."""
    images = keras.Input((None, None, 2))
    x = keras.layers.MaxPooling2D(2, dtype=policy)(images)
    x = keras.layers.GlobalMaxPooling2D(dtype=policy)(x)
    return keras.Model(images, NonFiniteGuard()(x, images))


def pictures():
    return np.random.default_rng(0).random((6, 8, 9, 2), dtype=np.float32)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_only_broken_images_are_nan_also_after_graph_optimisers(jit, policy):
    model = guarded_mean(policy)
    model.compile(jit_compile=jit)
    images = pictures()
    clean = model.predict(images, verbose=0)
    images[1, 0, 0, 0] = np.nan
    images[3, 7, 8, 1] = np.inf
    images[4, 2, 3, 0] = -np.inf
    broken = model.predict(images, verbose=0)
    assert broken.dtype == np.float32
    assert np.isnan(broken).all(axis=1).tolist() == [False, True, False, True, True, False]
    np.testing.assert_array_equal(broken[[0, 2, 5]], clean[[0, 2, 5]])


def test_large_pixels_pass_and_absurd_ones_do_not():
    images = pictures()
    images[0, 0, 0, 0], images[1, 3, 3, 1] = 9e11, -9e11
    images[2, 0, 0, 0], images[3, 3, 3, 1] = 1e20, -np.finfo(np.float32).max
    answers = ops.convert_to_numpy(guarded_mean()(images))
    assert np.isnan(answers).all(axis=1).tolist() == [False, False, True, True, False, False]


def test_outputs_of_any_rank():
    images = pictures()
    images[2, 1, 1, 1] = np.nan
    guard = NonFiniteGuard()
    for outputs in (np.ones((6,), "float32"), np.ones((6, 4, 4, 1), "float32")):
        answer = ops.convert_to_numpy(guard(outputs, images))
        assert answer.shape == outputs.shape
        assert np.isnan(answer[2]).all()
        assert np.all(answer[[0, 1, 3, 4, 5]] == 1)


def test_config_carries_the_identity_and_stays_float32():
    identity = {"model": "resnet18", "input_shape": [None, None, 1], "options": {"width": 8}}
    guard = NonFiniteGuard(identity=identity, dtype="bfloat16", name="guard")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(guard))
    assert isinstance(again, NonFiniteGuard)
    assert again.identity == identity
    assert again.name == "guard"
    assert again.compute_dtype == "float32"


@pytest.mark.skipif(not TENSORFLOW, reason="takes gradients with a tf.GradientTape")
def test_gradients_of_whole_images_are_untouched():
    import tensorflow as tf

    images = pictures()
    images[1, 0, 0, 0] = np.nan
    outputs = tf.Variable(np.ones((6, 3), "float32"))
    with tf.GradientTape() as tape:
        good = tf.gather(NonFiniteGuard()(outputs, images), [0, 2, 3, 4, 5])
        loss = tf.reduce_sum(good**2)
    gradient = tape.gradient(loss, outputs).numpy()
    assert np.all(gradient[1] == 0)
    assert np.all(gradient[[0, 2, 3, 4, 5]] == 2)
