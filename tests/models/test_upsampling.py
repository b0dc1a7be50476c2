import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.pretrained.loading import build_model


def answer(model, images):
    return ops.convert_to_numpy(model(images, training=False))


def checkerboard(upsampling, scale=2):
    """How far the phases of the 2x2 blocks of an untrained answer to a flat field lie apart.

    In units of the answer itself, away from borders: the largest difference of their means, and the
    largest spread within one of them.
    """
    keras.utils.set_random_seed(5)
    model = build_model("srresnet_1", upsampling=upsampling, scale=scale, width=16)
    image = answer(model, np.full((1, 32, 32, 1), 0.7, "float32"))[0, :, :, 0]
    inner = image[12 * scale : -12 * scale, 12 * scale : -12 * scale]
    phases = np.stack([inner[i::scale, j::scale] for i in range(scale) for j in range(scale)])
    size = np.abs(inner).mean()
    return np.ptp(phases.mean(axis=(1, 2))) / size, phases.std(axis=(1, 2)).max() / size


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("upsampling", ["pixel_shuffle", "resize"])
def test_no_checkerboard_on_a_flat_field(upsampling, scale):
    between, within = checkerboard(upsampling, scale)
    assert between < 1e-4
    assert within < 1e-4


def test_the_transposed_convolution_draws_one():
    between, within = checkerboard("transpose")
    assert between > 0.01
    assert within < 1e-4, "the pattern repeats from block to block"
