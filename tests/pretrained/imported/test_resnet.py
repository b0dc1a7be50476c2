import keras
import numpy as np
import pytest
from safetensors.numpy import save_file
from tinyresnet import TINY, published

from lenszoo.pretrained.loading import build_model


def features(model, images):
    part = keras.Model(model.input, model.get_layer("features").output)
    return keras.ops.convert_to_numpy(part(images, training=False))


@pytest.mark.parametrize("prefix", ["resnet.", ""])
def test_one_band_answers_as_grey_repeated(prefix, tmp_path):
    theirs, tensors = published(prefix)
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    ours = build_model(
        "resnet18", input_shape=(33, 40, 1), num_classes=7, weights=path, dropout=0.1, **TINY
    )
    assert ours.output_shape == (None, 7)
    images = np.random.default_rng(2).random((2, 33, 40, 1), dtype=np.float32)
    expected = features(theirs, np.repeat(images, 3, axis=-1))
    np.testing.assert_allclose(features(ours, images), expected, rtol=1e-5, atol=1e-5)
