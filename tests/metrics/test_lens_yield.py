"""What a survey may expect: counts, intervals, completeness and calibration."""

import numpy as np
import pytest
from oneline import one_line
from scipy.special import expit

from lenszoo.errors import LenszooError
from lenszoo.metrics import lens_yield as ly
from lenszoo.metrics.lens_finding import operating_curve


def draw(seed=0, n=400):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    return labels, rng.normal(2.0 * labels - 1, 1.2)


@pytest.mark.parametrize("objects", [1, 400, 10**6])
@pytest.mark.parametrize("prevalence", [1e-4, 1e-3, 0.5])
def test_expected_counts_are_the_rates_times_the_survey(prevalence, objects):
    labels, scores = draw()
    got = ly.expected_counts(labels, scores, 0.7, prevalence=prevalence, objects=objects)
    found = scores >= 0.7
    assert got.completeness == found[labels == 1].mean()
    assert got.lenses_found == pytest.approx(got.completeness * prevalence * objects)
    assert got.false_positives == pytest.approx(
        found[labels == 0].mean() * (1 - prevalence) * objects
    )
    candidates = got.lenses_found + got.false_positives
    assert got.purity == pytest.approx(got.lenses_found / candidates)
    assert got.purity_interval[0] < got.purity < got.purity_interval[1]


def test_a_survey_like_the_data_yields_what_the_data_hold():
    labels, scores = draw()
    got = ly.expected_counts(labels, scores, 0.0, prevalence=0.5, objects=len(labels))
    assert got.lenses_found == pytest.approx(((scores >= 0) & (labels == 1)).sum())
    assert got.false_positives == pytest.approx(((scores >= 0) & (labels == 0)).sum())
    curve = operating_curve(labels, scores)
    index = np.flatnonzero(curve.thresholds >= 0)[-1]
    assert got.purity == pytest.approx(curve.purity()[index])


def test_no_false_positive_here_is_not_none_in_a_survey():
    labels, scores = np.repeat([0, 1], 100), np.repeat([0.0, 1.0], 100)
    got = ly.expected_counts(labels, scores, 0.5)
    assert got.false_positives == 0
    assert got.false_positives_interval[0] == 0
    # of 100 none: up to 3.7 % (Wilson), of 999,000 some 37,000
    assert got.false_positives_interval[1] == pytest.approx(999_000 * 0.03699, rel=1e-3)
    assert got.purity_interval[0] < 0.03


def test_intervals_of_purity_know_that_lenses_are_few():
    # 3 of 10 lenses and 20 of 20,000 others pass: the completeness is known worse than the rate
    labels = np.repeat([1, 0], [10, 20_000])
    scores = np.concatenate([np.repeat([1.0, 0.0], [3, 7]), np.repeat([1.0, 0.0], [20, 19_980])])
    got = ly.expected_counts(labels, scores, 0.5)
    low, high = got.inspections_interval
    assert low < got.inspections_per_lens < high and (high - 1) / (low - 1) > 5
    assert got.purity_interval == pytest.approx((1 / high, 1 / low))


def test_of_no_lens_that_is_found_the_purity_may_be_above_none():
    labels, scores = np.repeat([1, 0], [10, 1000]), np.repeat([0.0, 1.0, 0.0], [10, 5, 995])
    got = ly.expected_counts(labels, scores, 0.5)
    assert got.purity == 0 and got.purity_interval[0] == 0 < got.purity_interval[1] < 0.5
    nothing = ly.expected_counts(labels, np.zeros(1010), 0.5)
    assert nothing.purity_interval == (0, 1) and nothing.inspections_interval == (1, np.inf)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"prevalence": 1.0}, "prevalence is 1.0"), ({"objects": 0}, "survey of 0")],
)
def test_impossible_surveys_are_refused(change, words):
    with pytest.raises(LenszooError, match=words):
        ly.expected_counts([0, 1], [0.0, 1.0], 0.5, **change)
    with pytest.raises(LenszooError, match="threshold is not a number"):
        ly.expected_counts([0, 1], [0.0, 1.0], float("nan"))


@pytest.mark.parametrize(("n", "bins"), [(1, 1), (19, 1), (45, 2), (1000, 8)])
def test_completeness_bins_hold_every_lens_once(n, bins):
    rng = np.random.default_rng(n)
    values = rng.uniform(0.5, 2, n)
    found = rng.random(n) < values / 2
    got = ly.completeness_by(np.append(values, [np.nan, np.inf]), np.append(found, [True, False]))
    assert len(got.lenses) == bins
    assert got.lenses.sum() == n
    assert got.found.sum() == found.sum()
    assert got.unknown == 2
    assert (np.diff(got.edges) > 0).all() or n == 1
    assert ((got.centres >= got.edges[:-1]) & (got.centres <= got.edges[1:])).all()
    assert (got.lenses >= 20).all() or bins == 1
    low, high = got.intervals.T
    assert ((low <= got.completeness) & (got.completeness <= high)).all()


def test_completeness_rises_with_what_makes_lenses_easy():
    values = np.linspace(0, 1, 4000)
    found = np.random.default_rng(0).random(4000) < values
    got = ly.completeness_by(values, found)
    np.testing.assert_allclose(got.completeness, got.centres, atol=0.06)


def test_completeness_against_few_values_and_none():
    got = ly.completeness_by(np.repeat([1.0, 2.0], 100), np.repeat([False, True], 100))
    assert got.found.sum() == 100
    assert got.completeness[0] == 0
    assert got.completeness[-1] == 1
    assert ly.completeness_by(np.full(50, 3.0), np.ones(50)).completeness.tolist() == [1.0]
    assert ly.completeness_by([np.nan], [True]) is None
    assert ly.completeness_by([], []) is None


def test_calibration_is_that_of_the_lens():
    rng = np.random.default_rng(0)
    logits = rng.normal(-2, 2, 40_000)
    labels = rng.random(40_000) < expit(logits)
    bins = ly.lens_calibration(labels, logits)
    assert bins.error < 0.01
    np.testing.assert_allclose(bins.accuracy, bins.confidence, atol=0.1)
    assert bins.counts[0] == bins.counts.max()  # most are surely no lens, and not "surely right"
    assert ly.lens_calibration(labels, 3 * logits).error > 0.05
    assert ly.lens_calibration([0, 1], [-1e4, 1e4]).error == 0


def test_calibrated_logits_are_calibrated_in_a_survey():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 40_000)
    labels = rng.random(len(logits)) < 1 / (1 + np.exp(-logits))
    bins = ly.survey_calibration(labels, logits, prevalence=1e-3)
    assert bins.weight.sum() == pytest.approx(1)
    assert bins.share @ bins.weight == pytest.approx(1e-3)
    inside = (bins.intervals[:, 0] <= bins.probability) & (bins.probability <= bins.intervals[:, 1])
    assert inside.mean() > 0.8 and len(inside) >= 8
    assert bins.error < 1e-4 < ly.survey_calibration(labels, 3 * logits, prevalence=1e-3).error
    # for a share of lenses that they are not calibrated for, they are wrong
    assert ly.survey_calibration(labels, logits, prevalence=1e-3, trained=0.1).error > 1e-3


def test_a_survey_calibration_needs_both_classes_and_few_objects_share_a_bin():
    one_line("one class", lambda: ly.survey_calibration([1, 1], [0.0, 1.0]))
    bins = ly.survey_calibration([0, 1, 1], [0.0, 1.0, 5.0], prevalence=0.1)
    assert bins.lenses.tolist() == [2] and bins.nonlenses.tolist() == [1]
    assert bins.share[0] == pytest.approx(0.1)
    constant = ly.survey_calibration([0, 1] * 20, np.zeros(40), prevalence=0.5)
    assert constant.probability.tolist() == [0.5] and constant.error < 1e-12
