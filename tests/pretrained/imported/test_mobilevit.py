import numpy as np
import pytest

from lenszoo import build_model
from lenszoo.pretrained.imported.mobilevit import names
from lenszoo.pretrained.imported.transfer import backbone_variables

TINY = {"channels": [4, 4, 8, 8, 8, 8, 16], "dims": [8, 8, 8], "depths": [1, 2, 1]}


@pytest.fixture(scope="module")
def model():
    return build_model("mobilevit_xxs", input_shape=(32, 32, 3), **TINY)


def test_every_variable_below_the_head_has_a_name_of_its_own(model):
    parts = names(model)
    assert set(parts) == set(backbone_variables(model))
    assert len({part.name for part in parts.values()}) == len(parts)


@pytest.mark.parametrize(
    ("variable", "tensor"),
    [
        ("stem_conv/kernel", "conv_stem.convolution.weight"),
        ("stage2_block3_reduce_bn/gamma",
         "encoder.layer.1.layer.2.reduce_1x1.normalization.weight"),
        ("stage3_down_expand_conv/kernel",
         "encoder.layer.2.downsampling_layer.expand_1x1.convolution.weight"),
        ("stage4_block2_mlp1/bias",
         "encoder.layer.3.transformer.layer.1.intermediate.dense.bias"),
        ("stage4_norm/beta", "encoder.layer.3.layernorm.bias"),
        ("last_bn/moving_mean", "conv_1x1_exp.normalization.running_mean"),
    ],
)  # fmt: skip
def test_names_are_those_of_the_published_files(model, variable, tensor):
    assert names(model)[variable].name == f"mobilevit.{tensor}"


def test_the_stem_takes_blue_green_red_as_red_green_blue(model):
    kernel = np.random.default_rng(0).normal(size=(4, 3, 3, 3))
    turned = names(model)["stem_conv/kernel"].convert(kernel)
    np.testing.assert_array_equal(turned[:, :, 0], kernel[:, 2].transpose(1, 2, 0))
