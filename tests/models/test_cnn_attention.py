import keras
import numpy as np

from lenszoo.models.cnn_attention import cnn_attention
from lenszoo.models.simple_cnn import simple_cnn


def change_far_from_a_corner(factory, last, **options):
    """Largest change of the last maps in one corner when the pixels of the other corner change."""
    keras.utils.set_random_seed(1)
    model = factory((128, 128, 1), 2, width=4, **options)
    maps = keras.Model(model.input, model.get_layer(last).output)
    images = np.random.default_rng(0).random((1, 128, 128, 1), dtype=np.float32)
    before = maps.predict_on_batch(images)
    images[:, -32:, -32:] = 0.0
    return np.abs(maps.predict_on_batch(images) - before)[0, 0, 0].max()


def test_attention_connects_positions_that_convolutions_do_not():
    assert change_far_from_a_corner(simple_cnn, "pool4") == 0.0
    assert change_far_from_a_corner(cnn_attention, "attention_add", heads=2) > 1e-5
