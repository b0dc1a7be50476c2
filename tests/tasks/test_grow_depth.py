import keras
import numpy as np
import pytest
from tinynetworks import RESNET, images, network

from lenszoo import build_model
from lenszoo.tasks.grow import grow


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (("srresnet_1", "srresnet_3"), {}),
        (("srresnet_1", "srresnet_2"), {"skip": "bicubic", "batch_norm": False}),
        (("esrn_1", "esrn_4"), {"growth": 4}),
    ],
)
def test_a_deeper_super_resolver_gives_the_same_images(names, options):
    coarse = np.random.default_rng(0).random((2, 12, 14, 1), dtype="float32")
    small, large = (build_model(name, width=8, **options) for name in names)
    grow(small, large)
    fine = small.predict_on_batch(coarse)
    assert np.ptp(fine) > 0.1
    np.testing.assert_allclose(large.predict_on_batch(coarse), fine, atol=1e-5)


def test_new_blocks_learn():
    small = network(**RESNET, width=4)
    large = network(**{**RESNET, "blocks": (3, 2)}, width=4)
    grow(small, large)
    end = large.get_layer("stage1_block3_bn2")
    assert [float(np.abs(part).max()) for part in end.get_weights()[:2]] == [0, 0]
    large.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(True))
    first = large.get_layer("stage1_block3_conv1").get_weights()[0]
    for _ in range(2):
        large.train_on_batch(images(8), np.arange(8) % 2)
    assert np.abs(end.get_weights()[0]).max() > 0
    assert np.abs(large.get_layer("stage1_block3_conv1").get_weights()[0] - first).max() > 0
