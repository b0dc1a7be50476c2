import numpy as np
import pytest

from lenszoo.layers import Temperature


def test_answers_are_divided_and_training_is_not():
    layer = Temperature()
    logits = np.array([[2.0], [-3.0]], np.float32)
    assert np.array_equal(np.asarray(layer(logits)), logits)
    layer.temperature.assign(2.0)
    assert np.asarray(layer(logits)) == pytest.approx(logits / 2)
    assert np.array_equal(np.asarray(layer(logits, training=True)), logits)
