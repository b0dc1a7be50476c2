"""bfloat16: what stays float32, and where it is refused."""

import keras
import numpy as np
import pytest
from oneline import one_line
from tinynetworks import images, network

from lenszoo.inference.engines import bfloat16 as module
from lenszoo.inference.engines.bfloat16 import check_bfloat16, in_bfloat16, precision_of


def test_inner_layers_are_short_and_logits_are_not():
    model = network("simple_cnn", width=4)
    short = in_bfloat16(model, "x")
    assert keras.config.dtype_policy().name == "float32"
    assert precision_of(model) == "float32" and precision_of(short) == "bfloat16"
    types = {layer.name: layer.compute_dtype for layer in short.layers}
    assert types["logits"] == types["guard"] == "float32"
    batch = images()
    batch[1, 3, 3] = np.nan
    one, other = model.predict_on_batch(batch), short.predict_on_batch(batch)
    assert other.dtype == np.float32 and np.isnan(other[1]).all()
    difference = np.abs(np.delete(other - one, 1, axis=0))
    assert 0 < difference.max() < 0.1 * np.ptp(np.delete(one, 1, axis=0)) + 0.05
    for own, copied in zip(model.get_weights(), short.get_weights(), strict=True):
        np.testing.assert_array_equal(own, copied)


def test_a_model_from_elsewhere_is_refused():
    pixels = keras.Input((8, 8, 1))
    model = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))
    one_line("is not a single model of the zoo", lambda: in_bfloat16(model, "mine"))


def test_a_processor_without_it_is_refused(monkeypatch):
    monkeypatch.setattr(module, "bfloat16_flags", list)
    one_line("This processor has no bfloat16", lambda: check_bfloat16("openvino"))
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0", "gpu:0"])
    check_bfloat16("keras")
    with pytest.raises(ValueError, match="has no bfloat16"):
        check_bfloat16("openvino")
