"""The methods on a toy: a column that tells lenses apart on one sky is noise on the other."""

import keras
import numpy as np
import pytest
from keras import ops
from onjax import run_on_jax, say_all_well

from lenszoo import build_model
from lenszoo.data import Cutouts
from lenszoo.metrics.classification import roc_auc
from lenszoo.tasks import average
from lenszoo.tasks.find_lenses import adapt_methods
from lenszoo.tasks.find_lenses.adapt import METHODS
from lenszoo.tasks.find_lenses.adapt_batches import AdaptBatches, Parts, hide_labels
from lenszoo.tasks.find_lenses.recipe import AdaMatch, Dann, MeanTeacher

RECIPES = {
    "dann": Dann(weight=1.0),
    "adamatch": AdaMatch(jitter=0.3),
    "mean_teacher": MeanTeacher(memory=0.95, jitter=0.3),
}


def sky(n, seed, noise=0.0):
    """Two columns, lenses high in both; on the target the second is noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n, dtype=np.int32) % 2
    table = (2 * labels - 1)[:, None] + rng.normal(0, 0.4, (n, 2))
    if noise:
        table[:, 1] = rng.normal(0, noise, n)
    return Cutouts(tuple(map(str, range(n))), None, table.astype(np.float32), ("a", "b"), labels)


def finder():
    return build_model("lens_finder", columns=["a", "b"], use="table", dim=8, heads=2, dropout=0.0)


def trained_on_the_source():
    keras.utils.set_random_seed(3)
    source, model = sky(512, 0), finder()
    model.get_layer("columns").adapt(source.table)
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.BinaryCrossentropy(from_logits=True))
    labels = source.labels[:, None].astype(np.float32)
    model.fit(source.table, labels, epochs=8, batch_size=32, verbose=0)
    return model


def adapted(method, start, fraction, steps=150):
    """The network in training, after some steps."""
    copy = finder()
    copy.set_weights(start.get_weights())
    recipe = RECIPES[method]
    parts = Parts(32, 32 if fraction else 0, 32)
    network = METHODS[method].network(copy, parts, steps, recipe)
    network.compile(keras.optimizers.Adam(3e-3))
    target = hide_labels(sky(512, 1, noise=2.0), fraction, 0)
    batches = AdaptBatches(
        sky(512, 0),
        target,
        parts,
        steps=steps,
        seed=0,
        epoch=0,
        augment=None,
        views=recipe if METHODS[method].views else None,
    )
    network.fit(batches, verbose=0, shuffle=False)
    return network


def target_auc(model):
    held = sky(1000, 5, noise=2.0)
    return roc_auc(held.labels, model.predict(held.table, verbose=0, batch_size=1000)[:, 0])


@pytest.fixture(scope="module")
def start():
    return trained_on_the_source()


@pytest.mark.parametrize(
    ("method", "fraction"),
    [
        pytest.param("dann", 0.04, marks=pytest.mark.slow),
        pytest.param("adamatch", 0.0, marks=pytest.mark.slow),
        pytest.param("mean_teacher", 0.0, marks=pytest.mark.slow),
    ],
)
def test_the_target_gains(start, method, fraction):
    """Without a single label of the target; dann, which aligns no classes, with ten of each."""
    before = target_auc(start)
    assert before < 0.95
    assert target_auc(adapted(method, start, fraction).adapted()) > 0.98


def test_the_average_follows_and_leaves_its_temperature():
    start = finder()
    network = adapt_methods.Teaching(start, Parts(2, 0, 2), 10, MeanTeacher(memory=0.75))
    before = network.average.get_weights()
    network.average.get_layer("temperature").temperature.assign(3.0)
    for weight in start.weights:
        weight.assign(weight + 1.0)
    average.follow(network.average, start, 0.75, skip="temperature")
    names = [v.path for v in network.average.weights]
    for name, old, now in zip(names, before, network.average.get_weights(), strict=True):
        expected = 3.0 if "temperature" in name else old + 0.25
        np.testing.assert_allclose(now, expected, rtol=1e-5, atol=1e-6)


def test_alignment_moves_the_shares_of_the_classes():
    source = np.full((4, 1), 0.5, np.float32)
    guess = np.array([[0.9], [0.9], [0.9], [0.5]], np.float32)
    found = ops.convert_to_numpy(adapt_methods.align(guess, source))
    assert np.array_equal(ops.convert_to_numpy(adapt_methods.align(source, source)), source)
    odds = guess / (1 - guess) * (0.5 / 0.8) / (0.5 / 0.2)
    np.testing.assert_allclose(found, odds / (1 + odds), rtol=1e-5)


def test_pseudo_labels_take_no_gradient_and_no_temperature():
    model = finder()
    table = sky(4, 0).table
    plain = ops.convert_to_numpy(adapt_methods.raw_logits(model, table))
    model.get_layer("temperature").temperature.assign(2.5)
    again = ops.convert_to_numpy(adapt_methods.raw_logits(model, table))
    np.testing.assert_allclose(plain, again, rtol=1e-5)


@pytest.mark.slow
def test_on_jax():
    """Every method's step compiles there, learns, and counts its steps."""
    run_on_jax(__file__, optimize=False)


def check_steps():
    start = finder()
    for method in RECIPES:
        network = adapted(method, start, 0.1, steps=3)
        assert float(network.step) == 3.0, method
        moved = zip(network.finder.get_weights(), start.get_weights(), strict=True)
        assert any(not np.array_equal(now, before) for now, before in moved), method
        assert all(np.isfinite(w).all() for w in network.adapted().get_weights()), method
        if method == "dann":
            assert float(network.reversal.strength) > 0


if __name__ == "__main__":
    check_steps()
    say_all_well()
