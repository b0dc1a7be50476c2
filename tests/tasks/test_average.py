"""Average of a network over its training."""

import numpy as np

from lenszoo import build_model
from lenszoo.tasks.average import follow, twin


def test_an_average_moves_a_share_of_the_way():
    model = build_model("simple_cnn", input_shape=(16, 16, 1), num_classes=3, width=4)
    average = twin(model)
    start = average.get_weights()
    assert not average.trainable_weights
    assert all(np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True))
    model.set_weights([w + 1 for w in start])
    follow(average, model, memory=0.75, skip="logits")
    for weight, old in zip(average.weights, start, strict=True):
        step = 0.0 if "logits" in weight.path else 0.25
        np.testing.assert_allclose(np.asarray(weight), old + step, rtol=1e-5, atol=1e-6)
