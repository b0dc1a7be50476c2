import pytest

from lenszoo.errors import LenszooError
from lenszoo.models.checks import check_names, check_positive, check_rate
from lenszoo.pretrained.loading import build_model


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2", None])
def test_only_positive_integers_pass(value):
    check_positive(width=1, depth=12)
    with pytest.raises(LenszooError, match=r"^width .*, got "):
        check_positive(depth=1, width=value)


@pytest.mark.parametrize("value", [1.0, -0.1, float("nan"), True, "0.1"])
def test_only_rates_pass(value):
    check_rate(dropout=0, other=0.99)
    with pytest.raises(LenszooError, match=r"^dropout .*, got "):
        check_rate(dropout=value)


@pytest.mark.parametrize("names", ["abc", ["a", "a"], ["a", 1], ["a", ""], None, 5.0])
def test_only_lists_of_distinct_names_pass(names):
    assert check_names("columns", ["a", "b"]) == ("a", "b")
    with pytest.raises(LenszooError, match=r"^columns "):
        check_names("columns", names)


# row: options that are illegal there, the option at fault first
ILLEGAL = {
    "simple_cnn": [
        {"head": "flaten"},
        {"activation": "sofmax"},
        {"activation": "softmax", "num_classes": 1},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": True},
        {"dropout": "much"},
        {"head": "flatten", "input_shape": (None, None, 1)},
        {"width": 0},
    ],
    "cnn_attention": [{"heads": 3}, {"heads": True}],
    "resnet18": [
        {"width": 0},
        {"width": 2.5},
        {"stem": "fin"},
        {"blocks": []},
        {"blocks": 3},
        {"blocks": [2, 0]},
    ],
    "mobilevit_s": [
        {"channels": [8, 8, 8]},
        {"channels": 16},
        {"dims": [64, 80, 0]},
        {"dims": [64, 80, 98]},
        {"depths": [2, 4.0, 3]},
        {"expansion": True},
        {"transformer_dropout": 1},
    ],
    "convnext_atto": [
        {"depths": [1, 1, 1]},
        {"dims": [4, 4, 4, 0]},
        {"dims": 8},
        {"mean": "grey"},
        {"mean": True},
        {"std": 0.0},
        {"std": [0.2, 0.2, 0.2]},
    ],
    "dinov2_s14": [{"registers": 0}, {"registers": 1.5}, {"std": -1.0}],
    "vit_ti16": [
        {"patch": 0},
        {"dim": 6.0},
        {"depth": True},
        {"mlp_dim": None},
        {"heads": 5},
        {"representation": 0},
        {"representation": 3, "head": "flatten"},
        {"input_shape": (None, 32, 1)},
    ],
    "beit_b16": [{"patch": 0}, {"heads": 5}, {"input_shape": (32, None, 1)}],
    "equivariant_transformer": [
        {"width": 0},
        {"rounds": 1.5},
        {"rounds": 8},
        {"input_shape": (None, 16, 1)},
        {"combine": "concat"},
        {"heads": 3},
        {"start": "resnet51", "rounds": 3},
        {"start": "resnet50", "rounds": 2},
        {"rings": 1},
    ],
    "lens_finder": [
        {"use": "table"},
        {"use": "tabel", "columns": 2},
        {"columns": "mag_r"},
        {"columns": ["mag_r", "mag_r"]},
        {"backbone": "srcnn"},
        {"dim": 30},
        {"dropout": 1.0},
        {"stretch": "zscal"},
        {"mean": 0.5},
        {"std": 0.5, "backbone": "resnet18_slim"},
    ],
    "srcnn": [
        {"scale": 3},
        {"scale": True},
        {"scale": "2"},
        {"scale": [2]},
        {"kernel": 0},
        {"width": 2.5},
        {"upsampling": "resize"},
    ],
    "srresnet_1": [{"upsampling": "pixel"}, {"skip": "cubic"}, {"blocks": 0}, {"width": "8"}],
    "esrn_4": [{"growth": -1}],
    "srgan": [{"discriminator_width": 0}],
}
CASES = [(row, options) for row, several in ILLEGAL.items() for options in several]


@pytest.mark.parametrize(("row", "options"), CASES, ids=str)
def test_an_illegal_option_and_its_value_are_named_in_one_line(row, options):
    option = next(iter(options))
    with pytest.raises(LenszooError) as error:
        build_model(row, **options)
    line = str(error.value)
    assert "\n" not in line
    assert option in line
    assert any(str(value) in line for value in options.values()) or "Unknown option" in line
