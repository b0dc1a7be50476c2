import numpy as np
import pytest

from lenszoo.metrics.interpolation import bicubic


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(9, 7), (1, 1), (2, 3)])
def test_bicubic_equals_keras(scale, size):
    import keras

    images = np.random.default_rng(3).random((2, *size, 2), dtype=np.float32)
    layer = keras.layers.UpSampling2D(scale, interpolation="bicubic")
    expected = keras.ops.convert_to_numpy(layer(images))
    found = bicubic(images, scale)
    assert found.dtype == np.float32 and found.shape == expected.shape
    # TensorFlow looks its kernel up at multiples of 1/1024 pixel, where thirds are not
    tolerance = 1e-3 if scale == 3 else 1e-5
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_bicubic_keeps_flat_fields_and_parabolas():
    flat = np.full((1, 6, 6, 1), 0.7)
    np.testing.assert_allclose(bicubic(flat, 3), 0.7)
    curve = np.arange(12.0)[None, :, None, None] ** 2 * np.ones((1, 12, 12, 1))
    fine = (np.arange(24) + 0.5) / 2 - 0.5
    found = bicubic(curve, 2)[0, :, 12, 0]
    np.testing.assert_allclose(found[4:-4], fine[4:-4] ** 2, atol=1e-9)  # third order in the middle
