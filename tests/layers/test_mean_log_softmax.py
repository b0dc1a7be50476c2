import numpy as np
from keras import ops

from lenszoo.layers import MeanLogSoftmax


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_its_softmax_is_the_geometric_mean_of_the_probabilities():
    members = np.random.default_rng(0).normal(0, 3, (4, 6, 3)).astype(np.float32)
    logits = ops.convert_to_numpy(MeanLogSoftmax()(list(members)))
    product = np.prod([softmax(m.astype(float)) for m in members], axis=0) ** (1 / 4)
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-5)


def test_single_logits_are_averaged_as_those_of_two_classes():
    members = np.random.default_rng(1).normal(0, 3, (3, 6, 1)).astype(np.float32)
    mean = ops.convert_to_numpy(MeanLogSoftmax()(list(members)))
    two = [np.concatenate([np.zeros_like(m), m], axis=1) for m in members]
    both = ops.convert_to_numpy(MeanLogSoftmax()(two))
    np.testing.assert_allclose(mean[:, 0], both[:, 1] - both[:, 0], atol=1e-5)
