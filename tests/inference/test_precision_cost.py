"""Cost of a precision: the AUC of other answers to the same scenes."""

import dataclasses

import numpy as np
import pytest
from oneline import one_line
from tinynetworks import network

from lenszoo.evaluation import roc_auc
from lenszoo.inference import open_model
from lenszoo.inference.precision_cost import SEED, draw_scenes
from lenszoo.simulation import SPLIT_START, sample

CLASSES = ["no", "sphere", "vort"]


class Noisy:
    """Answers of a model with noise."""

    def __init__(self, model, scale):
        self.model, self.weights, self.output_shape = model, model.weights, model.output_shape
        self.scale, self.rng = scale, np.random.default_rng(1)

    def predict_on_batch(self, inputs):
        answers = self.model.predict_on_batch(inputs)
        return answers + self.scale * self.rng.normal(size=answers.shape)


def opened(preset="common_test_sim", size=150, classes=CLASSES):
    model = network("simple_cnn", shape=(size, size, 1), classes=len(classes), width=2)
    return dataclasses.replace(open_model(model, classes), preset=preset)


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(opened(), "int8", 66)  # more than a batch


def test_the_same_answers_cost_nothing(scenes):
    cost = scenes.cost(scenes.opened.model)
    assert cost.loss == cost.logit_difference == 0 and cost.scenes == 66
    sky = sample("common_test_sim", 66, SEED, SPLIT_START["test"])
    logits = scenes.opened.model.predict(sky.images, verbose=0)
    assert cost.auc == pytest.approx(roc_auc(sky.labels, logits), abs=2e-3)


def test_other_answers_have_their_own_auc(scenes):
    cost = scenes.cost(Noisy(scenes.opened.model, 30.0))
    assert cost.loss == cost.auc_float32 - cost.auc != 0 and cost.logit_difference > 10
    assert abs(cost.auc - 0.5) < 0.2
    broken = Noisy(scenes.opened.model, np.nan)
    one_line("is not finite", lambda: scenes.cost(broken))


def test_lens_finders_are_asked_for_lenses():
    model = network("lens_finder", shape=(64, 64, 3), classes=None, columns=("mag_g",), width=4)
    finder = dataclasses.replace(
        open_model(model), preset="lens_finding_hard", bands=("g", "r", "i")
    )
    cost = draw_scenes(finder, "bfloat16", 6).cost(model)
    assert cost.loss == 0 and 0 <= cost.auc <= 1


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: opened(None), "did not learn on one simulated sky"),
        (lambda: opened(size=64), "answers something else than the classes of common_test_sim"),
        (lambda: opened(classes=["a", "b", "c"]), "(no, sphere, vort)"),
        (lambda: opened("no_such_sky"), "no_such_sky"),
    ],
)
def test_what_cannot_be_measured_is_refused(model, message):
    one_line(message, lambda: draw_scenes(model(), "bfloat16", 3))
