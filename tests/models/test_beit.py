import math

import keras
import numpy as np
import pytest

from lenszoo.models.beit import beit
from lenszoo.pretrained.saving import load_keras

TINY = {"patch": 4, "dim": 6, "depth": 2, "heads": 3, "mlp_dim": 10}


def tiny(input_shape=(12, 8, 2), num_classes=5, *, moved=0.6, **options):
    """A small model with every weight moved, also those that start at zero or one."""
    keras.utils.set_random_seed(0)
    model = beit(input_shape, num_classes, **{**TINY, **options})
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype == "float32":
            value = np.asarray(variable) + rng.normal(0, moved, variable.shape)
            variable.assign(np.abs(value) if "variance" in variable.path else value)
    return model


def pictures(*shape, seed=1):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def answers(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def test_size_is_that_of_the_published_network():
    """transformers' BeitForImageClassification as microsoft/beit-base-patch16-224."""
    one, two = (beit((224, 224, 3), 1000, depth=n).count_params() for n in (1, 2))
    assert one + 11 * (two - one) == 86_530_984  # all twelve blocks are alike


@pytest.mark.parametrize("head", ["pool", "flatten"])
@pytest.mark.parametrize("size", [(12, 8), (11, 6)])
def test_agrees_with_a_plain_numpy_transformer(size, head):
    model = tiny((*size, 2), head=head)
    images = pictures(3, *size, 2)
    # by hand: 11 x 6 lacks a row (below) and two columns (one on each side) for patches of 4
    padding = ((0, 0), (0, 1), (1, 1), (0, 0)) if size == (11, 6) else ((0, 0),) * 4
    expected = numpy_beit(model, np.pad(images.astype(float), padding), head)
    assert np.ptp(expected, axis=0).max() > 0.2  # the image matters
    np.testing.assert_allclose(answers(model, images), expected, rtol=1e-4, atol=1e-4)


def bias_between(table, first, second, grid):
    """The bias from token ``first`` to token ``second``, by the rule of the paper's code."""
    h, w = grid
    if first == 0 and second == 0:
        return table[-1]
    if second == 0:
        return table[-2]
    if first == 0:
        return table[-3]
    down = (first - 1) // w - (second - 1) // w
    right = (first - 1) % w - (second - 1) % w
    return table[: (2 * h - 1) * (2 * w - 1)].reshape(2 * h - 1, 2 * w - 1, -1)[
        down + h - 1, right + w - 1
    ]


def numpy_beit(model, images, head):
    """transformers' BEiT in NumPy, from the model's weights by name, on padded images."""
    weights = {variable.path: np.asarray(variable, float) for variable in model.variables}
    n, height, width, bands = images.shape
    grid = (height // 4, width // 4)
    tokens = 1 + grid[0] * grid[1]

    def dense(x, name):
        return x @ weights[f"{name}/kernel"] + weights.get(f"{name}/bias", 0.0)

    def norm(x, name):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        x = (x - mean) / np.sqrt(variance + 1e-12)
        return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def attention(x, name):
        q, k, v = (
            dense(x, f"{name}/{part}").reshape(n, tokens, 3, 2).swapaxes(1, 2)
            for part in ("query", "key", "value")
        )
        table = weights[f"{name}/bias_table"]
        bias = np.array(
            [[bias_between(table, i, j, grid) for j in range(tokens)] for i in range(tokens)]
        )
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(2) + bias.transpose(2, 0, 1)
        scores = np.exp(scores)
        mixed = scores / scores.sum(-1, keepdims=True) @ v
        return dense(mixed.swapaxes(1, 2).reshape(n, tokens, -1), f"{name}/output")

    def gelu(x):
        return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

    cut = (images * 2 - 1).reshape(n, grid[0], 4, grid[1], 4, bands)
    cut = cut.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, 16 * bands)
    kernel = weights["patch_embedding/kernel"]
    x = cut @ kernel.reshape(-1, kernel.shape[-1]) + weights["patch_embedding/bias"]
    x = np.concatenate([np.repeat(weights["class_token/token"], n, axis=0), x], axis=1)
    for block in ("block1", "block2"):
        y = attention(norm(x, f"{block}_norm1"), f"{block}_attention")
        x = x + weights[f"{block}_scale1/factors"] * y
        y = dense(gelu(dense(norm(x, f"{block}_norm2"), f"{block}_mlp1")), f"{block}_mlp2")
        x = x + weights[f"{block}_scale2/factors"] * y
    if head == "pool":
        x = norm(x[:, 1:].mean(axis=1), "norm")
    else:
        x = norm(x[:, 1:], "norm").reshape(n, -1)
        mean, variance = (weights[f"features_bn/moving_{m}"] for m in ("mean", "variance"))
        x = (x - mean) / np.sqrt(variance + 1e-3)
        x = x * weights["features_bn/gamma"] + weights["features_bn/beta"]
    return dense(x, "logits")


def test_starts_without_bias_and_with_small_branches():
    model = beit((12, 8, 1), 3, **TINY, layer_scale=0.01)
    attention = model.get_layer("block1_attention")
    assert np.all(np.asarray(attention.bias_table) == 0)
    assert attention.key_dense.bias is None
    assert np.all(np.asarray(model.get_layer("block2_scale1").factors) == np.float32(0.01))
    # a zero class token would stand where a layer norm of epsilon 1e-12 has no usable gradient
    assert np.std(np.asarray(model.get_layer("class_token").token)) > 1e-3


def test_trains():
    keras.utils.set_random_seed(0)
    model = beit((12, 8, 1), 3, **TINY)
    model.compile(
        keras.optimizers.SGD(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    images, labels = pictures(6, 12, 8, 1), np.arange(6) % 3
    losses = [float(model.train_on_batch(images, labels)) for _ in range(5)]
    assert losses[-1] < losses[0]
    assert np.any(np.asarray(model.get_layer("block1_attention").bias_table) != 0)


@pytest.mark.parametrize("head", ["pool", "flatten"])
def test_a_keras_file_holds_the_whole_model(tmp_path, head):
    model = tiny((11, 6, 2), head=head)
    model.save(tmp_path / "model.keras")
    again = load_keras(tmp_path / "model.keras")
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    images = pictures(2, 11, 6, 2)
    np.testing.assert_array_equal(answers(again, images), answers(model, images))


def test_half_precision_gives_float32_logits_close_to_full():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = tiny(moved=0.2)
    finally:
        keras.config.set_dtype_policy(before)
    assert half.get_layer("block1_attention").query_dense.compute_dtype == "bfloat16"
    images = pictures(4, 12, 8, 2)
    answer = answers(half, images)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, answers(tiny(moved=0.2), images), atol=0.05)
