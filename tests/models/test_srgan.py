import keras
import numpy as np
import pytest
from keras import ops
from oneline import one_line
from tinysrgan import TINY, images, tiny

from lenszoo.errors import LenszooError
from lenszoo.layers import SpectralConv2D
from lenszoo.pretrained.loading import (
    build_model,
    fingerprint,
    model_config,
    save_weights,
)


def test_the_generator_is_srresnet_1():
    model, other = build_model("srgan"), build_model("srresnet_1")
    assert [layer.name for layer in model.layers] == [layer.name for layer in other.layers]
    assert [w.shape for w in model.generator.weights] == [w.shape for w in other.weights]


def test_the_discriminator():
    judge = build_model("srgan", input_shape=(None, None, 3)).discriminator
    convs = [x for x in judge.layers if isinstance(x, keras.layers.Conv2D)]
    assert all(isinstance(x, SpectralConv2D) for x in convs)
    assert [x.filters for x in convs] == [64, 64, 128, 128, 256, 256, 512, 512, 1]
    assert [x.strides[0] for x in convs] == [1, 2] * 4 + [1]
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in judge.layers)


@pytest.mark.parametrize("size", [(1, 1), (7, 10)])
def test_the_discriminator_takes_any_size_and_answers_one_float32_logit(size):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        judge = build_model("srgan", input_shape=(None, None, 2), **TINY).discriminator
    finally:
        keras.config.set_dtype_policy(before)
    answer = judge(images(3, *size, 2), training=True)
    assert answer.shape == (3, 1)
    assert keras.backend.standardize_dtype(answer.dtype) == "float32"


def test_a_file_without_the_discriminator_is_refused(tmp_path):
    model = tiny()
    model.generator.save_weights(tmp_path / "g.weights.h5")
    with pytest.raises(LenszooError) as caught:
        build_model("srgan", weights=tmp_path / "g.weights.h5", **TINY)
    assert "does not fit srgan" in str(caught.value)
    assert "that the file lacks" in str(caught.value)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_weights_of_srresnet_start_the_generator(tmp_path, suffix):
    keras.utils.set_random_seed(0)
    first = build_model("srresnet_2", input_shape=(None, None, 2), scale=4, width=4)
    path = tmp_path / f"first{suffix}"
    first.save(path) if suffix == ".keras" else save_weights(first, path)
    model = build_model("srgan", weights=path, discriminator_width=2)
    assert model_config(model)["input_shape"] == [None, None, 2]
    assert model_config(model)["options"]["blocks"] == 2
    x = images(1, 6, 5, 2)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(x)), ops.convert_to_numpy(first(x)), rtol=1e-6
    )
    one_line("are for scale=4, got 2", lambda: build_model("srgan", weights=path, scale=2))
    one_line(
        "are for 2 bands", lambda: build_model("srgan", weights=path, input_shape=(None, None, 1))
    )


def test_other_weights_do_not(tmp_path):
    path = save_weights(build_model("srcnn", width=4), tmp_path / "a.weights.h5")
    one_line("are for srcnn, not for srgan", lambda: build_model("srgan", weights=path))
    path = save_weights(tiny(), tmp_path / "b.weights.h5")
    one_line("are for srgan, not for srresnet_1", lambda: build_model("srresnet_1", weights=path))


def test_fingerprint_is_the_generators():
    model = tiny()
    np.testing.assert_array_equal(fingerprint(model, 3), fingerprint(model.generator, 3))


def test_illegal_width():
    with pytest.raises(LenszooError, match=r"^discriminator_width must be a positive integer"):
        build_model("srgan", discriminator_width=0)
