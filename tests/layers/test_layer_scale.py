import numpy as np
from keras import ops

from lenszoo.layers import LayerScale


def test_every_channel_has_its_factor():
    layer = LayerScale(0.1)
    x = np.random.default_rng(0).random((2, 5, 3), dtype=np.float32)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), 0.1 * x, rtol=1e-6)
    layer.factors.assign([1.0, 0.0, -2.0])
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), x * [1.0, 0.0, -2.0], rtol=1e-6)
