"""D4 is a group of eight, and NumPy and TensorFlow agree on it bit for bit."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import D4_SIZE, d4
from lenszoo.data.augment import d4_tensor
from lenszoo.errors import LenszooError

IMAGES = np.random.default_rng(3).random((16, 7, 7, 2)).astype(np.float32)


def _by_definition(image: np.ndarray, k: int) -> np.ndarray:
    turned = np.rot90(image, k % 4)
    return turned[:, ::-1] if k >= 4 else turned


@pytest.mark.parametrize("k", range(D4_SIZE))
def test_each_element_is_what_its_definition_says(k):
    turned = d4(IMAGES, np.full(16, k))
    for before, after in zip(IMAGES, turned, strict=True):
        np.testing.assert_array_equal(after, _by_definition(before, k))


def test_the_elements_are_a_group():
    image = IMAGES[:1]
    orbit = [d4(image, np.array([k])) for k in range(D4_SIZE)]
    assert len({o.tobytes() for o in orbit}) == D4_SIZE
    seen = {o.tobytes() for o in orbit}
    for first in orbit:
        assert {d4(first, np.array([k])).tobytes() for k in range(D4_SIZE)} == seen


def test_tensorflow_agrees_bit_for_bit():
    import tensorflow as tf

    k = np.random.default_rng(4).integers(0, D4_SIZE, 16).astype(np.int32)
    graph = tf.function(lambda images, k: d4_tensor(tf, images, k))
    np.testing.assert_array_equal(graph(IMAGES, k).numpy(), d4(IMAGES, k))
    assert graph(IMAGES[:0], k[:0]).shape == (0, 7, 7, 2)


def test_wrong_shapes_and_elements():
    one_line("square", lambda: d4(IMAGES[:, :5], np.zeros(16, int)))
    for k in (np.full(16, 8), np.full(16, -1), np.zeros(3, int)):
        with pytest.raises(LenszooError, match=r"0\.\.7"):
            d4(IMAGES, k)
