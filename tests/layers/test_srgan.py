import keras
import numpy as np
from keras import ops
from tinysrgan import assert_same, images, tiny

from lenszoo.pretrained.loading import (
    build_model,
    load_model,
    model_config,
    save_weights,
)


def test_the_graph_is_the_generator_and_the_weights_are_of_both():
    model, x = tiny(), images(2, 5, 4, 1)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(model(x)), ops.convert_to_numpy(model.generator(x))
    )
    assert [layer.name for layer in model.layers] == [x.name for x in model.generator.layers]
    assert model.count_params() == sum(
        net.count_params() for net in (model.generator, model.discriminator)
    )
    ours = {id(v) for v in model.trainable_variables}
    assert ours == {
        id(v) for net in (model.generator, model.discriminator) for v in net.trainable_variables
    }


def test_both_networks_travel_in_both_kinds_of_files(tmp_path):
    model = tiny(scale=4, skip="bicubic")
    model.compile("adam", "mse")
    model.discriminator(images(2, 9, 9, 1), training=True)
    model.save(tmp_path / "a.keras")
    save_weights(model, tmp_path / "a.weights.h5")
    for again in (load_model(tmp_path / "a.keras"), load_model(tmp_path / "a.weights.h5")):
        assert type(again) is type(model)
        assert not again.compiled
        assert model_config(again) == model_config(model)
        assert_same(again, model)
    again = build_model("srgan", weights=tmp_path / "a.keras")
    assert_same(again, model)


def test_half_precision_keeps_the_weights(tmp_path):
    """Under another policy the model is built anew and filled from the first."""
    path = save_weights(tiny(), tmp_path / "a.weights.h5")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = load_model(path)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("first").compute_dtype == "bfloat16"
    for one, two in zip(model.get_weights(), tiny().get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
