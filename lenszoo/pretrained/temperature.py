"""The temperature of a classifier in memory, for as long as it has the weights it was fitted to."""

import weakref
import zlib

import keras

_TEMPERATURES: weakref.WeakKeyDictionary[keras.Model, tuple[float, int]] = (
    weakref.WeakKeyDictionary()
)


def set_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """Note the temperature that a classifier's probabilities are calibrated with.

    It divides its logits before the softmax; the logits themselves stay as they are. It is saved
    with the weights.

    Args:
        model: a classifier; a lens finder has a layer for it.
        temperature: above 0, such as :func:`lenszoo.evaluation.fit_temperature` gives.
    """
    if temperature == 1:
        _TEMPERATURES.pop(model, None)
    else:
        _TEMPERATURES[model] = float(temperature), weights_checksum(model)
    return model


def temperature_of(model: keras.Model) -> float:
    """Return the temperature of a classifier; 1 where none was fitted to the weights it has."""
    temperature, checksum = _TEMPERATURES.get(model, (1.0, 0))
    return temperature if temperature == 1 or checksum == weights_checksum(model) else 1.0


def weights_checksum(model: keras.Model) -> int:
    """Return a checksum of all weights, which tells whether they are still the same."""
    total = 0
    for values in model.get_weights():
        total = zlib.crc32(values.tobytes(), total)
    return total
