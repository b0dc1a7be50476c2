import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.pretrained.imported import applications
from lenszoo.pretrained.loading import build_model

CUT = {
    "resnet50": "conv2_block1_out",
    "xception": "block3_sepconv2_bn",
    "mobilenet_v3_small": "expanded_conv_1_project_bn",
    "efficientnet_b2": "block2a_project_bn",
    "densenet121": "conv2_block2_concat",
}
# what each family does to pixels up to 255 before its first convolution, one mean for all bands
SCALED = {
    "resnet50": lambda grey: grey - 114.8,
    "xception": lambda grey: grey / 127.5 - 1.0,
    "mobilenet_v3_small": lambda grey: grey / 127.5 - 1.0,
    "densenet121": lambda grey: (grey / 255 - 0.449) / 0.226,
}


def published(builder, path, **settings):
    """A file in the layout of keras.applications, of a net with random weights; and the net."""
    keras.utils.set_random_seed(0)
    model = builder(include_top=False, weights=None, input_shape=(None, None, 3), **settings)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([v + rng.uniform(0.0, 0.2, v.shape) for v in layer.get_weights()])
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return model


@pytest.fixture(scope="module")
def resnet50(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "resnet50_notop.h5"
    return published(keras.applications.ResNet50, path), path


SLOW = ("densenet121", "xception")


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=[pytest.mark.slow] * (row in SLOW)) for row in SCALED]
)
def test_one_band_is_exactly_grey_repeated(row, tmp_path, request):
    if row == "resnet50":
        theirs, path = request.getfixturevalue("resnet50")
    else:
        path = tmp_path / "notop.h5"
        builder = {
            "xception": keras.applications.Xception,
            "mobilenet_v3_small": keras.applications.MobileNetV3Small,
            "densenet121": keras.applications.DenseNet121,
        }[row]
        extra = {"include_preprocessing": False} if row == "mobilenet_v3_small" else {}
        theirs = published(builder, path, **extra)
    images = np.random.default_rng(2).random((2, 75, 80, 1), dtype=np.float32)
    scaled = SCALED[row](np.repeat(255 * images, 3, axis=-1))
    # auto-numbered names of layers change from net to net, so cut theirs at the same place
    short = keras.Model(theirs.input, theirs.get_layer(CUT[row]).output)
    expected = keras.ops.convert_to_numpy(short(scaled, training=False)).mean(axis=(1, 2))
    model = build_model(row, input_shape=(None, None, 1), weights=path, until=CUT[row])
    ours = keras.Model(model.input, model.get_layer("features").output)
    answer = keras.ops.convert_to_numpy(ours(images, training=False))
    np.testing.assert_allclose(answer, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_efficientnet_takes_the_file_without_its_scaling(tmp_path):
    path = tmp_path / "b2_notop.h5"
    theirs = published(keras.applications.EfficientNetB2, path)
    model = build_model("efficientnet_b2", input_shape=(None, None, 3), weights=path)
    kernel = theirs.get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(model.get_layer("stem_conv").get_weights()[0], kernel)
    top = theirs.get_layer("top_conv").get_weights()[0]
    np.testing.assert_array_equal(model.get_layer("top_conv").get_weights()[0], top)


def test_blue_green_red_is_turned_round_and_spread_over_four_bands(resnet50):
    theirs, path = resnet50
    kernel = theirs.get_layer("conv1_conv").get_weights()[0]
    for bands, order, factor in ((3, [2, 1, 0], 1.0), (4, [2, 1, 0, 2], 0.75)):
        model = build_model(
            "resnet50", input_shape=(32, 32, bands), weights=path, until=CUT["resnet50"]
        )
        ours = model.get_layer("conv1_conv").get_weights()[0]
        np.testing.assert_allclose(ours, kernel[:, :, order] * factor, rtol=1e-6)


def test_a_cut_inside_a_block_takes_the_weights_of_its_own_layers(resnet50):
    theirs, path = resnet50
    for until in ("conv2_block1_3_conv", "conv2_block1_2_bn", "conv3_block1_0_bn"):
        model = build_model("resnet50", input_shape=(32, 32, 3), weights=path, until=until)
        for layer in model.layers:
            if layer.weights and layer.name not in ("conv1_conv", "logits"):
                source = theirs.get_layer(layer.name).get_weights()
                for ours, other in zip(layer.get_weights(), source, strict=True):
                    np.testing.assert_array_equal(ours, other, err_msg=f"{until}: {layer.name}")


def test_wrong_files_are_said_in_one_line(resnet50, tmp_path):
    _, path = resnet50
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(path.read_bytes()[:100_000])
    cases = [
        ("mobilenet_v3_small", path, "Cannot get the ImageNet weights of mobilenet_v3_small"),
        ("resnet50", damaged, "Cannot get the ImageNet weights of resnet50"),
        ("resnet50", tmp_path / "absent.h5", "Cannot get the ImageNet weights of resnet50"),
        ("resnet50", tmp_path / "vit.npz", "resnet50 takes 'imagenet' or an .h5"),
        ("simple_cnn", "imagenet", "Nobody published ImageNet weights of simple_cnn"),
    ]
    for row, weights, message in cases:
        options = {"until": CUT[row]} if row in CUT else {}
        with pytest.raises(LenszooError) as caught:
            build_model(row, weights=weights, **options)
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)


def test_offline_asks_nobody_but_takes_what_keras_has(tmp_path, monkeypatch):
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    one_line(
        "LENSZOO_OFFLINE is set, and Keras has no weights of mob",
        lambda: build_model("mobilenet_v3_small", weights="imagenet"),
    )
    (tmp_path / "models").mkdir()
    assert not applications._is_cached("mobilenet_v3_small")
    (tmp_path / "models" / "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5").touch()
    assert applications._is_cached("mobilenet_v3_small")
    assert not applications._is_cached("resnet50")
