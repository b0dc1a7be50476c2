import keras
import numpy as np
import pytest
from keras import ops

import lenszoo.layers

# arguments of each layer, and the shapes of its inputs
LAYERS = {
    "BicubicUpsampling": ({"scale": 3}, [(2, 5, 6, 1)]),
    "BranchDropout": ({"rate": 0.4, "seed": 3}, [(2, 3, 4), (2, 5, 4)]),
    "ClassToken": ({}, [(2, 3, 4)]),
    "ColourTerm": ({}, [(2, 1), (2, 8, 8, 2)]),
    "ColumnTokens": ({"dim": 4}, [(2, 3)]),
    "Fold": ({"patch": 3}, [(18, 4, 5), (2, 6, 6, 1)]),
    "GradientReversal": ({"strength": 0.25}, [(2, 3)]),
    "LayerScale": ({"initial": 0.2}, [(2, 3, 4)]),
    "LensAugmentation": ({"strength": 0.5, "turn": False, "seed": 1}, [(2, 16, 16, 1)]),
    "MeanLogSoftmax": ({}, None),
    "NonFiniteGuard": ({"identity": {"model": "resnet18"}}, [(2, 3), (2, 4, 4, 1)]),
    "OverQuarterTurns": None,  # wraps another layer
    "PixelShuffle": ({"block": 2}, [(2, 3, 3, 8)]),
    "PositionEmbedding": ({"grid": (1, 2)}, [(2, 3, 4)]),
    "RadialPositions": ({"rings": 3}, [(2, 4, 5, 6)]),
    "RandomBlur": ({"fwhm": (0.5, 1.0), "seed": 2}, [(2, 16, 16, 1)]),
    "RandomD4": ({"seed": 2}, [(2, 8, 8, 1)]),
    "RandomFlux": ({"sigma": 0.2, "seed": 2}, [(2, 8, 8, 1)]),
    "RandomMotion": ({"angle": (0.0, 9.0), "shift": 2.0, "fill": "nearest"}, [(2, 8, 8, 1)]),
    "RandomNoise": ({"sigma": 0.3, "relative": True, "seed": 2}, [(2, 8, 8, 1)]),
    "RandomPositionAngle": ({"angle": 30.0, "seed": 4}, [(2, 8, 8, 1)]),
    "RandomShift": ({"shift": (0.0, 2.0), "fill_value": 1.0}, [(2, 8, 8, 1)]),
    "Registers": ({"count": 2}, [(2, 3, 4)]),
    "RelativeAttention": ({"heads": 2, "grid": (1, 2)}, [(2, 3, 4)]),
    "Stretch": ({"kind": "sqrt", "softening": 2.0}, [(2, 8, 8, 1)]),
    "SymmetricPooling2D": ({"pooling": "average"}, [(2, 4, 5, 1)]),
    "Temperature": ({}, [(2, 3)]),
    "TokenMean": ({}, [(2, 3, 4), (2, 3)]),
    "Unfold": ({"patch": 2}, [(2, 4, 6, 3)]),
}
CASES = {name: case for name, case in LAYERS.items() if case}


def test_every_layer_has_a_case():
    classes = [getattr(lenszoo.layers, name) for name in lenszoo.layers.__all__]
    without = (keras.Model, keras.layers.Conv2D, keras.layers.BatchNormalization)
    names = {
        c.__name__
        for c in classes
        if issubclass(c, keras.layers.Layer) and not issubclass(c, without)
    }
    assert names == set(LAYERS)


@pytest.mark.parametrize("name", CASES)
def test_options_rebuild_the_layer_through_json(name):
    options, _ = CASES[name]
    layer = getattr(lenszoo.layers, name)(**options, name="layer")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer) and again.name == "layer"
    assert again.get_config() == layer.get_config()
    for option, value in options.items():
        stored = again.get_config()[option]  # of a range, the limits
        same = stored == value or np.ravel(stored)[-np.size(value) :].tolist() == [*np.ravel(value)]
        assert same, (option, stored)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][1]])
def test_output_has_the_stated_shape(name):
    options, shapes = CASES[name]
    layer = getattr(lenszoo.layers, name)(**options)
    inputs = [np.random.default_rng(0).random(shape, dtype=np.float32) for shape in shapes]
    outputs = ops.convert_to_numpy(layer(*inputs))
    symbols = [keras.KerasTensor(shape, "float32") for shape in shapes]
    assert outputs.shape == tuple(layer(*symbols).shape)


@pytest.mark.parametrize("name", ["BicubicUpsampling", "ColumnTokens", "NonFiniteGuard", "Stretch"])
def test_some_compute_in_float32_under_any_policy(name):
    layer = getattr(lenszoo.layers, name)(**CASES[name][0], dtype="mixed_bfloat16")
    assert layer.compute_dtype == "float32"
