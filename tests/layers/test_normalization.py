import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.layers import BatchNormalization


def trained(layer_class, images, **options):
    """Outputs, weights and input gradient's stand-in after three steps of fit, for one layer."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(images.shape[1:])
    x = keras.layers.Conv2D(5, 3, use_bias=False)(inputs)
    x = layer_class(momentum=0.9, epsilon=1e-5, **options)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    model.fit(images, images.mean(axis=(1, 2, 3)), batch_size=4, epochs=1, shuffle=False, verbose=0)
    return model.predict(images, verbose=0), [ops.convert_to_numpy(w) for w in model.weights]


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"axis": 1}])
def test_trains_to_the_weights_of_keras_own_layer(options):
    images = np.random.default_rng(0).normal(3.0, 2.0, (12, 9, 8, 2)).astype(np.float32)
    ours, our_weights = trained(BatchNormalization, images, **options)
    theirs, their_weights = trained(keras.layers.BatchNormalization, images, **options)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert len(our_weights) == len(their_weights)
    for a, b in zip(our_weights, their_weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_frozen_layer_keeps_its_statistics_and_uses_them():
    images = np.random.default_rng(1).normal(3.0, 2.0, (4, 6, 6, 3)).astype(np.float32)
    layer = BatchNormalization(epsilon=1e-3)
    layer.build(images.shape)
    layer.trainable = False
    out = ops.convert_to_numpy(layer(images, training=True))
    np.testing.assert_allclose(out, images / np.sqrt(1.001), rtol=1e-5)
    assert not ops.convert_to_numpy(layer.moving_mean).any()


def test_statistics_stay_float32_under_mixed_precision():
    images = np.random.default_rng(2).normal(100.0, 1.0, (16, 12, 12, 4)).astype(np.float32)
    layer = BatchNormalization(momentum=0.0, dtype="mixed_bfloat16")
    out = layer(images, training=True)
    assert keras.backend.standardize_dtype(out.dtype) == "bfloat16"
    rounded = ops.convert_to_numpy(ops.cast(ops.cast(images, "bfloat16"), "float32"))
    np.testing.assert_allclose(layer.moving_mean, rounded.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, rounded.var(axis=(0, 1, 2)), rtol=1e-3)


def test_one_image_of_one_pixel_has_no_variance():
    layer = BatchNormalization(momentum=0.0)
    out = ops.convert_to_numpy(layer(np.full((1, 1, 1, 2), 5.0, np.float32), training=True))
    np.testing.assert_allclose(out, 0.0, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, 0.0, atol=1e-6)
