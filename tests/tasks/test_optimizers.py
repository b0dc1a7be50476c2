import keras
import numpy as np
import pytest

from lenszoo.pretrained.loading import build_model
from lenszoo.tasks.optimizers import LearningRate, build_optimizer
from lenszoo.tasks.recipe_tables import Optimizer


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


def test_weight_decay_leaves_a_transformers_tokens_tables_and_scales_alone():
    optimizer = build_optimizer(Optimizer(weight_decay=0.5, learning_rate=0.1), 1, 10)
    shape, small = (32, 32, 1), {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8}
    models = [build_model(row, input_shape=shape, **small) for row in ("vit_ti16", "beit_b16")]
    variables = [v for model in models for v in model.trainable_variables]
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    optimizer.apply([keras.ops.zeros(v.shape) for v in variables], variables)
    still = {v.name for v in variables if float(abs(1 - v.numpy()).max()) == 0.0}
    assert {v.name for v in variables} - still == {"kernel"}
    assert {"token", "table", "bias_table", "factors"} <= still


def test_a_later_optimizer_goes_on_in_the_schedule():
    recipe = Optimizer(learning_rate=1e-3, warmup_steps=5)
    whole = build_optimizer(recipe, 4, 10)
    later = build_optimizer(recipe, 4, 10, first_epoch=3)
    np.testing.assert_array_equal(
        rates(later._learning_rate, 10), rates(whole._learning_rate, 40)[30:]
    )


@pytest.mark.parametrize(("warmup", "lines"), [(39, 0), (40, 1), (10**5, 1)])
def test_a_warm_up_as_long_as_the_run_is_told_of(warmup, lines, caplog):
    build_optimizer(Optimizer(warmup_steps=warmup), 4, 10)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * lines
    assert all(f"warmup_steps {warmup}: the run has 40 steps" in m for m in caplog.messages)


def numpy_adamw(weights, gradients, rate, decay):
    """AdamW as in algorithm 2 of Loshchilov & Hutter 2017, arXiv:1711.05101."""
    m = v = np.zeros_like(weights)
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
        weights = weights - rate * (step + decay * weights)
    return weights


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_layerwise_rates_scale_step_and_decay_of_each_layer(decay):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, name="first"), keras.layers.Dense(2, name="last")]
    )
    shares = {"first/kernel": 0.25, "first/bias": 0.25}
    recipe = Optimizer(learning_rate=0.1, schedule="constant", weight_decay=decay)
    optimizer = build_optimizer(recipe, 1, 10, rates=shares)
    rng = np.random.default_rng(0)
    start = [rng.normal(size=v.shape).astype("float32") for v in model.trainable_variables]
    for variable, value in zip(model.trainable_variables, start, strict=True):
        variable.assign(value)
    gradients = [[rng.normal(size=v.shape) for v in start] for _ in range(5)]
    for step in gradients:
        tensors = [keras.ops.convert_to_tensor(g, "float32") for g in step]
        optimizer.apply(tensors, model.trainable_variables)
    for i, variable in enumerate(model.trainable_variables):
        rate = 0.1 * shares.get(variable.path, 1.0)
        own = 0.0 if variable.path.endswith("bias") else decay  # biases do not decay
        expected = numpy_adamw(start[i].astype("float64"), [g[i] for g in gradients], rate, own)
        # Keras computes 1 - 0.999^t in float32, good to 3e-5 of a step
        np.testing.assert_allclose(variable.numpy(), expected, atol=3e-5)


def test_layerwise_adam_survives_serialisation():
    optimizer = build_optimizer(Optimizer(), 1, 10, rates={"first/kernel": 0.25})
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert again.rates == {"first/kernel": 0.25}
