import keras
import numpy as np
import pytest

from lenszoo.errors import LenszooError
from lenszoo.layers import BatchNormalization
from lenszoo.models import applications
from lenszoo.pretrained.loading import build_model, load_model


def norms(model):
    return [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]


def test_every_batchnorm_is_the_zoos_also_in_a_file(tmp_path):
    model = build_model(
        "mobilenet_v3_small", input_shape=(32, 32, 1), until="expanded_conv_1_project_bn"
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    images = np.random.default_rng(0).random((4, 32, 32, 1), dtype=np.float32)
    model.train_on_batch(images, np.arange(4) % 3)
    assert all(np.asarray(x.moving_mean).any() for x in norms(model))  # trained, not passed by
    model.save(tmp_path / "net.keras")
    again = load_model(tmp_path / "net.keras")
    for net in (model, again):
        assert len(norms(net)) == 6
        assert {type(x) for x in norms(net)} == {BatchNormalization}
    expected = model.predict_on_batch(images)
    np.testing.assert_allclose(again.predict_on_batch(images), expected, rtol=1e-5, atol=1e-6)


def test_a_factory_for_every_row_of_the_table_and_no_other():
    for row, net in applications.APPLICATIONS.items():
        factory = getattr(applications, row)
        assert factory.__name__ == row
        assert f"Build {net.builder.__name__} of keras.applications" in factory.__doc__
    with pytest.raises(AttributeError, match="has no attribute 'resnet51'"):
        _ = applications.resnet51


def test_what_is_learned_in_few_steps_shows_outside_training():
    """With the 0.999 of MobileNetV3 the stored statistics would be those of its random start."""
    keras.utils.set_random_seed(1)
    model = build_model(
        "mobilenet_v3_small",
        input_shape=(32, 32, 1),
        num_classes=2,
        until="expanded_conv_2_project_bn",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    labels = np.arange(32) % 2
    noise = np.random.default_rng(2).random((32, 32, 32, 1), dtype=np.float32)
    images = 0.2 * noise + 0.8 * labels[:, None, None, None].astype(np.float32)
    for _ in range(60):
        model.train_on_batch(images, labels)
    learned = model.train_on_batch(images, labels)
    assert learned < 0.05
    assert model.test_on_batch(images, labels) < 0.1


@pytest.mark.parametrize(
    ("row", "until", "layer"),
    [
        ("resnet50", "conv2_block1_out", "conv2_block1_3_conv"),
        ("densenet121", "conv2_block1_concat", "conv2_block1_1_conv"),
        ("xception", "block2_sepconv1_bn", "block2_sepconv1"),
        ("efficientnet_b2", "block2a_project_bn", "block2a_project_conv"),
        ("mobilenet_v3_small", "expanded_conv_1_project_bn", "expanded_conv_1_project"),
    ],
)
def test_a_share_of_the_channels(row, until, layer):
    options = {"input_shape": (71, 71, 1), "num_classes": 2, "until": until}
    whole, half = build_model(row, **options), build_model(row, alpha=0.5, **options)
    names, same = ([x.name for x in net.layers if x.weights] for net in (whole, half))
    assert names == same
    assert half.get_layer(layer).filters == whole.get_layer(layer).filters // 2
    assert len(norms(half)) == len(norms(whole))
    assert {type(x) for x in norms(half)} == {BatchNormalization}
    assert half.output_shape == (None, 2)


def test_the_slim_row_is_a_quarter():
    options = {"input_shape": (32, 32, 1), "until": "conv2_block1_out"}
    slim, quarter = (
        build_model("resnet50_slim", **options),
        build_model("resnet50", alpha=0.25, **options),
    )
    assert [x.shape for x in slim.weights] == [x.shape for x in quarter.weights]
    assert slim.get_layer("conv1_conv").filters == 16


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (0.3, r"alpha=0.3 leaves 19.2 of the 64 channels of conv1_conv"),
        (0.001, "alpha=0.001 leaves 0.064 of the 64 channels"),
        (0.0, r"alpha must be a number in \(0, 1\], got 0.0"),
        (2, r"alpha must be a number in \(0, 1\], got 2"),
        (True, r"alpha must be a number in \(0, 1\], got True"),
        ("half", r"alpha must be a number in \(0, 1\], got 'half'"),
        (float("nan"), "alpha of resnet50 is nan: give a finite number"),
    ],
)
def test_a_share_that_is_none_is_refused_in_one_line(alpha, message):
    with pytest.raises(LenszooError, match=message) as caught:
        build_model("resnet50", input_shape=(32, 32, 1), alpha=alpha, until="conv2_block1_out")
    assert "\n" not in str(caught.value)


def test_layers_without_a_name_of_their_own_are_counted_from_1_in_each_network():
    for _ in range(2):
        model = build_model("xception", input_shape=(71, 71, 1), until="block2_sepconv2_bn")
        names = [x.name for x in model.layers if x.name.startswith(("conv2d", "batch_norm"))]
        assert names == []
        model = build_model("xception", input_shape=(71, 71, 1), until="block3_sepconv1")
        names = [x.name for x in model.layers if x.name.startswith(("conv2d", "batch_norm"))]
        assert sorted(names) == ["batch_normalization_1", "conv2d_1"]
