import keras
import numpy as np
import pytest
from keras import ops
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.layers.rotational import RadialPositions, RotationalConv2D, SymmetricPooling2D

SIZES = [(8, 8), (9, 9), (8, 11)]


def maps(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def turn(x, times=1):
    return np.rot90(x, times, axes=(1, 2)).copy()


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def conv(filters=5, kernel_size=3, **options):
    keras.utils.set_random_seed(3)
    return RotationalConv2D(filters, kernel_size, bias_initializer="random_normal", **options)


def error_of_turning(layer, x):
    """How far the maps of a turned input are from the turned maps, over their own spread."""
    y = numbers(layer(x))
    assert y.std() > 1e-3
    turned = (numbers(layer(turn(x, times))) - turn(y, times) for times in (1, 2, 3))
    return max(np.abs(difference).max() for difference in turned) / y.std()


@pytest.mark.parametrize("bands", [1, 4])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("combine", ["add", "max"])
def test_turning_the_input_turns_the_maps(combine, size, bands):
    layer = conv(combine=combine, activation="gelu")
    assert error_of_turning(layer, maps(2, *size, bands)) < 1e-5


@pytest.mark.parametrize("combine", ["add", "max"])
@pytest.mark.parametrize(
    "options",
    [{"kernel_size": 4, "padding": "valid"}, {"kernel_size": 5}, {"dilation_rate": 2}],
)
def test_other_kernels_turn_too(options, combine):
    assert error_of_turning(conv(combine=combine, **options), maps(2, 9, 10, 3)) < 1e-5


@pytest.mark.parametrize("combine", ["add", "max"])
def test_maps_of_an_open_size(combine):
    images = keras.Input((None, None, 2))
    model = keras.Model(images, conv(combine=combine)(images))
    assert model.output_shape == (None, None, None, 5)
    assert error_of_turning(lambda x: model(x, training=False), maps(2, 7, 8, 2)) < 1e-5
    assert model.predict(maps(2, 7, 8, 2), verbose=0).shape == (2, 7, 8, 5)


def test_a_plain_convolution_does_not_turn():
    keras.utils.set_random_seed(3)
    assert error_of_turning(keras.layers.Conv2D(5, 3, padding="same"), maps(2, 8, 8, 4)) > 0.1


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("combine", ["add", "max"])
def test_turning_the_kernel_is_turning_the_maps_there_and_back(combine, padding):
    """The definition, with Keras' own convolution and every map turned."""
    x = maps(2, 7, 10, 3)
    layer = conv(combine=combine, padding=padding)
    found = numbers(layer(x))
    kernel = layer.get_weights()[0]
    four = [
        turn(numbers(ops.conv(turn(x, times), kernel, padding=padding)), -times)
        for times in range(4)
    ]
    expected = np.sum(four, axis=0) if combine == "add" else np.max(four, axis=0)
    np.testing.assert_allclose(found, expected + layer.get_weights()[1], rtol=1e-4, atol=1e-5)


def test_the_strongest_turn_sees_a_line_that_the_sum_does_not():
    """A kernel that answers to lines along a row: turned and added it answers to nothing."""
    line = np.zeros((1, 7, 7, 1), "float32")
    line[:, 3] = 1.0
    kernel = np.array([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]], "float32")[..., None, None]
    answers = {}
    for combine in ("add", "max"):
        layer = conv(1, combine=combine, use_bias=False)
        layer.build((None, 7, 7, 1))
        layer.set_weights([kernel])
        answers[combine] = numbers(layer(line))[0, 3, 3, 0]
    assert answers == {"add": 12.0, "max": 6.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"combine": "sum"}, "Unknown combine 'sum'"),
        ({"kernel_size": 4}, "kernel_size must be one number, odd with padding='same'"),
        ({"kernel_size": (3, 5)}, "kernel_size must be one number"),
        ({"strides": 2}, "RotationalConv2D takes no strides and no groups, got strides=(2, 2)"),
        ({"filters": 4, "groups": 2}, "RotationalConv2D takes no strides and no groups"),
        ({"dilation_rate": (1, 2)}, "dilation_rate must be one number"),
        ({"data_format": "channels_first"}, "RotationalConv2D takes maps with channels last"),
    ],
)
def test_what_would_not_turn_is_refused(options, message):
    with pytest.raises(LenszooError) as caught:
        conv(**options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size", [*SIZES, (2, 3)])
def test_pooling_turns_and_halves(size, pooling):
    layer = SymmetricPooling2D(pooling)
    x = maps(2, *size, 3)
    assert error_of_turning(layer, x) < 1e-5
    expected = (2, size[0] // 2, size[1] // 2, 3)
    assert layer(x).shape == layer.compute_output_shape(x.shape) == expected


def test_windows_are_two_wide_on_even_sides_and_three_on_odd_ones():
    x = maps(1, 4, 5, 1)
    pooled = numbers(SymmetricPooling2D("max")(x))[0, :, :, 0]
    expected = [[x[0, r : r + 2, c : c + 3].max() for c in (0, 2)] for r in (0, 2)]
    np.testing.assert_array_equal(pooled, expected)
    average = numbers(SymmetricPooling2D("average")(x))[0, 1, 1, 0]
    np.testing.assert_allclose(average, x[0, 2:4, 2:5].mean(), rtol=1e-6)


def test_ordinary_pooling_of_an_odd_side_does_not_turn():
    assert error_of_turning(keras.layers.MaxPooling2D(), maps(2, 9, 9, 3)) > 0.1


@pytest.mark.parametrize("shape", [(None, None, 3), (1, 4, 3)])
def test_pooling_needs_a_size(shape):
    one_line(
        "needs maps of a fixed size of 2 x 2 pixels or more",
        lambda: SymmetricPooling2D(name="pool")(keras.Input(shape)),
    )


def test_unknown_pooling():
    one_line("Unknown pooling 'mean'", lambda: SymmetricPooling2D("mean"))


@pytest.mark.parametrize("size", [*SIZES, (1, 1)])
def test_positions_turn_and_are_linear_between_their_rings(size):
    layer = RadialPositions(rings=4)
    layer.build((None, *size, 2))
    layer.table.assign(maps(4, 2))
    found = numbers(layer(np.zeros((1, *size, 2), "float32")))
    np.testing.assert_array_equal(numbers(layer(turn(found) * 0)), turn(found))
    rows, columns = np.indices(size)
    distance = np.hypot(rows - (size[0] - 1) / 2, columns - (size[1] - 1) / 2)
    at = distance / max(distance.max(), 0.5) * 3
    expected = [np.interp(at, range(4), maps(4, 2)[:, c]) for c in range(2)]
    np.testing.assert_allclose(found[0], np.moveaxis(expected, 0, -1), rtol=1e-4, atol=1e-5)


def test_positions_need_two_rings():
    one_line("rings must be 2 or more, got 1", lambda: RadialPositions(1))


@pytest.mark.parametrize(
    "layer",
    [
        RotationalConv2D(3, 5, combine="max", padding="valid", use_bias=False),
        SymmetricPooling2D("average"),
        RadialPositions(5),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_comes_back_from_its_config(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    x = maps(1, 8, 8, 3)
    expected = numbers(layer(x))
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(numbers(again(x)), expected)
