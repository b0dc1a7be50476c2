"""Completeness at a false-positive rate: coverage of its intervals, and too few non-lenses."""

import numpy as np
import pytest
from oneline import one_line
from scipy.stats import norm

from lenszoo.metrics.lens_finding import true_positive_rate_at
from lenszoo.metrics.lens_rates import completeness_at, nonlenses_needed


def drawn(rng, lenses, nonlenses, shift=2.5):
    scores = np.concatenate([rng.normal(shift, 1, lenses), rng.normal(0, 1, nonlenses)])
    return np.repeat([1, 0], [lenses, nonlenses]), scores


@pytest.mark.parametrize(
    ("lenses", "nonlenses", "rate"), [(100, 400, 1e-2), (300, 4000, 1e-3), (30, 2000, 1e-2)]
)
def test_the_interval_covers_the_truth(lenses, nonlenses, rate):
    rng, truth = np.random.default_rng(0), norm.sf(norm.isf(rate) - 2.5)
    intervals = [completeness_at(*drawn(rng, lenses, nonlenses), rate).interval for _ in range(300)]
    assert 0.93 <= np.mean([low <= truth <= high for low, high in intervals]) <= 0.995


def test_it_is_the_rate_with_as_many_false_positives():
    labels, scores = drawn(np.random.default_rng(1), 200, 5000)
    got = completeness_at(labels, scores, 1e-2)
    assert got.completeness == true_positive_rate_at(labels, scores, 50)
    assert 0 <= got.interval[0] < got.completeness < got.interval[1] <= 1


def test_too_few_non_lenses_measure_nothing_and_say_how_many_it_takes():
    labels, scores = drawn(np.random.default_rng(2), 50, 367)
    got = completeness_at(labels, scores, 1e-2)
    assert np.isnan(got.completeness) and np.isnan(got.interval).all()
    assert got.needed == 368
    labels, scores = drawn(np.random.default_rng(2), 50, 368)
    assert np.isfinite(completeness_at(labels, scores, 1e-2).interval).all()


def test_of_as_many_as_needed_the_highest_is_above_the_threshold_in_975_of_1000():
    rate, rng = 0.1, np.random.default_rng(3)
    above = rng.random((20_000, nonlenses_needed(rate))) > 1 - rate
    assert above.any(axis=1).mean() == pytest.approx(0.975, abs=0.005)


def test_ties_count_against_and_without_lenses_nothing_is_measured():
    labels = np.repeat([1, 0], [50, 500])
    assert completeness_at(labels, np.zeros(550), 1e-2).completeness == 0
    assert np.isnan(completeness_at(np.zeros(500), np.arange(500.0), 1e-2).completeness)


def test_impossible_rates_and_scores_that_are_not_finite_are_refused():
    for rate in (0, 1, -0.1):
        one_line("false-positive rate", lambda rate=rate: completeness_at([0, 1], [0.0, 1.0], rate))
    one_line("row 1", lambda: completeness_at([0, 1], [0.0, np.nan], 0.1))
