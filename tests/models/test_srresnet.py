import keras
import numpy as np
from keras import ops

from lenszoo.layers import BatchNormalization, BicubicUpsampling
from lenszoo.models.srresnet import srresnet
from lenszoo.pretrained.loading import build_model


def answer(model, images):
    return ops.convert_to_numpy(model(images, training=False))


def test_parameters():
    # kernels 3x3x64x64 and BatchNorms of 16 blocks and the trunk, one slope a channel
    body = 33 * (9 * 64 * 64 + 4 * 64) + 17 * 64
    ends = 2 * 81 * 3 * 64 + 64 + 3
    step = 9 * 64 * 256 + 256 + 64
    assert srresnet((None, None, 3), scale=4).count_params() == body + ends + 2 * step
    rows = {name: build_model(name).count_params() for name in ("srresnet_1", "srresnet_3")}
    assert rows == {"srresnet_1": 269_697, "srresnet_3": 418_305}


def test_batch_norm_stays_below_the_outputs_resolution():
    model = build_model("srresnet_2", input_shape=(8, 8, 1), scale=4, width=4)
    norms = [x for x in model.layers if isinstance(x, BatchNormalization)]
    assert len(norms) == 5
    assert {layer.output.shape[1] for layer in norms} == {8}
    without = build_model("srresnet_2", batch_norm=False, width=4)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in without.layers)
    assert without.get_layer("block1_conv1").use_bias
    assert not model.get_layer("block1_conv1").use_bias


def test_a_bicubic_skip_starts_from_the_bicubic_image_and_learns():
    model = build_model("srresnet_1", skip="bicubic", scale=4, width=4)
    images = np.random.default_rng(0).random((2, 6, 7, 1), dtype=np.float32)
    bicubic = ops.convert_to_numpy(BicubicUpsampling(4)(images))
    np.testing.assert_allclose(answer(model, images), bicubic, atol=1e-6)
    model.compile("adam", "mse", run_eagerly=True)
    model.train_on_batch(images, bicubic + 0.1)
    model.train_on_batch(images, bicubic + 0.1)
    assert np.abs(answer(model, images) - bicubic).mean() > 1e-3
