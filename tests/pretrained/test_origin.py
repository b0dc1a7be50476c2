import gc
import os
import weakref

import keras
import numpy as np

from lenszoo.pretrained.origin import recall, remember
from lenszoo.pretrained.source import WeightsSource


def network():
    pixels = keras.Input((3,))
    return keras.Model(pixels, keras.layers.Dense(2)(pixels))


def test_a_model_is_known_until_its_weights_change():
    model, sources = network(), [WeightsSource("net.sky")]
    assert recall(model) is None
    assert remember(model, sources) is model
    assert recall(model) == sources
    old = model.get_weights()
    model.set_weights([value + np.float32(1) for value in old])
    assert recall(model) is None
    model.set_weights(old)
    assert recall(model) == sources


def test_a_file_that_was_written_since_is_another(tmp_path):
    file = tmp_path / "a.weights.h5"
    file.touch()
    stamp = file.stat().st_mtime_ns
    model = remember(network(), [WeightsSource(str(file), local=file, stamp=stamp)])
    assert recall(model) is not None
    os.utime(file, ns=(1, 1))
    assert recall(model) is None
    file.unlink()
    assert recall(model) is None


def test_a_note_keeps_no_model_alive():
    model = remember(network(), [WeightsSource("net.sky")])
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
