import keras
import numpy as np
import pytest

from lenszoo.pretrained.loading import build_model
from lenszoo.tasks.super_resolve.adversarial import AdversarialModel
from lenszoo.tasks.super_resolve.recipe import Adversarial

LOSSES = ["relativistic", "hinge"]
# BatchNorm would answer otherwise in training than after it, and its statistics lead the weights
TINY = {"width": 4, "discriminator_width": 4, "batch_norm": False}


def trained(loss, weight=1e-3, average=0.9, steps=1):
    """One srgan after some steps on fixed random pairs, and its weights before."""
    keras.utils.set_random_seed(2)
    model = build_model("srgan", **TINY)
    adversarial = AdversarialModel(model, Adversarial(loss=loss, weight=weight, average=average))
    before = {
        "generator": model.generator.get_weights(),
        "discriminator": model.discriminator.get_weights(),
    }
    # a few steps: tracing a graph would take longer
    adversarial.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    rng = np.random.default_rng(0)
    low, high = rng.random((4, 8, 8, 1)), rng.random((4, 16, 16, 1))
    losses = [adversarial.train_on_batch(low.astype("f4"), high.astype("f4")) for _ in range(steps)]
    return adversarial, before, losses


def moved(now, before):
    return max(np.abs(a - b).max() for a, b in zip(now, before, strict=True))


@pytest.mark.parametrize("loss", LOSSES)
def test_both_learn_and_stay_finite(loss):
    model, before, losses = trained(loss, steps=5)
    assert np.isfinite(losses).all()
    assert moved(model.generator.get_weights(), before["generator"]) > 0
    assert moved(model.discriminator.get_weights(), before["discriminator"]) > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_the_discriminator_does_not_feel_the_generators_share(loss):
    """Its step is the same whatever the weight of the share that the generator learns from."""
    small, _, _ = trained(loss, weight=1e-6)
    large, _, _ = trained(loss, weight=10.0)
    for one, other in zip(
        small.discriminator.get_weights(), large.discriminator.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert moved(small.generator.get_weights(), large.generator.get_weights()) > 1e-4


@pytest.mark.parametrize("loss", LOSSES)
def test_the_generator_does_not_feel_the_discriminators_share(loss):
    """Without weight on its own share it moves as under the image loss alone."""
    model, before, _ = trained(loss, weight=1e-12)
    alone = build_model("srgan", **TINY).generator
    alone.set_weights(before["generator"])
    alone.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    rng = np.random.default_rng(0)
    low, high = rng.random((4, 8, 8, 1)), rng.random((4, 16, 16, 1))
    alone.train_on_batch(low.astype("f4"), high.astype("f4"))
    for one, other in zip(model.generator.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_generator_that_only_pleases_gains_on_the_real(loss):
    """With a strong share and a held discriminator."""
    model, _, _ = trained(loss, weight=1.0)
    rng = np.random.default_rng(0)
    low, high = (rng.random((4, n, n, 1)).astype("f4") for n in (8, 16))

    def lead():
        fake, real = (model.discriminator(x) for x in (model(low), high))
        return float(np.mean(fake)) - float(np.mean(real))

    model.discriminator.trainable = False
    start = lead()
    model.compile(keras.optimizers.SGD(0.1), loss=lambda y, p: 0.0 * p, run_eagerly=True)
    for _ in range(5):
        model.train_on_batch(low, high)
    assert lead() > start


def test_the_average_lags_behind_and_is_what_answers():
    model, before, _ = trained("relativistic", average=0.75, steps=1)
    # it follows what the weights were before the step: still where they began
    for mean, start in zip(model.average.generator.get_weights(), before["generator"], strict=True):
        np.testing.assert_allclose(mean, start, atol=1e-6)
    model, _, _ = trained("relativistic", average=0.0, steps=3)
    earlier, _, _ = trained("relativistic", average=0.0, steps=2)
    answers = model.averaged()
    for mean, then in zip(
        answers.generator.get_weights(), earlier.generator.get_weights(), strict=True
    ):
        np.testing.assert_allclose(mean, then, rtol=1e-4, atol=1e-6)
    for one, other in zip(
        answers.discriminator.get_weights(), model.discriminator.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
