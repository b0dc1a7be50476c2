import numpy as np
from keras import ops

from lenszoo.layers import BicubicUpsampling
from lenszoo.models.srcnn import srcnn
from lenszoo.pretrained.loading import build_model


def test_has_the_papers_weights():
    model = srcnn((None, None, 1))
    kernels = [w for w in model.weights if w.path.endswith("kernel")]
    assert sum(int(np.prod(w.shape)) for w in kernels) == 8_032  # 9-1-5, section 4.1 of the paper
    assert model.count_params() == 8_032 + 64 + 32 + 1
    kernels = [w for w in srcnn((None, None, 1), kernel=5).weights if w.path.endswith("kernel")]
    assert sum(int(np.prod(w.shape)) for w in kernels) == 57_184  # 9-5-5


def test_it_sees_the_bicubic_image():
    """With kernels that hand one pixel through, nothing but the interpolation is left."""
    model = build_model("srcnn", scale=4)
    for name in ("extract", "map", "output"):
        kernel, bias = model.get_layer(name).get_weights()
        middle = kernel.shape[0] // 2
        kernel[...] = 0
        kernel[middle, middle, 0, 0] = 1
        model.get_layer(name).set_weights([kernel, bias])
    images = np.random.default_rng(0).random((2, 5, 6, 1), dtype=np.float32)
    bicubic = ops.convert_to_numpy(BicubicUpsampling(4)(images))
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(images)), np.maximum(bicubic, 0), atol=1e-6
    )
