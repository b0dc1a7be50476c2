import keras
import numpy as np
import pytest
from keras import layers
from oneline import one_line
from tinyupscaler import tiny_upscaler

import lenszoo
from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling import open_upscaler, upscale_array


@pytest.fixture(scope="module")
def tiny():
    return open_upscaler(tiny_upscaler())


def noise(height, width):
    return np.random.default_rng(0).normal(0.5, 0.3, (height, width, 1)).astype(np.float32)


def test_one_shape_is_compiled_and_few_tiles_are_in_memory():
    upscaler = open_upscaler(tiny_upscaler())
    upscale_array(upscaler, noise(300, 270))
    assert list(upscaler._compiled) == [(4, 128, 128, 1)]
    for side in range(1, 10):
        upscale_array(upscaler, noise(side, 20))
    assert len(upscaler._compiled) == 8


def test_models_that_do_not_upscale():
    images = keras.Input((None, None, 1))
    pooled = layers.GlobalAveragePooling2D()(images)
    stretched = layers.UpSampling2D((2, 3))(images)
    cropped = layers.Cropping2D(1)(images)
    coloured = layers.Conv2D(3, 1)(images)
    for output in (pooled, stretched, cropped, coloured, layers.AveragePooling2D(2)(images)):
        with pytest.raises(LenszooError, match="is no super-resolution model"):
            open_upscaler(keras.Model(images, output))


def test_a_scale_that_the_model_does_not_have(tiny):
    one_line("upscales by 2, not by 4", lambda: open_upscaler(tiny, scale=4))
    assert open_upscaler(tiny, scale=2) is tiny


def test_a_model_of_the_zoo_of_one_size_takes_any():
    model = build_model("srcnn", input_shape=(16, 16, 1), scale=4, width=4)
    upscaler = open_upscaler(model)
    assert (upscaler.scale, upscaler.bands, upscaler.size) == (4, 1, (None, None))
    batch = noise(16, 16)[None]
    np.testing.assert_allclose(upscaler.answer(batch), np.asarray(model(batch)), atol=1e-6)
    assert upscaler.answer(noise(9, 13)[None]).shape == (1, 36, 52, 1)


def test_weights_with_a_negative_variance_are_refused():
    model = lenszoo.build_model("srresnet_1", input_shape=(None, None, 1), blocks=1, width=4)
    variance = next(w for w in model.weights if w.path.endswith("moving_variance"))
    variance.assign(-np.ones(variance.shape))
    one_line("a negative variance", lambda: open_upscaler(model))
