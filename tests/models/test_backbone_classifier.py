import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import build_model, load_model, model_config


def backbone(bands=3, side=None, vector=False):
    images = keras.Input((side, side, bands))
    x = keras.layers.Conv2D(5, 3, strides=2)(images)
    if vector:
        x = keras.layers.GlobalMaxPooling2D()(x)
    return keras.Model(images, x, name="mine")


def answer(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.mark.parametrize("vector", [False, True])
def test_the_backbone_keeps_its_weights_and_sees_scaled_grey(vector, tmp_path):
    theirs = backbone(vector=vector)
    model = build_model(
        "classifier", backbone=theirs, input_shape=(20, 24, 1), mean=0.2, std=0.1, num_classes=4
    )
    images = np.random.default_rng(0).random((3, 20, 24, 1), dtype=np.float32)
    maps = answer(theirs, np.repeat((images - 0.2) / 0.1, 3, axis=-1))
    features = maps if vector else maps.mean(axis=(1, 2))
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(answer(model, images), features @ kernel + bias, atol=1e-5)
    assert model_config(model)["options"]["backbone"] == "mine"
    model.save(tmp_path / "mine.keras")
    again = load_model(tmp_path / "mine.keras")
    np.testing.assert_allclose(answer(again, images), answer(model, images), atol=1e-6)


def test_a_backbone_of_keras_applications_learns():
    whole = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(32, 32, 3), include_preprocessing=False
    )
    theirs = keras.Model(whole.input, whole.get_layer("expanded_conv_1_project_bn").output)
    model = build_model("classifier", backbone=theirs)
    assert model.input_shape == (None, 32, 32, 3)
    images = np.random.default_rng(0).random((6, 32, 32, 3), dtype=np.float32)
    images[3:] *= 0.5
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    losses = [model.train_on_batch(images, np.arange(6) // 3) for _ in range(4)]
    assert losses[-1] < losses[0]


def test_a_sequential_and_a_model_of_lists_are_backbones_too():
    convolution = keras.layers.Conv2D(5, 3, strides=2)
    images = keras.Input((20, 24, 1))
    plain = keras.Model(images, convolution(images))
    others = (
        keras.Sequential([keras.Input((20, 24, 1)), convolution]),
        keras.Model([images], [plain.output]),
    )
    pixels = np.random.default_rng(0).random((2, 20, 24, 1), dtype=np.float32)
    model = build_model("classifier", backbone=plain)
    for theirs in others:
        again = build_model("classifier", backbone=theirs)
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(answer(again, pixels), answer(model, pixels), atol=1e-6)


def test_a_broken_image_is_guarded():
    model = build_model("classifier", backbone=backbone(1), input_shape=(12, 12, 1))
    images = np.ones((2, 12, 12, 1), np.float32)
    images[0, 3, 3] = np.nan
    assert np.isnan(answer(model, images)).all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "build_model('classifier') needs backbone="),
        ({"backbone": "resnet"}, "backbone must be a keras.Model that takes images alone, got str"),
        ({"backbone": backbone(), "input_shape": (9, 9, 2)}, "backbone mine takes 3 bands"),
        ({"backbone": backbone(side=8), "input_shape": (9, 9, 3)}, "backbone mine takes 8 x 8"),
        ({"backbone": backbone(), "drop": 0.1}, "Unknown option of classifier 'drop'"),
        ({"backbone": backbone(), "num_classes": 0}, "num_classes of classifier must be"),
        ({"backbone": backbone(), "weights": "imagenet"}, "build_model('classifier') takes no"),
        (
            {"backbone": backbone(), "mean": (0.4, 0.4, 0.4)},
            "mean must be one number for all bands",
        ),
        ({"backbone": backbone(), "mean": float("nan")}, "Option mean of classifier is nan"),
        ({"backbone": backbone(), "std": 0}, "std must be above 0, got 0"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(options, message):
    with pytest.raises(LenszooError) as caught:
        build_model("classifier", **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_statistics_of_images_may_be_numbers_of_numpy(tmp_path):
    images = np.random.default_rng(0).random((3, 9, 9, 3), dtype=np.float32)
    mean, std, classes = images.mean(), images.std(), np.int64(2)
    model = build_model("classifier", backbone=backbone(), mean=mean, std=std, num_classes=classes)
    assert model_config(model)["options"]["mean"] == float(mean)
    assert model_config(model)["num_classes"] == 2
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(answer(loaded, images), answer(model, images), rtol=1e-6)


def test_a_backbone_may_look_at_the_central_square():
    theirs = backbone(bands=1, side=8)
    model = build_model("classifier", backbone=theirs, input_shape=(12, 14, 1), crop=8)
    images = np.random.default_rng(0).random((2, 12, 14, 1), dtype=np.float32)
    whole = build_model("classifier", backbone=theirs)
    whole.set_weights(model.get_weights())
    np.testing.assert_allclose(
        answer(model, images), answer(whole, images[:, 2:-2, 3:-3]), atol=1e-6
    )


def test_several_outputs_are_refused():
    images = keras.Input((8, 8, 3))
    two = keras.Model(images, [images, keras.layers.Flatten()(images)], name="two")
    one_line("backbone two gives several outputs", lambda: build_model("classifier", backbone=two))
