import keras
import numpy as np
import pytest
from keras import layers, ops
from oneline import one_line
from tinyupscaler import REACH, tiny_upscaler

from lenszoo.inference.upscaling import open_upscaler
from lenszoo.inference.upscaling.receptive_field import find_reach


class Shuffle(layers.Layer):
    """Depth to space, a layer that nobody has told the reach of."""

    def call(self, x):
        _, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (-1, height, width, 2, 2, channels // 4))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, 2 * height, 2 * width, channels // 4))


class Shift(layers.Layer):
    """Look twelve pixels to the left, which a small probe does not show."""

    def call(self, x):
        return x + ops.pad(x, ((0, 0), (0, 0), (12, 0), (0, 0)))[:, :, :-12]


def conv(filters, kernel, **options):
    return layers.Conv2D(filters, kernel, padding="same", **options)


def network(*steps, bands=2):
    return keras.Sequential([keras.Input((None, None, bands)), *steps])  # a graph within


@pytest.mark.parametrize(
    ("steps", "pixels"),
    [
        ([conv(2, 9)], 4),
        ([conv(2, 4)], 2),
        ([conv(2, (1, 7))], 3),
        ([conv(2, 3, dilation_rate=3)], 3),
        ([layers.DepthwiseConv2D(5, padding="same")], 2),
        ([layers.SeparableConv2D(2, 5, padding="same")], 2),
        ([layers.UpSampling2D(2)], 0),
        ([layers.UpSampling2D(4, interpolation="bilinear")], 1),
        ([layers.UpSampling2D(2, interpolation="bicubic")], 2),
        ([layers.UpSampling2D(2), conv(2, 9), layers.UpSampling2D(2), conv(2, 9)], 3),
        ([conv(8, 3), Shuffle(), conv(2, 3)], 2),
        ([layers.Conv2DTranspose(2, 4, 2, padding="same")], 2),
        ([layers.MaxPooling2D(3, 1, padding="same"), layers.UpSampling2D(2)], 1),
        ([layers.BatchNormalization(), layers.PReLU(shared_axes=(1, 2)), conv(2, 3)], 1),
        ([network(conv(8, 3), Shuffle()), network(conv(2, 9))], 3),
        ([Shift()], 12),
    ],
)
def test_reach_adds_up(steps, pixels):
    assert find_reach(network(*steps)).pixels == pixels


def test_branches_count_by_the_longer_one():
    images = keras.Input((None, None, 1))
    x = conv(4, 9)(images)
    for _ in range(3):
        x = x + conv(4, 3, activation="relu")(x)  # an operation, not a layer
    x = layers.Concatenate()([x, images])
    assert find_reach(keras.Model(images, conv(1, 3)(x))).pixels == 4 + 3 + 1


def test_a_deep_network_is_not_cut_short():
    assert find_reach(network(*(conv(2, 3) for _ in range(40)))).pixels == 40


def test_it_is_what_a_pixel_can_change():
    model = tiny_upscaler()
    image = np.random.default_rng(0).random((1, 41, 41, 1), dtype=np.float32)
    other = image.copy()
    other[0, 20, 20] += 5
    changed = np.argwhere(np.asarray(model(image) != model(other))[0, ..., 0]) // 2 - 20
    assert find_reach(model).pixels == REACH
    assert np.abs(changed).max() in (REACH - 1, REACH)  # half pixels are rounded up


class Twice(keras.Model):
    """A model that is no graph."""

    def __init__(self):
        super().__init__()
        self.inner = conv(1, 5)

    def call(self, x):
        return ops.repeat(ops.repeat(self.inner(x), 2, axis=1), 2, axis=2)


def test_a_model_that_is_no_graph():
    twice = Twice()
    twice(np.zeros((1, 8, 8, 1), np.float32))
    assert find_reach(network(twice, bands=1)).pixels == 2  # within a graph
    assert "is no graph" in find_reach(twice).why
    one_line("is no super-resolution model", lambda: open_upscaler(twice))


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")], "'squeeze' makes an"),
        ([conv(2, 3, strides=2, name="half"), layers.UpSampling2D(4)], "'half' shrinks"),
        ([layers.MaxPooling2D(2, name="half"), layers.UpSampling2D(4)], "'half' makes an image"),
        ([layers.Conv2D(2, 3, name="valid"), layers.ZeroPadding2D(1)], "'valid' shrinks"),
        ([layers.UnitNormalization(axis=(1, 2), name="norm")], "'norm' looks at the image as a"),
        ([layers.Resizing(34, 34, name="fixed")], None),
    ],
)
def test_what_cannot_be_tiled_is_named(steps, why):
    reach = find_reach(network(*steps))
    if why is None:  # the probe cannot tell, but opening the model does
        one_line("is no super-resolution model", lambda: open_upscaler(network(*steps)))
    else:
        assert reach.pixels is None and why in reach.why
