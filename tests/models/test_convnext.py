import math

import keras
import numpy as np
import pytest

from lenszoo.models.convnext import convnext

TINY = {"depths": (1, 2, 1, 1), "dims": (3, 4, 5, 6)}


def tiny(head="pool", **options):
    """A small model of two bands with every weight moved."""
    keras.utils.set_random_seed(0)
    model = convnext((37, 44, 2), 5, head=head, **TINY, **options)
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype == "float32":
            value = np.asarray(variable) + rng.normal(0, 0.4, variable.shape)
            variable.assign(np.abs(value) if "variance" in variable.path else value)
    return model


def numpy_convnext(model, images, head, mean, std):
    """Figure 4 of Liu et al., from the model's weights by name, in float64."""
    weights = {variable.path: np.asarray(variable, float) for variable in model.variables}

    def windows(x, side, step):
        return np.lib.stride_tricks.sliding_window_view(x, (side, side), (1, 2))[:, ::step, ::step]

    def conv(x, name, side):
        kernel = weights[f"{name}/kernel"]
        return (
            np.einsum("bhwcij,ijco->bhwo", windows(x, side, side), kernel) + weights[f"{name}/bias"]
        )

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def dense(x, name):
        return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    x = norm(conv((images - mean) / std, "stem_conv", 4), "stem_norm")
    for stage, depth in enumerate(TINY["depths"], start=1):
        if stage > 1:
            x = conv(norm(x, f"stage{stage}_down_norm"), f"stage{stage}_down_conv", 2)
        for block in range(1, depth + 1):
            name = f"stage{stage}_block{block}"
            seen = windows(np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0))), 7, 1)
            y = np.einsum("bhwcij,ijc->bhwc", seen, weights[f"{name}_depth_conv/kernel"][..., 0])
            y = dense(norm(y + weights[f"{name}_depth_conv/bias"], f"{name}_norm"), f"{name}_mlp1")
            y = y * (1 + np.vectorize(math.erf)(y / math.sqrt(2))) / 2
            x = x + weights[f"{name}_scale/factors"] * dense(y, f"{name}_mlp2")
    if head == "pool":
        return dense(norm(x.mean((1, 2)), "norm"), "logits")
    return norm(x, "norm")


@pytest.mark.parametrize(("head", "scaling"), [("pool", {}), ("flatten", {"mean": 0, "std": 1})])
def test_agrees_with_a_plain_numpy_network(head, scaling):
    model = tiny(head, **scaling)
    images = np.random.default_rng(1).random((2, 37, 44, 2), dtype=np.float32)
    mean, std = scaling.get("mean", 0.449), scaling.get("std", 0.226)
    expected = numpy_convnext(model, images.astype(float), head, mean, std)
    assert np.ptp(expected, axis=0).max() > 0.1  # the image matters
    if head == "flatten":
        model = keras.Model(model.input, model.get_layer("norm").output)
    answer = keras.ops.convert_to_numpy(model(images, training=False))
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4)
