import numpy as np
import pytest
from keras import ops
from oneline import one_line

from lenszoo.layers import ColumnTokens


@pytest.fixture
def layer():
    tokens = ColumnTokens(5)
    tokens.build((None, 3))
    return tokens


def test_a_token_is_its_value_times_a_vector_plus_another(layer):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(200, 3)) * [2.0, 0.1, 50.0] + [1.0, -3.0, 20.0]
    layer.adapt(table)
    scaled = (table - table.mean(0)) / table.std(0)
    expected = scaled[..., None] * ops.convert_to_numpy(layer.slope) + ops.convert_to_numpy(
        layer.level
    )
    assert ops.convert_to_numpy(layer(table.astype(np.float32))) == pytest.approx(
        expected, abs=1e-4
    )


@pytest.mark.parametrize("gap", [np.nan, np.inf, -np.inf])
def test_a_gap_is_a_learned_vector_of_its_column(layer, gap):
    table = np.array([[1.0, gap, 2.0]], np.float32)
    tokens = ops.convert_to_numpy(layer(table))
    assert np.array_equal(tokens[0, 1], ops.convert_to_numpy(layer.missing)[1])
    assert np.isfinite(tokens).all()


def test_statistics_pass_over_gaps(layer):
    table = np.array([[1.0, np.nan, 7.0], [3.0, np.nan, 7.0], [np.nan, np.nan, 7.0]])
    layer.adapt(table)
    assert ops.convert_to_numpy(layer.mean) == pytest.approx([2.0, 0.0, 7.0])
    assert ops.convert_to_numpy(layer.deviation) == pytest.approx([1.0, 1.0, 1.0])


def test_wild_values_are_cut(layer):
    far, farther = (
        ops.convert_to_numpy(layer(np.full((1, 3), v, np.float32))) for v in (8.0, 1e30)
    )
    assert np.array_equal(far, farther)


def test_another_number_of_columns_is_refused(layer):
    one_line("not (rows, 3 columns)", lambda: layer.adapt(np.zeros((4, 2))))
