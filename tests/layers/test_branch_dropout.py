import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo.layers import BranchDropout, TokenMean


def test_a_branch_is_dropped_as_often_as_asked_and_never_both():
    layer = BranchDropout(0.4, seed=3)
    first, second = np.zeros((4000, 3, 2), np.float32), np.zeros((4000, 2, 2), np.float32)
    weights = keras.ops.convert_to_numpy(layer(first, second, training=True))
    assert weights.shape == (4000, 5)
    lost = 1 - weights[:, [0, 3]]
    assert np.array_equal(weights, np.repeat(1 - lost, [3, 2], axis=1))  # a branch goes as a whole
    assert not (lost.all(axis=1)).any()
    assert lost.mean(0) == pytest.approx([0.2, 0.2], abs=0.03)
    assert np.asarray(layer(first, second)).all()  # no draw but in training


def test_mean_of_those_that_count():
    tokens = np.arange(12, dtype=np.float32).reshape(1, 4, 3)
    mean = np.asarray(TokenMean()(tokens, np.array([[1.0, 0.0, 0.0, 1.0]], np.float32)))
    assert mean == pytest.approx((tokens[:, 0] + tokens[:, 3]) / 2)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rate(rate):
    one_line("branch_dropout must be in", lambda: BranchDropout(rate))
