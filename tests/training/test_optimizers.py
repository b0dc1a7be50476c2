import keras
import numpy as np
import pytest

from lenszoo.training.optimizers import LearningRate, build_optimizer
from lenszoo.training.recipe import Optimizer


def rates(schedule, n):
    return np.array([float(schedule(keras.ops.convert_to_tensor(k))) for k in range(n)])


def test_cosine_is_keras_own():
    ours = rates(LearningRate("cosine", 2e-3, total_steps=50), 50)
    reference = rates(keras.optimizers.schedules.CosineDecay(2e-3, 50), 50)
    np.testing.assert_allclose(ours, reference, rtol=1e-5)


def test_cyclic_makes_triangles_between_its_bounds():
    ours = rates(LearningRate("cyclic", 5e-4, 1e-4, cycle_steps=20), 60)
    np.testing.assert_allclose(ours[[0, 10, 20, 30, 40]], [1e-4, 5e-4, 1e-4, 5e-4, 1e-4], rtol=1e-5)
    assert ours.min() >= 1e-4 * (1 - 1e-5)
    np.testing.assert_allclose(np.diff(ours[:11]), np.diff(ours[:11])[0], rtol=1e-3)


@pytest.mark.parametrize("shape", ["cosine", "cyclic", "constant"])
def test_warm_up_rises_and_joins_the_schedule(shape):
    ours = rates(LearningRate(shape, 1e-3, 1e-4, 100, 30, warmup_steps=10), 100)
    assert (np.diff(ours[:10]) > 0).all()
    assert ours[0] <= 1.01e-4
    assert ours[10] == pytest.approx(1e-4 if shape == "cyclic" else 1e-3, rel=1e-5)


def test_schedule_survives_serialisation():
    schedule = LearningRate("cyclic", 5e-4, 1e-4, cycle_steps=20, warmup_steps=3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    np.testing.assert_array_equal(rates(schedule, 40), rates(again, 40))


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_weight_decay_leaves_biases_and_batch_norm_alone(name):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()]
    )
    optimizer = build_optimizer(Optimizer(name=name, weight_decay=0.5, learning_rate=0.1), 1, 10)
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    zero = [keras.ops.zeros(v.shape) for v in model.trainable_variables]
    optimizer.apply(zero, model.trainable_variables)
    moved = {
        v.path.split("/")[-1]: float(abs(1 - v.numpy()).max()) for v in model.trainable_variables
    }
    assert moved["kernel"] == pytest.approx(0.05, rel=1e-3)
    assert moved["bias"] == moved["gamma"] == moved["beta"] == 0.0
