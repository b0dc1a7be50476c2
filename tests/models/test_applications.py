import keras
import numpy as np
import pytest

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
