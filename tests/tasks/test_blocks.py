import keras
import numpy as np
import pytest

from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.tasks.blocks import freeze, layer_rates, split_layers


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
