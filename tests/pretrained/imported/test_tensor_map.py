"""Tensors in PyTorch's layout do in Keras' layers what their definitions say."""

import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo.pretrained.imported import tensor_map


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def filled(layer, parts, tensors, *shapes):
    """A layer with the variables that its parts make of tensors."""
    layer.build(*shapes)
    for variable in layer.weights:
        part = parts[variable.path]
        variable.assign(part.convert(tensors[part.name]))
    return layer


def test_a_linear_layer_is_x_times_its_weight_transposed():
    weight, bias, x = draw(5, 3), draw(5, seed=1), draw(2, 3, seed=2)
    parts = tensor_map.linear("dense", "fc")
    layer = filled(
        keras.layers.Dense(5, name="dense"), parts, {"fc.weight": weight, "fc.bias": bias}, x.shape
    )
    np.testing.assert_allclose(layer(x), x @ weight.T + bias, atol=1e-5)
    assert tensor_map.linear("dense", "fc", bias=False).keys() == {"dense/kernel"}


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
def test_a_convolution_correlates_each_output_with_its_kernel(kind):
    depthwise = kind == "depthwise"
    weight, x = draw(3, 1 if depthwise else 2, 3, 3), draw(1, 3, 3, 3 if depthwise else 2, seed=1)
    kernel = getattr(tensor_map, kind)(weight)
    operation = keras.ops.depthwise_conv if depthwise else keras.ops.conv
    found = np.asarray(operation(x.astype("float32"), kernel.astype("float32"), padding="valid"))
    channels = x.transpose(0, 3, 1, 2)
    for out in range(3):
        seen = channels[:, out : out + 1] if depthwise else channels
        assert found[0, 0, 0, out] == pytest.approx(np.sum(seen * weight[out]), abs=1e-5)


def test_attention_is_that_of_its_projections():
    dim, heads, n = 6, 2, 4
    x = draw(1, n, dim)
    names = [f"at.attention.{part}" for part in ("query", "key", "value")] + ["at.output.dense"]
    tensors = {f"{name}.weight": draw(dim, dim, seed=i) for i, name in enumerate(names)}
    tensors |= {f"{name}.bias": draw(dim, seed=9 + i) for i, name in enumerate(names)}
    parts = tensor_map.attention("mha", "at", heads)
    layer = keras.layers.MultiHeadAttention(heads, dim // heads, name="mha")
    layer = filled(layer, parts, tensors, x.shape, x.shape)

    def project(values, name):
        return values @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def split(values):
        return values.reshape(n, heads, -1).transpose(1, 0, 2)

    query, key, value = (split(project(x[0], name)) for name in names[:3])
    scores = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(dim / heads))
    attended = scores / scores.sum(axis=-1, keepdims=True) @ value
    expected = project(attended.transpose(1, 0, 2).reshape(n, dim), names[3])
    np.testing.assert_allclose(layer(x, x)[0], expected, atol=1e-4)


def test_fused_attention_is_the_same_with_one_tensor_for_three():
    dim, heads = 6, 3
    whole = {"at.qkv.weight": draw(3 * dim, dim), "at.qkv.bias": draw(3 * dim, seed=1)}
    whole |= {"at.proj.weight": draw(dim, dim, seed=2), "at.proj.bias": draw(dim, seed=3)}
    apart = {
        f"at.attention.{part}.{kind}": whole[f"at.qkv.{kind}"][k * dim : (k + 1) * dim]
        for k, part in enumerate(("query", "key", "value"))
        for kind in ("weight", "bias")
    }
    apart |= {f"at.output.dense.{kind}": whole[f"at.proj.{kind}"] for kind in ("weight", "bias")}
    fused = tensor_map.fused_attention("mha", "at", heads)
    for path, part in tensor_map.attention("mha", "at", heads).items():
        expected = part.convert(apart[part.name])
        np.testing.assert_array_equal(fused[path].convert(whole[fused[path].name]), expected)


def test_a_prefix_is_what_stands_before_an_anchor():
    anchors = ("stem.0.weight", "patch.weight")
    for prefix in ("", "encoder.", "model.net."):
        assert tensor_map.prefix_of([f"{prefix}stem.0.weight", "head.bias"], anchors) == prefix
    assert tensor_map.prefix_of(["mystem.0.weight", "fc.bias"], anchors) == ""
    several = ["teacher.patch.weight", "student.patch.weight"]
    one_line(
        "several networks (student., teacher.)", lambda: tensor_map.prefix_of(several, anchors)
    )


def test_a_batch_norm_takes_statistics_and_scale():
    x, values = draw(4, 3), {k: draw(3, seed=i) for i, k in enumerate(("weight", "bias"))}
    values |= {"running_mean": draw(3, seed=7), "running_var": np.abs(draw(3, seed=8)) + 0.5}
    layer = filled(
        keras.layers.BatchNormalization(epsilon=1e-5, name="bn"),
        tensor_map.batch_norm("bn", "n"),
        {f"n.{key}": value for key, value in values.items()},
        x.shape,
    )
    unit = (x - values["running_mean"]) / np.sqrt(values["running_var"] + 1e-5)
    np.testing.assert_allclose(layer(x), unit * values["weight"] + values["bias"], atol=1e-5)
