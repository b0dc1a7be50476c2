import numpy as np
from keras import ops

from lenszoo.layers import ClassToken, PositionEmbedding, Registers

TOKENS = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)


def test_class_token_is_first_and_the_same_for_every_image():
    layer = ClassToken()
    tokens = ops.convert_to_numpy(layer(TOKENS))
    np.testing.assert_array_equal(tokens[:, 1:], TOKENS)
    token = ops.convert_to_numpy(layer.token)[0, 0]
    np.testing.assert_array_equal(tokens[:, 0], np.tile(token, (3, 1)))
    assert 0 < np.abs(token).max() < 0.1


def test_registers_come_second_and_are_the_same_for_every_image():
    layer = Registers(2)
    tokens = ops.convert_to_numpy(layer(TOKENS))
    np.testing.assert_array_equal(tokens[:, [0, 3, 4, 5]], TOKENS)
    added = ops.convert_to_numpy(layer.tokens)
    np.testing.assert_array_equal(tokens[:, 1:3], np.tile(added, (3, 1, 1)))
    assert layer.compute_output_shape(TOKENS.shape) == tokens.shape
    assert Registers.from_config(layer.get_config()).count == 2


def test_position_embedding_adds_its_table():
    layer = PositionEmbedding((1, 3))
    tokens = ops.convert_to_numpy(layer(TOKENS))
    table = ops.convert_to_numpy(layer.table)
    np.testing.assert_allclose(tokens - TOKENS, np.tile(table, (3, 1, 1)), atol=1e-6)
