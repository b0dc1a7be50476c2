import numpy as np
import pytest
from tinyreports import classes

from lenszoo.evaluation import classification_report
from lenszoo.tasks.classify.outcome import check_outcome
from lenszoo.tasks.classify.panels import galleries, roc_curves

NAMES = ["no", "sphere", "vort"]


def test_a_model_no_better_than_the_shortcut_is_told_so():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)
    images = rng.random((300, 8, 8)) + labels[:, None, None]
    logits = rng.normal(0, 1, (300, 3))
    said = classification_report(labels, logits, NAMES, images=images, n_resamples=50).summary
    assert "not clearly above that" in said
    logits[np.arange(300), labels] += 50
    said = classification_report(labels, logits, NAMES, images=images, n_resamples=50).summary
    assert "not clearly above that" in said  # both are perfect


def test_a_saturated_probability_does_not_pretend_to_be_1():
    logits = [[0.0, 900.0], [0.0, 1000.0], [0.0, 950.0], [5.0, 0.0]]
    assert "> 0.999" in str(classification_report([0, 0, 0, 0], logits, ["a", "b"]))


def test_curves_are_of_classes_that_occur_and_of_the_second_of_two():
    labels, logits, _ = classes()
    y = check_outcome(labels, logits, NAMES, None).labels
    assert [curve.name for curve in roc_curves(y, logits, NAMES)] == NAMES
    known = y != 2
    assert [curve.name for curve in roc_curves(y[known], logits[known], NAMES)] == NAMES[:2]
    pair = roc_curves(np.array([0, 1, 1]), np.array([[2.0, 0], [0, 1], [0, 3]]), ["a", "b"])
    assert [(curve.name, curve.auc) for curve in pair] == [("b", pytest.approx(1.0))]


def test_galleries_show_what_there_is():
    labels, logits, images = classes(60)
    outcome = check_outcome(labels, logits, NAMES, None)
    wrong = outcome.most_confident(outcome.predicted != labels, 3)
    shown = galleries(outcome, wrong, images, None)
    assert [figure.name for figure in shown] == ["mistakes", "examples"]
    assert all(NAMES[outcome.predicted[row]] in shown[0].alt for row in wrong)
    assert [figure.name for figure in galleries(outcome, [], images, None)] == ["examples"]
