import keras
import numpy as np
import pytest

from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import save_weights
from lenszoo.tasks.blocks import add_lora, freeze, layer_rates, split_layers


def names(layers):
    return [layer.name for layer in layers]


@pytest.fixture(scope="module")
def resnet():
    return build_model("resnet18", input_shape=(32, 32, 1), width=4)


def test_every_weight_has_one_place(resnet):
    parts = split_layers(resnet)
    assert names(parts.stem) == ["stem_conv", "stem_bn"]
    assert list(parts.blocks) == [f"stage{s}_block{b}" for s in (1, 2, 3, 4) for b in (1, 2)]
    assert "stage2_block1_down_conv" in names(parts.blocks["stage2_block1"])
    assert names(parts.head) == ["logits"]
    placed = [*parts.stem, *(layer for b in parts.blocks.values() for layer in b), *parts.head]
    assert sorted(names(placed)) == sorted(layer.name for layer in resnet.layers if layer.weights)


def test_a_network_without_named_blocks_has_one_for_each_kernel():
    model = build_model("simple_cnn", input_shape=(20, 20, 1), width=4, head="flatten")
    parts = split_layers(model)
    assert parts.stem == []
    assert {name: names(block) for name, block in parts.blocks.items()} == {
        f"conv{i}": [f"conv{i}", f"bn{i}"] for i in (1, 2, 3, 4)
    }
    assert names(parts.head) == ["features_bn", "logits"]


@pytest.mark.parametrize(
    ("layers", "block"),
    [
        (("conv2_block1_1_conv", "conv2_block1_0_bn"), "conv2_block1"),
        (("block2a_dwconv", "block2a_se_reduce"), "block2a"),
        (("block5_sepconv1", "block5_sepconv1_bn"), "block5"),
        (("block_16_expand", "block_16_project_BN"), "block_16"),
        (("expanded_conv_10_expand", "expanded_conv_10_squeeze_excite_conv_1"), "expanded_conv_10"),
        (("expanded_conv_depthwise", "expanded_conv_squeeze_excite_conv_1"), "expanded_conv"),
        (("tiny_stage_0_block_1_layer_scale", "tiny_stage_0_block_1_conv"), "tiny_stage_0_block_1"),
        (("encoder_block_3_attention", "encoder_block_3_mlp1"), "encoder_block_3"),
    ],
)
def test_blocks_are_known_by_the_prefixes_of_the_families(layers, block):
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 1, name="stem_conv")(images)
    for name in layers:
        x = keras.layers.Conv2D(2, 1, name=name)(x)
    x = keras.layers.Conv2D(2, 1, name="transition")(x)  # belongs to the block before
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    parts = split_layers(keras.Model(images, keras.layers.Dense(2, name="logits")(x)))
    assert {name: names(b) for name, b in parts.blocks.items()} == {block: [*layers, "transition"]}
    assert names(parts.stem) == ["stem_conv"]


def test_freeze_takes_the_stem_and_the_first_blocks_in_order(resnet):
    changed = freeze(resnet, 2)
    assert {layer.name.rsplit("_", 1)[0] for layer in changed} == {
        "stem",
        "stage1_block1",
        "stage1_block2",
    }
    left = {v.path.split("/")[0] for v in resnet.trainable_variables}
    assert not left & set(names(changed))
    rest = freeze(resnet, "backbone")
    assert not set(names(rest)) & set(names(changed))  # only what was trainable until now
    assert {v.path.split("/")[0] for v in resnet.trainable_variables} == {"logits"}


@pytest.mark.parametrize("choice", [9, 0])
def test_a_number_of_blocks_that_the_network_has_not_is_refused(choice, resnet):
    model = build_model("simple_cnn", input_shape=(20, 20, 1), width=4) if choice == 0 else resnet
    with pytest.raises(LenszooError, match=rf"freeze = {choice}: .* has \d blocks") as caught:
        freeze(model, choice)
    assert "\n" not in str(caught.value)


def test_rates_fall_from_the_head_to_the_stem(resnet):
    rates = layer_rates(resnet, 0.5)
    assert set(rates) == {v.path for v in resnet.weights}
    assert rates["logits/kernel"] == rates["logits/bias"] == 1.0
    assert rates["stage4_block2_bn1/gamma"] == 0.5
    assert rates["stage1_block1_conv1/kernel"] == 0.5**8
    np.testing.assert_allclose(rates["stem_conv/kernel"], 0.5**9)


CONVNEXT = {"depths": (1, 1, 1, 1), "dims": (4, 4, 6, 8), "layer_scale": 0.5}


def test_of_a_lens_finder_the_backbone_is_sorted_and_the_rest_is_head():
    model = build_model("lens_finder", input_shape=(32, 32, 1), columns=2, backbone="resnet18_slim")
    parts = split_layers(model)
    assert names(parts.stem) == ["stem_conv", "stem_bn"]
    assert list(parts.blocks)[-1] == "stage4_block2"
    assert {"image_tokens", "columns", "attention", "logits"} <= set(names(parts.head))
    freeze(model, "backbone")
    assert not model.get_layer("backbone").trainable_variables
    assert not {v.path.split("/")[0] for v in model.trainable_variables} & set(names(parts.stem))
    plain = split_layers(build_model("lens_finder", input_shape=(32, 32, 1), columns=2))
    assert {name: names(block) for name, block in plain.blocks.items()} == {
        "conv1": ["conv1", "bn1"],
        "conv2": ["conv2", "bn2"],
    }


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("row", "options"),
    [("convnext_atto", CONVNEXT), ("vit_ti16", {"depth": 1, "dim": 8, "heads": 2, "mlp_dim": 12})],
)
def test_lora_changes_nothing_at_first_and_is_merged_in_files(row, options, policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        model = build_model(row, input_shape=(32, 32, 1), **options)
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(0)
    images = rng.random((2, 32, 32, 1), dtype=np.float32)
    before, weights = np.asarray(model(images)), model.get_weights()
    add_lora(model, 3)
    np.testing.assert_array_equal(np.asarray(model(images)), before)
    trained = {variable.name for variable in model.trainable_variables}
    assert trained == {"lora_kernel_a", "lora_kernel_b", "kernel", "bias"}
    adapted = [v for v in model.trainable_variables if v.name.startswith("lora")]
    left = [v.path for v in model.trainable_variables if not v.name.startswith("lora")]
    assert left == ["logits/kernel", "logits/bias"]
    for variable in adapted:
        variable.assign(rng.normal(0, 1, variable.shape))
    expected = np.asarray(model(images))
    path = save_weights(model, tmp_path / "w.weights.h5")
    plain = build_model(row, weights=path)
    assert [w.shape for w in plain.get_weights()] == [w.shape for w in weights]
    tolerance = 1e-4 if policy == "float32" else 0.1
    np.testing.assert_allclose(np.asarray(plain(images)), expected, atol=tolerance)
    assert np.abs(expected - before).max() > 3 * tolerance


def test_lora_needs_dense_layers():
    with pytest.raises(LenszooError, match=r"lora = 4: the blocks of resnet18 have no dense"):
        add_lora(build_model("resnet18", input_shape=(32, 32, 1), width=4), 4)
