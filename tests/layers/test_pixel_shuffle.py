import keras
import numpy as np
import pytest
from keras import ops
from oneline import one_line

from lenszoo.layers import ICNR, PixelShuffle


@pytest.mark.parametrize("block", [2, 3])
def test_channels_go_where_the_docstring_says(block):
    maps = np.random.default_rng(0).random((2, 3, 5, 4 * block**2), dtype=np.float32)
    layer = PixelShuffle(block)
    answer = ops.convert_to_numpy(layer(maps))
    assert answer.shape == layer.compute_output_shape(maps.shape) == (2, 3 * block, 5 * block, 4)
    for row in range(block):
        for column in range(block):
            first = (row * block + column) * 4
            np.testing.assert_array_equal(
                answer[:, row::block, column::block], maps[..., first : first + 4]
            )
    assert layer.compute_output_shape((None, None, 5, 36))[:3] == (None, None, 5 * block)


def test_saved_layers_and_initializers_come_back():
    conv = keras.layers.Conv2D(12, 3, kernel_initializer=ICNR("he_normal", block=2))
    again = keras.layers.Conv2D.from_config(conv.get_config())
    assert isinstance(again.kernel_initializer, ICNR)
    assert again.kernel_initializer.get_config() == conv.kernel_initializer.get_config()
    layer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(PixelShuffle(4, name="up"))
    )
    assert isinstance(layer, PixelShuffle)
    assert (layer.block, layer.name) == (4, "up")


def test_icnr_starts_as_a_resize():
    """One kernel for all pixels of a block: shuffled maps are the small maps, each repeated."""
    keras.utils.set_random_seed(0)
    conv = keras.layers.Conv2D(12, 3, padding="same", kernel_initializer=ICNR())
    maps = np.random.default_rng(1).random((1, 6, 7, 5), dtype=np.float32)
    large = ops.convert_to_numpy(PixelShuffle(2)(conv(maps)))
    small = large[:, ::2, ::2]
    assert small.std() > 0.1
    np.testing.assert_allclose(large, small.repeat(2, 1).repeat(2, 2), atol=1e-5)


def test_icnr_draws_with_the_spread_of_its_initializer():
    keras.utils.set_random_seed(0)
    kernel = ops.convert_to_numpy(ICNR("he_normal")((3, 3, 64, 256)))
    assert abs(kernel.std() / np.sqrt(2 / (9 * 64)) - 1) < 0.02


def test_icnr_needs_whole_blocks():
    one_line("ICNR needs a multiple of 4 channels, got 6", lambda: ICNR()((3, 3, 2, 6)))
