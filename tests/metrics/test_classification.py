"""The metrics against scikit-learn, against their definitions, and on input that breaks others."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from oneline import one_line
from scipy.special import softmax

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as m


def draw(n=301, n_classes=3, signal=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    logits = rng.normal(0, 1.5, (n, n_classes))
    logits[np.arange(n), labels] += signal
    return labels, logits.astype(np.float32)


def naive_auc(positive, scores):
    """The definition: how often a positive outranks a negative, ties one half."""
    ups, downs = scores[positive][:, None], scores[~positive][None, :]
    return float(((ups > downs) + 0.5 * (ups == downs)).mean())


@pytest.mark.parametrize("n_classes", [3, 4, 7])
def test_equals_scikit_learn_on_softmax(n_classes):
    labels, logits = draw(n_classes=n_classes)
    p = softmax(logits.astype(float), axis=1)
    for average in ("ovr", "ovo"):
        expected = sk.roc_auc_score(labels, p, multi_class=average, average="macro")
        assert m.roc_auc(labels, logits, average) == pytest.approx(expected, abs=1e-12)
    each = sk.roc_auc_score(labels, p, multi_class="ovr", average=None)
    np.testing.assert_allclose(m.per_class_auc(labels, logits), each, atol=1e-12)
    assert m.accuracy(labels, logits) == sk.accuracy_score(labels, p.argmax(1))
    assert m.log_loss(labels, logits) == pytest.approx(sk.log_loss(labels, p), abs=1e-12)
    np.testing.assert_array_equal(
        m.confusion_matrix(labels, logits), sk.confusion_matrix(labels, p.argmax(1))
    )


def test_saturated_logits_keep_their_order():
    labels, logits = draw(signal=1.0)
    exact = m.per_class_auc(labels, logits)
    # Adding the same to a logit of every sample keeps the odds' order, and saturates the softmax.
    pushed = logits.astype(float)
    pushed[:, 0] += 800
    p = softmax(pushed, axis=1)[:, 0]
    assert len(np.unique(p)) == 1  # float64 probabilities are all ties by now
    assert sk.roc_auc_score(labels == 0, p) == 0.5
    others = np.logaddexp(pushed[:, 1], pushed[:, 2])
    expected = naive_auc(labels == 0, pushed[:, 0] - others)
    assert m.per_class_auc(labels, pushed)[0] == pytest.approx(expected, abs=1e-12)
    assert m.per_class_auc(labels, pushed)[0] == pytest.approx(exact[0], abs=1e-6)


def test_a_saturated_float32_sigmoid_loses_what_logits_keep():
    labels = np.array([0, 0, 1, 1])
    logits = np.array([18, 20, 19, 25], np.float32)
    p = 1 / (1 + np.exp(-logits))
    assert len(np.unique(p)) == 1
    assert m.roc_auc(labels, logits) == 0.75


def test_ties_count_one_half():
    labels = np.array([0, 1, 0, 1, 1, 0, 1])
    logits = np.array([0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    assert m.roc_auc(labels, logits) == naive_auc(labels == 1, logits)
    rows = np.repeat([[2.0, 1.0, 0.5]], 101, axis=0)
    assert m.per_class_auc(np.arange(101) % 3, rows).tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_single_logit_is_the_positive_class(shape):
    labels, logits = draw(n_classes=2)
    difference = logits[:, 1] - logits[:, 0]
    single = difference.reshape(shape)
    assert m.roc_auc(labels, single) == sk.roc_auc_score(labels, difference)
    assert m.roc_auc(labels, single, "ovo") == m.roc_auc(labels, single, "ovr")
    assert m.per_class_auc(labels, single) == pytest.approx([m.roc_auc(labels, logits)] * 2)
    assert m.accuracy(labels, single) == m.accuracy(labels, logits)
    assert m.log_loss(labels, single) == pytest.approx(m.log_loss(labels, logits), rel=1e-6)


def test_log_odds_are_those_of_the_softmax():
    _, logits = draw()
    p = softmax(logits.astype(float), axis=1)
    np.testing.assert_allclose(m.log_odds(logits), np.log(p) - np.log1p(-p), atol=1e-9)


def test_log_loss_stays_finite_when_utterly_wrong():
    assert m.log_loss([0, 1], [[-5000.0, 5000.0], [0.0, 0.0]]) == pytest.approx(
        (10000 + np.log(2)) / 2
    )


def test_absent_class_is_nan_without_a_warning():
    labels, logits = draw()
    keep = labels != 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        each = m.per_class_auc(labels[keep], logits[keep])
        assert np.isnan(each).tolist() == [False, False, True]
        assert np.isnan(m.roc_auc(labels[keep], logits[keep], "ovr"))
        assert np.isnan(m.roc_auc(labels[keep], logits[keep], "ovo"))
        assert np.isnan(m.roc_auc([1, 1], [0.3, 0.4]))
        assert m.accuracy([1], [[0.0, 1.0]]) == 1


def test_weighted_auc_equals_scikit_learn_with_weights():
    rng = np.random.default_rng(2)
    positive = rng.random(80) < 0.4
    scores = np.round(rng.normal(positive, 1.0), 1)  # many ties
    counts = rng.integers(0, 4, (6, 80)).astype(float)
    expected = [sk.roc_auc_score(positive, scores, sample_weight=w) for w in counts]
    np.testing.assert_allclose(m.weighted_auc(positive, scores, counts), expected, atol=1e-12)
    assert np.isnan(m.weighted_auc(positive, scores, counts * ~positive)).all()


@pytest.mark.parametrize(
    ("labels", "logits", "words"),
    [
        ([], np.zeros((0, 3)), "no samples"),
        ([0], np.zeros((1, 2, 3)), "shape (1, 2, 3)"),
        ([0], [["a", "b"]], "numeric"),
        ([0, 1], np.zeros((3, 2)), "2 labels but 3"),
        ([[1, 0]], np.zeros((1, 2)), "one class number a sample"),
        (["no"], np.zeros((1, 2)), "numbers"),
        ([0.5], np.zeros((1, 2)), "whole"),
        ([float("nan")], np.zeros((1, 2)), "whole"),
        ([3], np.zeros((1, 3)), "hold 3"),
        ([-1], np.zeros((1, 3)), "hold -1"),
        ([0, 1], [[0.0, np.nan], [0.0, 1.0]], "1 of 2 samples"),
        ([0, 1], [[0.0, np.inf], [0.0, 1.0]], "row 0"),
    ],
)
def test_bad_input_is_one_clear_line(labels, logits, words):
    with pytest.raises(LenszooError) as error:
        m.roc_auc(labels, logits)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_average_lists_the_legal_ones():
    one_line("ovo, ovr", lambda: m.roc_auc([0, 1], [0.0, 1.0], "micro"))
