import math

import keras
import numpy as np
import pytest

from lenszoo.models.vit import vit
from lenszoo.pretrained.saving import load_keras

TINY = {"patch": 4, "dim": 6, "depth": 2, "heads": 3, "mlp_dim": 10}


def tiny(input_shape=(12, 8, 2), num_classes=5, *, moved=0.6, **options):
    """A small model with every weight moved, also those that start at zero or one."""
    keras.utils.set_random_seed(0)
    model = vit(input_shape, num_classes, **{**TINY, **options})
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype == "float32":
            value = np.asarray(variable) + rng.normal(0, moved, variable.shape)
            # a running variance must stay positive
            variable.assign(np.abs(value) if "variance" in variable.path else value)
    return model


def pictures(*shape, seed=1):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def answers(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 86_567_656),
        ({"dim": 384, "heads": 6, "mlp_dim": 1536}, 22_050_664),
        ({"dim": 192, "heads": 3, "mlp_dim": 768}, 5_717_416),
    ],
)
def test_sizes_are_those_of_the_published_networks(options, count):
    """transformers' ViTForImageClassification, timm's deit_small and deit_tiny."""
    one, two = (vit((224, 224, 3), 1000, **options, depth=n).count_params() for n in (1, 2))
    assert one + 11 * (two - one) == count  # all twelve blocks are alike


DINOV2 = {"registers": 3, "layer_scale": 0.5, "mean": 0.4, "std": 0.2}


@pytest.mark.parametrize(
    "options",
    [{}, {"representation": 7}, {"head": "flatten"}, DINOV2, DINOV2 | {"head": "flatten"}],
)
@pytest.mark.parametrize("size", [(12, 8), (11, 6)])
def test_agrees_with_a_plain_numpy_transformer(size, options):
    model = tiny((*size, 2), **options)
    images = pictures(3, *size, 2)
    expected = numpy_vit(model, np.pad(images.astype(float), _padding(size)), **options)
    assert np.ptp(expected, axis=0).max() > 0.2  # the image matters
    np.testing.assert_allclose(answers(model, images), expected, rtol=1e-4, atol=1e-4)


def _padding(size):
    """By hand: 11 x 6 lacks a row (below) and two columns (one on each side) for patches of 4."""
    return ((0, 0), (0, 1), (1, 1), (0, 0)) if size == (11, 6) else ((0, 0),) * 4


def numpy_vit(
    model,
    images,
    head="pool",
    representation=None,
    registers=0,
    mean=0.5,
    std=0.5,
    layer_scale=None,
):
    """Figure 1 of Dosovitskiy et al., from the model's weights by name, on padded images."""
    weights = {variable.path: np.asarray(variable, float) for variable in model.variables}

    def dense(x, name):
        return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    def norm(x, name):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        x = (x - mean) / np.sqrt(variance + 1e-6)
        return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def attention(x, name):
        q, k, v = (
            np.einsum("bnd,dhs->bhns", x, weights[f"{name}/{part}/kernel"])
            + weights[f"{name}/{part}/bias"][:, None]
            for part in ("query", "key", "value")
        )
        scores = np.exp(q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]))
        mixed = scores / scores.sum(-1, keepdims=True) @ v
        out = np.einsum("bhns,hsd->bnd", mixed, weights[f"{name}/attention_output/kernel"])
        return out + weights[f"{name}/attention_output/bias"]

    def gelu(x):
        return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

    n, height, width, bands = images.shape

    def scale(y, name):
        return y if layer_scale is None else y * weights[f"{name}/factors"]

    cut = ((images - mean) / std).reshape(n, height // 4, 4, width // 4, 4, bands)
    cut = cut.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, 16 * bands)
    kernel = weights["patch_embedding/kernel"]
    x = cut @ kernel.reshape(-1, kernel.shape[-1]) + weights["patch_embedding/bias"]
    token = np.repeat(weights["class_token/token"], n, axis=0)
    x = np.concatenate([token, x], axis=1) + weights["positions/table"]
    if registers:
        beside = np.repeat(weights["registers/tokens"], n, axis=0)
        x = np.concatenate([x[:, :1], beside, x[:, 1:]], axis=1)
    for block in ("block1", "block2"):
        y = attention(norm(x, f"{block}_norm1"), f"{block}_attention")
        x = x + scale(y, f"{block}_scale1")
        y = gelu(dense(norm(x, f"{block}_norm2"), f"{block}_mlp1"))
        x = x + scale(dense(y, f"{block}_mlp2"), f"{block}_scale2")
    x = norm(x, "norm")
    if head == "pool":
        x = x[:, 0]
        if representation:
            x = np.tanh(dense(x, "pre_logits"))
    else:
        x = x[:, 1 + registers :].reshape(n, -1)
        mean, variance = (weights[f"features_bn/moving_{m}"] for m in ("mean", "variance"))
        x = (x - mean) / np.sqrt(variance + 1e-3)
        x = x * weights["features_bn/gamma"] + weights["features_bn/beta"]
    return dense(x, "logits")


def test_150_pixels_are_ten_patches_with_five_black_pixels_on_every_side():
    model = tiny((150, 150, 1), patch=16)
    assert model.get_layer("positions").grid == (10, 10)
    larger = tiny((160, 160, 1), patch=16)
    larger.set_weights(model.get_weights())
    images = pictures(2, 150, 150, 1)
    padded = np.pad(images, ((0, 0), (5, 5), (5, 5), (0, 0)))
    np.testing.assert_allclose(
        answers(model, images), answers(larger, padded), rtol=1e-5, atol=1e-5
    )
    assert all(layer.name != "pad" for layer in larger.layers)


def test_head_and_features():
    model = tiny(dropout=0.2)
    assert [layer.name for layer in model.layers][-4:] == ["features", "dropout", "logits", "guard"]
    assert model.get_layer("features").output.shape == (None, 6)
    assert tiny(head="flatten").get_layer("features").output.shape == (None, 3 * 2 * 6)
    assert tiny(representation=7).get_layer("features").output.shape == (None, 7)


@pytest.mark.parametrize("options", [{}, {"representation": 7}, {"head": "flatten"}])
def test_a_keras_file_holds_the_whole_model(tmp_path, options):
    model = tiny((11, 6, 2), **options)
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
    assert half.get_layer("positions").compute_dtype == "bfloat16"
    images = pictures(4, 12, 8, 2)
    answer = answers(half, images)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, answers(tiny(moved=0.2), images), atol=0.05)
