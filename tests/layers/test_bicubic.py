import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.layers import BicubicUpsampling

PICTURES = [(1, 1, 1, 1), (2, 1, 5, 3), (1, 7, 4, 2), (1, 16, 9, 1)]


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch takes another kernel")
@pytest.mark.parametrize("shape", PICTURES)
@pytest.mark.parametrize("scale", [2, 4])  # at others TensorFlow rounds where a pixel lies
def test_equals_keras_own_up_to_the_edge(shape, scale):
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    layer = BicubicUpsampling(scale)
    answer = ops.convert_to_numpy(layer(images))
    expected = keras.layers.UpSampling2D(scale, interpolation="bicubic")(images)
    np.testing.assert_allclose(answer, ops.convert_to_numpy(expected), atol=1e-6)
    assert layer.compute_output_shape(shape) == answer.shape


def test_a_plane_stays_a_plane_and_the_mean_of_a_block_its_pixel():
    y, x = np.mgrid[:12, :14].astype("float32")
    plane = (0.3 + 0.1 * x - 0.2 * y)[None, :, :, None]
    large = ops.convert_to_numpy(BicubicUpsampling(2)(plane))
    blocks = large.reshape(1, 12, 2, 14, 2, 1).mean(axis=(2, 4))
    inner = np.s_[:, 2:-2, 2:-2]
    np.testing.assert_allclose(blocks[inner], plane[inner], atol=1e-5)
    steps = np.diff(large[0, 4:-4, 4:-4, 0], axis=1)
    np.testing.assert_allclose(steps, 0.05, atol=1e-5)


def test_it_trains_under_xla():
    """Keras' own layer does not: XLA on TensorFlow has no bicubic resize."""
    images = keras.Input((None, None, 1))
    model = keras.Model(images, keras.layers.Conv2D(1, 1)(BicubicUpsampling(2)(images)))
    model.compile("sgd", "mse", jit_compile=True)
    loss = model.train_on_batch(np.zeros((2, 5, 5, 1), "f"), np.ones((2, 10, 10, 1), "f"))
    assert loss == pytest.approx(1.0)
