"""A temperature belongs to the weights that it was fitted to."""

import gc

from tinyzoo import SIZE

from lenszoo import build_model
from lenszoo.pretrained.temperature import set_temperature, temperature_of, weights_checksum


def network():
    return build_model("simple_cnn", input_shape=(SIZE, SIZE, 1), width=2)


def test_other_weights_have_no_temperature_and_the_same_ones_have_it_again():
    model = network()
    assert temperature_of(model) == 1
    assert set_temperature(model, 2.5) is model and temperature_of(model) == 2.5
    head, before = model.get_layer("logits"), weights_checksum(model)
    kernel, bias = head.get_weights()
    head.set_weights([kernel, bias + 1])
    assert temperature_of(model) == 1 and weights_checksum(model) != before
    head.set_weights([kernel, bias])
    assert temperature_of(model) == 2.5 and weights_checksum(model) == before
    assert temperature_of(set_temperature(model, 1.0)) == 1


def test_a_model_that_is_gone_is_forgotten():
    from lenszoo.pretrained import temperature

    model = set_temperature(network(), 2.0)
    count = len(temperature._TEMPERATURES)
    del model
    gc.collect()
    assert len(temperature._TEMPERATURES) == count - 1
