import numpy as np
from keras import layers, ops

from lenszoo.layers import RelativeAttention

TOKENS = np.random.default_rng(0).normal(size=(2, 7, 8)).astype(np.float32)


def test_without_biases_it_is_self_attention():
    layer = RelativeAttention(2, (2, 3))
    result = ops.convert_to_numpy(layer(TOKENS))
    plain = layers.MultiHeadAttention(2, 4)
    plain.build(TOKENS.shape, TOKENS.shape)
    query, key, value, output = (
        getattr(layer, f"{name}_dense") for name in ("query", "key", "value", "output")
    )
    weights = []
    for dense in (query, key, value):
        kernel = ops.convert_to_numpy(dense.kernel).reshape(8, 2, 4)
        bias = ops.convert_to_numpy(dense.bias) if dense.use_bias else np.zeros(8)
        weights += [kernel, bias.reshape(2, 4)]
    weights += [ops.convert_to_numpy(output.kernel).reshape(2, 4, 8), output.bias]
    plain.set_weights([np.asarray(w) for w in weights])
    expected = ops.convert_to_numpy(plain(TOKENS, TOKENS))
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_pairs_at_one_offset_share_a_bias():
    h, w = 2, 3
    offsets = ops.convert_to_numpy(RelativeAttention(1, (h, w)).offsets())
    places = [(row, column) for row in range(h) for column in range(w)]
    by_offset = {}
    for i, first in enumerate(places):
        for j, second in enumerate(places):
            offset = first[0] - second[0], first[1] - second[1]
            by_offset.setdefault(offset, set()).add(int(offsets[i + 1, j + 1]))
    assert all(len(rows) == 1 for rows in by_offset.values())
    assert len(by_offset) == (2 * h - 1) * (2 * w - 1)
    assert len(np.unique(offsets)) == len(by_offset) + 3  # and the class token's three
