import numpy as np
from oneline import one_line

from lenszoo.models.beit import beit
from lenszoo.pretrained.imported import beit as published
from lenszoo.pretrained.imported.transfer import backbone_variables


def tiny(input_shape=(12, 8, 2), **options):
    """A small beit; its tables are of 3 x 2 patches."""
    sizes = {"patch": 4, "dim": 6, "depth": 2, "heads": 3, "mlp_dim": 10}
    return beit(input_shape, 5, **sizes, **options)


def test_resizing_biases_keeps_the_class_tokens_rows_and_symmetry():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3 * 3 + 3, 2))  # 2 x 2 patches
    resized = published.resize_biases(table, (2, 2), (3, 4))
    assert resized.shape == (5 * 7 + 3, 2)
    np.testing.assert_array_equal(resized[-3:], table[-3:])
    offsets = resized[:-3].reshape(5, 7, 2)
    # no offset stays no offset, and the far corners keep theirs
    np.testing.assert_allclose(offsets[2, 3], table[4], atol=1e-12)
    np.testing.assert_allclose(offsets[0, 0], table[0], atol=1e-12)
    np.testing.assert_allclose(offsets[4, 6], table[8], atol=1e-12)
    np.testing.assert_array_equal(published.resize_biases(table, (2, 2), (2, 2)), table)


def test_a_table_of_another_grid_is_refused():
    one_line(
        "is not one of 2 x 3 patches",
        lambda: published.resize_biases(np.zeros((12, 2)), (2, 3), (3, 3)),
    )
    part = published.names(tiny())["block1_attention/bias_table"]
    one_line(
        "A table of 19 biases is not that of a square", lambda: part.convert(np.zeros((19, 3)))
    )


def test_a_published_table_comes_to_the_models_grid():
    model = tiny()  # 3 x 2 patches
    convert = published.names(model)["block1_attention/bias_table"].convert
    own = np.arange((5 * 3 + 3) * 3.0).reshape(-1, 3)
    np.testing.assert_array_equal(convert(own), own)
    other = np.random.default_rng(0).normal(size=(7 * 7 + 3, 3))
    expected = published.resize_biases(other, (4, 4), (3, 2))
    np.testing.assert_array_equal(convert(other), expected)


def test_every_variable_below_the_head_has_a_name_of_its_own():
    model = tiny()
    parts = published.names(model)
    assert set(parts) == set(backbone_variables(model))
    assert len({part.name for part in parts.values()}) == len(parts)
