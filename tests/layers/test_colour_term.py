"""The colour term: its colours, where it acts, and that it is saved."""

import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.layers import ColourTerm


def made(shape):
    layer = ColourTerm()
    layer.build((None, 1), (None, *shape))
    return layer


def test_colours_are_those_of_the_rings():
    layer = made((32, 32, 3))
    y, x = np.mgrid[:32, :32] - 15.5
    images = np.ones((1, 32, 32, 3), np.float32)
    images[..., 0] = np.where(np.hypot(x, y) < 0.25 * 16, 4.0, 1.0)
    colours = ops.convert_to_numpy(layer.colours(images)).reshape(4, 2)
    np.testing.assert_allclose(colours[:2, 0], np.log(4.0), rtol=1e-5)
    np.testing.assert_allclose(colours[2:, 0], 0.0, atol=1e-5)
    np.testing.assert_allclose(colours[:, 1], 0.0, atol=1e-5)
    # the unit of flux does not matter, nor does a quarter turn
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.colours(7.0 * images)).reshape(4, 2), colours, atol=1e-5
    )
    images += np.random.default_rng(0).random(images.shape, np.float32)
    turned = np.rot90(images, axes=(1, 2)).copy()
    np.testing.assert_allclose(layer.colours(turned), layer.colours(images), atol=1e-5)


def test_the_term_is_left_out_in_training_and_zero_at_first():
    layer, logits = made((16, 16, 2)), np.ones((3, 1), np.float32)
    images = np.random.default_rng(1).random((3, 16, 16, 2), np.float32)
    np.testing.assert_array_equal(layer(logits, images), logits)
    layer.assign(np.arange(4.0), -0.5)
    expected = (
        logits
        - 0.5
        + ops.convert_to_numpy(layer.colours(images)) @ np.arange(4.0, dtype=np.float32)[:, None]
    )
    np.testing.assert_allclose(layer(logits, images), expected, rtol=1e-5)
    np.testing.assert_array_equal(layer(logits, images, training=True), logits)


def test_faint_rings_count_as_bright_as_the_floor_and_nan_stays():
    layer = made((16, 16, 2))
    layer.adapt(np.array([2.0, 1.0]))
    images = np.full((2, 16, 16, 2), -1.0, np.float32)
    images[1, 8, 8] = np.nan
    colours = ops.convert_to_numpy(layer.colours(images))
    np.testing.assert_allclose(colours[0], np.log(2.0), rtol=1e-5)
    assert np.isnan(colours[1]).any()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_saved_and_read_again(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    try:
        images, logits = keras.Input((16, 16, 3)), keras.Input((1,))
        model = keras.Model([logits, images], ColourTerm(name="colours")(logits, images))
    finally:
        keras.config.set_dtype_policy("float32")
    model.get_layer("colours").assign(np.arange(8.0), 1.0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    values = [np.ones((2, 1)), np.random.default_rng(2).random((2, 16, 16, 3))]
    np.testing.assert_allclose(again.predict(values), model.predict(values), rtol=1e-6)
    assert again.output.dtype == "float32"
