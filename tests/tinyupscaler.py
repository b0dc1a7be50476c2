"""Small super-resolution networks of our own, with weights that leave a mark everywhere."""

import keras
import numpy as np
from keras import layers

from lenszoo.layers import NonFiniteGuard
from lenszoo.models.build import identify

REACH = 6
"""How many pixels :func:`tiny_upscaler` looks: 2 + 1 + 2 (bicubic) below, 1 of twice as fine."""


def tiny_upscaler(bands=1, scale=2, size=(None, None), seed=1):
    """Convolutions of 5 and 3 pixels, bicubic upsampling, a convolution of 3 there; biases."""
    # From NumPy: the same on every backend, and JAX compiles no generator.
    options = {"padding": "same", "kernel_initializer": "zeros"}
    images = keras.Input((*size, bands))
    x = layers.Conv2D(6, 5, activation="leaky_relu", **options)(images)
    x = layers.Conv2D(6, 3, activation="leaky_relu", **options)(x)
    x = layers.Concatenate()([x, images])
    x = layers.UpSampling2D(scale, interpolation="bicubic")(x)
    x = layers.Conv2D(bands, 3, **options)(x)
    model = keras.Model(images, NonFiniteGuard(name="guard")(x, images), name="tiny")
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
    identify(model, (*size, bands), 1, {"scale": scale})
    return model


def bicubic_upscaler(scale=2):
    """No weights at all: it keeps every place and every flux, away from borders."""
    images = keras.Input((None, None, 1))
    x = layers.UpSampling2D(scale, interpolation="bicubic")(images)
    return keras.Model(images, x, name="bicubic")
