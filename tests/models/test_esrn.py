import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.models.esrn import esrn
from lenszoo.pretrained.loading import build_model


def test_is_esrgans_generator():
    one, two = (
        esrn((None, None, 3), scale=4, blocks=blocks, upsampling="resize").count_params()
        for blocks in (1, 2)
    )
    assert one + 22 * (two - one) == 16_697_987  # the authors' RRDBNet of 23 blocks


def test_a_new_branch_is_small_and_a_dead_one_is_no_change():
    """The trunk sees its input, plus 0.2 of a branch that starts at a tenth of He et al.'s size."""
    keras.utils.set_random_seed(1)
    model = build_model("esrn_1", width=16, growth=8)
    ends = keras.Model(
        model.input, [model.get_layer(f"block1_{x}").output for x in ("scale", "add")]
    )
    images = np.random.default_rng(0).random((1, 9, 9, 1), dtype=np.float32)
    branch, total = (ops.convert_to_numpy(x) for x in ends(images))
    first = total - branch
    assert 0.15 < np.std(branch) / np.std(first) < 0.25
    for i in (1, 2, 3):
        layer = model.get_layer(f"block1_dense{i}_conv5")
        layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    branch, total = (ops.convert_to_numpy(x) for x in ends(images))
    np.testing.assert_allclose(total, 1.2 * first, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("upsampling", ["pixel_shuffle", "resize", "transpose"])
def test_every_upsampling_gives_the_size(upsampling):
    model = build_model("esrn_1", upsampling=upsampling, scale=4, width=4, growth=2)
    assert model(np.zeros((1, 3, 2, 1), "float32")).shape == (1, 12, 8, 1)
