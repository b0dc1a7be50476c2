import json

import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.models.build import check_config, model_config, row_name
from lenszoo.models.registry import model_info
from lenszoo.pretrained.loading import build_model, load_model

TINY = {"input_shape": (32, 32, 1), "width": 2, "stem": "imagenet", "blocks": [1, 1]}


def test_defaults():
    model = build_model("simple_cnn")
    assert model.input_shape == (None, 150, 150, 1)
    assert model.output_shape == (None, 3)
    assert type(model).__module__.startswith("keras.")
    assert not model.compiled


def test_model_config_rebuilds_the_model_and_survives_a_keras_file(tmp_path):
    model = build_model(
        "resnet18_slim", **TINY | {"input_shape": [None, None, 2]}, dropout=0.25, num_classes=4
    )
    config = model_config(model)
    assert config["model"] == "resnet18_slim"
    assert config["input_shape"] == [None, None, 2]
    assert config["num_classes"] == 4
    assert config["options"] == {
        "activation": None, "crop": None, "dropout": 0.25, "head": "pool",
        "width": 2, "stem": "imagenet", "blocks": [1, 1],
    }  # fmt: skip
    assert json.loads(json.dumps(config)) == config
    again = build_model(
        config["model"],
        input_shape=config["input_shape"],
        num_classes=config["num_classes"],
        **config["options"],
    )
    assert model_config(again) == config
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    model.save(tmp_path / "a.keras")
    assert model_config(load_model(tmp_path / "a.keras")) == config
    config["options"]["width"] = 99
    assert model_config(model)["options"]["width"] == 2, "a copy, not the model's own"


def test_numbers_of_numpy_count_as_numbers():
    small = {"width": np.int64(2), "dropout": np.float32(0.25)}
    model = build_model("simple_cnn", num_classes=np.arange(4).max() + 1, **small)
    config = model_config(model)
    assert (config["num_classes"], config["options"]["width"]) == (4, 2)
    assert config["options"]["dropout"] == 0.25


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnet19", {}, "Unknown model 'resnet19'. Did you mean 'resnet18'?"),
        (
            "resnet18",
            {"droput": 0.1},
            "Unknown option of resnet18 'droput'. Did you mean 'dropout'?",
        ),
        ("resnet50", {"width": 8}, "Unknown option of resnet50 'width'."),
        ("resnet50", {"input_shape": (31, 32, 1)}, "resnet50 needs images of at least 32 x 32"),
        ("xception", {"input_shape": (150, 70, 1)}, "xception needs images of at least 71 x 71"),
        ("resnet18", {"input_shape": (150, 150)}, "must be (height, width, bands), got (150, 150)"),
        ("resnet18", {"input_shape": 150}, "must be (height, width, bands), got 150"),
        ("resnet18", {"input_shape": (99.5, 99, 1)}, "must be (height, width, bands)"),
        ("resnet18", {"input_shape": (99, 99, 0)}, "needs one band or more"),
        ("resnet18", {"input_shape": (99, 99, None)}, "needs one band or more"),
        (
            "resnet18",
            {"num_classes": 0},
            "num_classes of resnet18 must be a positive integer, got 0",
        ),
        ("resnet18", {"num_classes": "3"}, "must be a positive integer, got '3'"),
        ("resnet18", {"num_classes": 3.0}, "must be a positive integer, got 3.0"),
        ("resnet18", {"num_classes": True}, "must be a positive integer, got True"),
        ("resnet18", {"dropout": np.float32}, "An option of resnet18 has an illegal type"),
        ("simple_cnn", {"weights": "imagenet"}, "Nobody published ImageNet weights of simple_cnn"),
        ("simple_cnn", {"weights": "old.h5"}, "of .h5 files simple_cnn takes its own alone"),
    ],
)
def test_bad_arguments(name, arguments, message):
    with pytest.raises(LenszooError) as caught:
        build_model(name, **arguments)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(LenszooError) as caught:
            build_model("simple_cnn")
    finally:
        keras.config.set_image_data_format("channels_last")
    assert "channels last" in str(caught.value)


def test_a_complete_configuration_is_a_fixed_point():
    config = check_config(model_info("vit_ti16"), None, None, {"depth": np.int64(2)})
    assert config.num_classes == 3 and config.options["depth"] == 2
    shape, classes = config.input_shape, config.num_classes
    assert check_config(model_info("vit_ti16"), shape, classes, config.options) == config


@pytest.mark.parametrize(
    ("shape", "classes", "options"),
    [
        (None, 10**9, {}),
        ((32, 32, 10**6), None, {}),
        ((10**7, 32, 1), None, {}),
        (None, None, {"depth": 10**7}),
        (None, None, {"dim": 10**7}),
    ],
)
def test_absurd_sizes_are_refused_before_anything_is_built(shape, classes, options):
    one_line("at most", lambda: check_config(model_info("vit_ti16"), shape, classes, options))


def test_a_model_from_elsewhere_has_its_own_name():
    pixels = keras.Input((4, 4, 1))
    assert row_name(keras.Model(pixels, keras.layers.Flatten()(pixels), name="mine")) == "mine"
    assert row_name(build_model("resnet18_slim", **TINY)) == "resnet18_slim"
