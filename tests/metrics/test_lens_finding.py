"""Lens-finding metrics against brute force, against scikit-learn and against identities."""

import numpy as np
import pytest
import sklearn.metrics as sk

from lenszoo.errors import LenszooError
from lenszoo.evaluation import roc_auc
from lenszoo.metrics import lens_finding as lm
from lenszoo.metrics.classification import weighted_auc


def draw(seed, n=120, step=0.5, share=0.4):
    """Labels and float32 scores with many ties."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < share).astype(int)
    scores = np.round(rng.normal(labels, 1.0) / step) * step
    return labels, scores.astype(np.float32)


def slow_rate(labels, scores, false_positives):
    """Try every threshold: the best rate that keeps to the allowed number."""
    best = 0.0
    for threshold in [*np.unique(scores), np.inf]:
        found = scores >= threshold
        if (found & (labels == 0)).sum() <= false_positives:
            best = max(best, (found & (labels == 1)).sum() / (labels == 1).sum())
    return best


def slow_precision(labels, scores):
    """The definition, one threshold after the other."""
    area, before = 0.0, 0.0
    for threshold in np.unique(scores)[::-1]:
        found = scores >= threshold
        recall = (found & (labels == 1)).sum() / (labels == 1).sum()
        area += (recall - before) * (found & (labels == 1)).sum() / found.sum()
        before = recall
    return area


@pytest.mark.parametrize("seed", range(20))
def test_equals_brute_force_with_many_ties(seed):
    step = (0.01, 0.25, 0.5, 1.0)[seed % 4]
    labels, scores = draw(seed, n=40 + 17 * seed, step=step, share=(0.1, 0.5, 0.8)[seed % 3])
    for allowed in (0, 1, 5, 9):
        if (labels == 0).sum() > allowed:
            expected = slow_rate(labels, scores, allowed)
            assert lm.true_positive_rate_at(labels, scores, allowed) == pytest.approx(expected)
    assert lm.average_precision(labels, scores) == pytest.approx(slow_precision(labels, scores))
    curve = lm.operating_curve(labels, scores)
    for threshold, hits, wrong in zip(*curve, strict=True):
        assert hits == ((scores >= threshold) & (labels == 1)).sum()
        assert wrong == ((scores >= threshold) & (labels == 0)).sum()


@pytest.mark.parametrize("seed", range(10))
def test_equals_scikit_learn(seed):
    labels, scores = draw(seed, n=500, step=0.1)
    assert lm.average_precision(labels, scores) == pytest.approx(
        sk.average_precision_score(labels, scores), abs=1e-12
    )
    curve = lm.operating_curve(labels, scores)
    false, true, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, false)
    np.testing.assert_allclose(curve.completeness, true)
    purity, completeness, thresholds = sk.precision_recall_curve(labels, scores)
    np.testing.assert_array_equal(curve.thresholds[1:], thresholds[::-1])
    np.testing.assert_allclose(curve.purity()[1:], purity[-2::-1])
    np.testing.assert_allclose(curve.completeness[1:], completeness[-2::-1])
    area = np.trapezoid(curve.completeness, curve.false_positive_rate)
    assert roc_auc(labels, scores) == pytest.approx(area, abs=1e-12)


def test_rates_by_hand():
    labels = np.array([1, 1, 0, 1, 0, 1])
    scores = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    assert lm.tpr0(labels, scores) == 0.5
    assert lm.true_positive_rate_at(labels, scores, 1) == 0.75
    assert np.isnan(lm.true_positive_rate_at(labels, scores, 2))  # 1 whatever the scores
    assert lm.average_precision(labels, scores) == pytest.approx((1 + 1 + 3 / 4 + 4 / 6) / 4)


def test_a_tie_with_a_non_lens_counts_against():
    assert lm.tpr0([1, 0], [3.0, 3.0]) == 0
    assert lm.tpr0([1, 1, 0], [3.0, 4.0, 3.0]) == 0.5
    # ten non-lenses that tie: none can be had without the tenth
    labels = np.r_[np.ones(5), np.zeros(10)]
    scores = np.r_[[2.0, 2.0, 1.0, 0.0, 0.0], np.ones(10)]
    assert lm.tpr10(labels, scores) == 0.4
    # the fewer than ten that are allowed may tie among themselves
    scores = np.r_[[2.0, 2.0, 1.0, 1.0, 0.0], np.ones(9), [0.5]]
    assert lm.tpr10(labels, scores) == 0.8


def test_constant_scores_find_nothing_before_a_false_positive():
    labels = np.repeat([0, 1], 20)
    scores = np.zeros(40)
    assert (lm.tpr0(labels, scores), lm.tpr10(labels, scores)) == (0, 0)
    assert roc_auc(labels, scores) == 0.5
    assert lm.average_precision(labels, scores) == 0.5
    assert lm.threshold_at(labels, scores, 0.5) > 0
    assert len(lm.operating_curve(labels, scores).thresholds) == 2


def test_logits_keep_what_a_saturated_probability_loses():
    labels = np.array([0, 1, 1, 1])
    logits = np.array([18, 19, 20, 25], np.float32)
    saturated = 1 / (1 + np.exp(-logits))
    assert lm.tpr0(labels, logits) == 1
    assert lm.tpr0(labels, saturated) == 0


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0]])
def test_one_class_is_undefined(labels):
    scores = [0.1, 0.2, 0.3]
    assert np.isnan(lm.tpr0(labels, scores))
    assert np.isnan(lm.average_precision(labels, scores))
    assert np.isnan(lm.threshold_at(labels, scores, 0.1)) == (labels[0] == 1)
    curve = lm.operating_curve(labels, scores)
    assert np.isnan(curve.false_positive_rate if labels[0] else curve.completeness).all()


@pytest.mark.parametrize("seed", range(8))
def test_weighted_metrics_are_those_of_the_repeated_objects(seed):
    labels, scores = draw(seed, n=60, step=(0.01, 0.5)[seed % 2])
    counts = np.random.default_rng(seed).integers(0, 3, (7, 60)).astype(float)
    got = lm.weighted_ranking(labels == 1, scores, counts)
    for row, values in zip(counts, got, strict=True):
        repeated = np.repeat(np.arange(60), row.astype(int))
        y, s = labels[repeated], scores[repeated]
        metrics = (roc_auc, lm.average_precision, lm.tpr0, lm.tpr10)
        expected = [metric(y, s) for metric in metrics]
        np.testing.assert_allclose(values, expected, atol=1e-12)
    np.testing.assert_allclose(got[:, 0], weighted_auc(labels == 1, scores, counts), atol=1e-12)


def test_weights_without_a_class_are_undefined():
    labels, scores = draw(0)
    lenses_only = (labels == 1).astype(float)[None]
    for weights in (lenses_only, 1 - lenses_only, 0 * lenses_only):
        assert np.isnan(lm.weighted_ranking(labels == 1, scores, weights)).all()
    few = np.where((labels == 1) | (np.cumsum(labels == 0) <= 9), 1.0, 0.0)[None]
    undefined = np.isnan(lm.weighted_ranking(labels == 1, scores, few))
    assert undefined.tolist() == [[False, False, False, True]]  # nine non-lenses have no TPR10


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.29, 0.5])
def test_thresholds_keep_to_their_rate_and_are_the_lowest(seed, rate):
    labels, scores = draw(seed, n=200, step=(0.01, 0.5)[seed % 2])
    others = scores[labels == 0]
    at = lm.threshold_at(labels, scores, rate)
    assert (others >= at).mean() <= rate
    below = np.unique(scores)[np.unique(scores) < at]
    assert not len(below) or (others >= below[-1]).mean() > rate
    # the same in float32, where a threshold between two floats would round onto one of them
    assert ((others >= np.float32(at)).sum()) == (others >= at).sum()


def test_a_rate_that_rounds_down_is_meant_exactly():
    # 0.29 * 100 is 28.999999999999996
    labels, scores = np.zeros(100), np.arange(100.0)
    assert (scores >= lm.threshold_at(labels, scores, 0.29)).sum() == 29


@pytest.mark.parametrize("seed", range(5))
def test_purity_at_the_observed_share_is_the_empirical_one(seed):
    labels, scores = draw(seed)
    curve = lm.operating_curve(labels, scores)
    np.testing.assert_allclose(curve.purity(labels.mean()), curve.purity(), rtol=1e-12)
    assert (curve.purity(1e-3)[1:] <= curve.purity()[1:] + 1e-12).all()
    assert curve.purity(1e-3)[-1] == pytest.approx(1e-3)  # taking everything is no better


def test_purity_by_hand():
    # of 1,000 objects one lens, found with 0.5; of 999 others 9.99 pass
    assert lm.purity_at(0.5, 0.01, 1e-3) == pytest.approx(0.5 / (0.5 + 9.99))
    assert np.isnan(lm.purity_at(0.0, 0.0, 0.5))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lm.tpr0([0, 1], [0.0]), "2 labels but 1"),
        (lambda: lm.tpr0([0, 2], [0.0, 1.0]), "hold 2"),
        (lambda: lm.tpr0([0, 1], [[0.0, 1.0], [1.0, 0.0]]), "one logit an object"),
        (lambda: lm.true_positive_rate_at([0, 1], [0.0, 1.0], -1), "-1 false positives"),
        (lambda: lm.threshold_at([0, 1], [0.0, 1.0], 1.0), "0 to below 1"),
        (lambda: lm.purity_at(1.0, 0.1, 0.0), "prevalence is 0.0"),
        (lambda: lm.operating_curve([0, 1], [0.0, 1.0]).purity(1.5), "prevalence is 1.5"),
        (lambda: lm.average_precision([], []), "no samples"),
    ],
)
def test_bad_input_is_one_clear_line(call, words):
    with pytest.raises(LenszooError) as error:
        call()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_scores_that_are_not_finite_name_the_objects():
    with pytest.raises(LenszooError, match=r"2 of 3 samples .*\(KiDS-2, KiDS-3\)"):
        lm.check_scores([0, 1, 1], [0.0, np.nan, np.inf], ["KiDS-1", "KiDS-2", "KiDS-3"])
