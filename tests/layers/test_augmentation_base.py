import contextlib
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from onjax import run_on_jax, say_all_well

from lenszoo.layers.augmentation import LensAugmentation
from lenszoo.layers.augmentation_geometry import (
    RandomD4,
    RandomMotion,
    RandomPositionAngle,
    RandomShift,
)
from lenszoo.layers.augmentation_observation import RandomBlur, RandomFlux, RandomNoise

LAYERS = {
    "d4": lambda seed=None: RandomD4(seed=seed),
    "motion": lambda seed=None: RandomMotion(90.0, (0.0, 2.0), seed=seed),
    "angle": lambda seed=None: RandomPositionAngle((0.0, 45.0), fill="nearest", seed=seed),
    "shift": lambda seed=None: RandomShift(1.5, fill="constant", fill_value=0.3, seed=seed),
    "blur": lambda seed=None: RandomBlur((1.0, 2.0), seed=seed),
    "noise": lambda seed=None: RandomNoise((0.1, 0.4), relative=True, seed=seed),
    "flux": lambda seed=None: RandomFlux(0.2, seed=seed),
    "views": lambda seed=None: LensAugmentation(0.8, noise=0.5, seed=seed),
}
each = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(6, 10, 10, 2)).astype("float32")


class Learner(keras.Model):
    """A dense layer tells views of images apart: augmentation in a model and in its loss."""

    def __init__(self):
        super().__init__()
        self.inside, self.in_loss = LensAugmentation(seed=8), RandomFlux(seed=9)
        self.dense = keras.Sequential(
            [keras.Input((10, 10, 2)), keras.layers.Flatten(), keras.layers.Dense(2)]
        )

    def call(self, images, training=None):
        return self.dense(self.inside(images, training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        other = self.dense(self.in_loss(x, training=training))
        return ops.mean((y_pred - other) ** 2) + ops.mean((y_pred - 1.0) ** 2)


@each
def test_nothing_changes_unless_training_is_said(make, images):
    layer = make()
    assert np.array_equal(layer(images), images)
    assert np.array_equal(layer(images, training=False), images)
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    assert np.array_equal(model(images), images)
    assert np.array_equal(model.predict(images, verbose=0), images)
    changed = numbers(model(images, training=True))
    assert changed.shape == images.shape
    assert (changed != images).any()


@each
def test_draws_differ_between_images_and_calls_and_repeat_by_seed(make, images):
    same = np.repeat(images[:1], 8, 0)
    layer = make(seed=5)
    first, second = numbers(layer.augment(same)), numbers(layer.augment(same))
    assert len(np.unique(first, axis=0)) > 2
    assert not np.array_equal(first, second)
    again = make(seed=5)
    assert np.array_equal(again.augment(same), first)
    assert np.array_equal(again.augment(same), second)
    assert not np.array_equal(make(seed=6).augment(same), first)


@each
def test_stored_variables_continue_the_draws(make, images):
    layer, other = make(seed=5), make(seed=9)
    layer.augment(images)
    for mine, its in zip(other.variables, layer.variables, strict=True):
        mine.assign(its)
    assert np.array_equal(other.augment(images), layer.augment(images))


@each
def test_one_image_alone(make, images):
    layer = make(seed=5)
    assert np.array_equal(layer.augment(images[0]), make(seed=5).augment(images[:1])[0])


@pytest.mark.parametrize("make", [LAYERS["views"], LAYERS["flux"]], ids=["views", "flux"])
def test_in_tf_data_as_outside(make, images):
    tf = pytest.importorskip("tensorflow")
    layer, outside = make(seed=5), make(seed=5)
    batches = tf.data.Dataset.from_tensor_slices(images).batch(4).map(layer.augment)
    assert batches.element_spec.shape.as_list() == [None, 10, 10, 2]
    found = list(batches.as_numpy_iterator())
    for batch, start in zip(found, (0, 4), strict=True):
        expected = numbers(outside.augment(images[start : start + 4]))
        np.testing.assert_allclose(batch, expected, atol=2e-5)
    single = tf.data.Dataset.from_tensors(images[0]).map(layer.augment)
    assert next(single.as_numpy_iterator()).shape == (10, 10, 2)
    plain = tf.data.Dataset.from_tensors(images).map(layer)
    assert np.array_equal(next(plain.as_numpy_iterator()), images)


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="there the map itself keeps no order"
)
def test_a_parallel_map_repeats_no_draw(images):
    tf = pytest.importorskip("tensorflow")
    same = np.repeat(images[:1], 64, 0)
    layer = RandomShift(seed=2)
    data = tf.data.Dataset.from_tensor_slices(same).map(layer.augment, num_parallel_calls=4)
    assert len(np.unique(list(data.as_numpy_iterator()), axis=0)) == 64


@pytest.mark.slow
def test_in_a_model_and_its_loss_compiled_by_xla(images):
    model = Learner()
    model.compile(keras.optimizers.SGD(0.01), jit_compile=True)
    start, ends = [numbers(variable).copy() for variable in model.variables], []
    weights = [numbers(variable).copy() for variable in model.trainable_variables]
    for _ in range(2):
        for variable, value in zip(model.variables, start, strict=False):
            variable.assign(value)
        model.fit(images, batch_size=3, shuffle=False, verbose=0)
        ends.append([numbers(v).copy() for v in model.trainable_variables])
        for layer in (*model.inside.steps, model.in_loss):
            assert numbers(layer.generator.state)[1] >= 2  # both batches were drawn for
    for first, second, before in zip(*ends, weights, strict=True):
        assert np.isfinite(first).all()
        assert np.array_equal(first, second)
        assert not np.array_equal(first, before)


@each
def test_it_is_saved_and_reloaded(make, images, tmp_path):
    inputs = keras.Input((10, 10, 2))
    model = keras.Model(inputs, make(seed=7)(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.layers[1].get_config() == model.layers[1].get_config()
    assert np.array_equal(again(images, training=True), model(images, training=True))


@pytest.mark.slow
def test_on_jax():
    run_on_jax(__file__)


if __name__ == "__main__":
    here = Path(__file__).parent
    chosen = "tf_data or parallel or its_loss or (scipys and 33) or quadrature"
    with contextlib.redirect_stdout(sys.stderr):
        failed = pytest.main(["-qxk", chosen, *map(str, here.glob("test_augmentation*"))])
    assert not failed
    say_all_well()
