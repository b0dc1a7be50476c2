import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.layers import Fold, Unfold
from lenszoo.layers.unfold import resize_bilinear


def maps(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize(("patch", "size"), [(2, (4, 6)), (3, (3, 9))])
def test_one_sequence_for_each_place_in_a_patch(patch, size):
    x = maps(2, *size, 3)
    sequences = numbers(Unfold(patch)(x))
    assert sequences.shape == (2 * patch**2, size[0] * size[1] // patch**2, 3)
    for image in range(2):
        for row in range(patch):
            for column in range(patch):
                alike = x[image, row::patch, column::patch].reshape(-1, 3)
                found = sequences[image * patch**2 + row * patch + column]
                np.testing.assert_array_equal(found, alike)
    np.testing.assert_array_equal(numbers(Fold(patch)(sequences, x)), x)


def test_odd_sides_are_stretched_by_one_pixel_and_shrunk_back():
    x = maps(2, 5, 7, 3)
    sequences = numbers(Unfold()(x))
    assert sequences.shape == (8, 12, 3)
    np.testing.assert_allclose(
        sequences, numbers(Unfold()(resize_bilinear(x, 6, 8))), rtol=1e-6, atol=1e-6
    )
    # A plane stays a plane, but for the edges, which interpolation cannot reach beyond.
    rows, columns = np.mgrid[:5, :7].astype("float32")
    plane = (2 * rows - 3 * columns)[None, :, :, None]
    again = numbers(Fold()(Unfold()(plane), plane))
    assert again.shape == plane.shape
    np.testing.assert_allclose(again[:, 1:-1, 1:-1], plane[:, 1:-1, 1:-1], atol=1e-5)


@pytest.mark.parametrize("new", [(6, 8), (4, 3), (13, 7)])
def test_resize_is_numpys_interpolation_along_both_axes(new):
    x = maps(1, 5, 7, 2)
    expected = x.astype("float64")
    for axis, (old, size) in enumerate(zip((5, 7), new, strict=True), start=1):
        centres = (np.arange(size) + 0.5) * old / size - 0.5
        expected = np.apply_along_axis(
            lambda line, at=centres: np.interp(at, np.arange(len(line)), line), axis, expected
        )
    np.testing.assert_allclose(numbers(resize_bilinear(x, *new)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(None, None, 4), (6, 5, 4)])
def test_open_and_fixed_sizes_train_compiled_by_xla(shape):
    images = keras.Input(shape)
    features = keras.layers.Conv2D(4, 1)(images)
    sequences = Unfold()(features)
    assert sequences.shape == (None, None if shape[0] is None else 9, 4)
    again = Fold()(keras.layers.Dense(5)(sequences), features)
    assert again.shape == (None, *shape[:2], 5)
    model = keras.Model(images, keras.layers.Conv2D(1, 1)(again))
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    x = maps(3, 6, 5, 4)
    before = [numbers(weight) for weight in model.trainable_weights]
    losses = [float(model.train_on_batch(x, x[..., :1])) for _ in range(4)]
    assert losses[3] < losses[0]
    first = np.abs(numbers(model.trainable_weights[0]) - before[0])
    assert first.max() > 0  # the gradient came through both resizes


def test_config_keeps_the_patch():
    for layer in (Unfold(3), Fold(4)):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert type(again) is type(layer)
        assert again.patch == layer.patch
