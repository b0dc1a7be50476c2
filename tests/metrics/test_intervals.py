"""Intervals of shares, AUCs and their sums cover as often as they say, also at 0 and 1."""

import numpy as np
import pytest
from scipy import stats

from lenszoo.metrics import intervals
from lenszoo.metrics.classification import weighted_auc
from lenszoo.metrics.intervals import (
    auc_interval,
    bootstrap_interval,
    grouped_interval,
    ratio_interval,
    sum_interval,
    widened_interval,
    wilson_interval,
)


@pytest.mark.parametrize("level", [0.6827, 0.95, 0.99])
def test_wilson_interval_equals_scipy(level):
    trials = np.array([1, 2, 10, 10, 1000, 1000, 7])
    hits = np.array([0, 1, 10, 3, 1, 500, 7])
    expected = [
        stats.binomtest(int(k), int(n)).proportion_ci(level, method="wilson")
        for k, n in zip(hits, trials, strict=True)
    ]
    np.testing.assert_allclose(wilson_interval(hits, trials, level), expected, atol=1e-12)
    assert np.isnan(wilson_interval(0, 0)).all()
    assert wilson_interval(np.zeros((2, 3)), 5).shape == (2, 3, 2)


def test_wilson_interval_equals_astropy():
    from astropy.stats import binom_conf_interval

    hits = np.arange(13)
    expected = binom_conf_interval(hits, 12, confidence_level=0.95, interval="wilson")
    np.testing.assert_allclose(wilson_interval(hits, 12), expected.T, atol=1e-12)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (12, 12), (10, 400), (2000, 2000)])
def test_limits_solve_newcombes_equation(m, n):
    for auc in (0.3, 0.9, 0.999):
        for t in auc_interval(auc, m, n):
            s = (m + n) / 2 - 1
            variance = t * (1 - t) * (1 + s * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)
            assert (auc - t) ** 2 == pytest.approx(stats.norm.ppf(0.975) ** 2 * variance)


def test_an_auc_of_one_from_few_images_may_be_less():
    low, high = auc_interval(1.0, 12, 12)
    assert (low, high) == (pytest.approx(0.832, abs=1e-3), 1)
    np.testing.assert_allclose(auc_interval(0.0, 12, 12), [0, 1 - low])
    assert auc_interval(1.0, 1200, 1200)[0] > 0.997
    assert np.isnan(auc_interval([np.nan, 0.5], [5, 0], 5)).all()


@pytest.mark.parametrize("auc", [0.7, 0.95, 0.99])
@pytest.mark.parametrize("n", [12, 60])
def test_auc_intervals_cover_what_they_say(auc, n):
    rng = np.random.default_rng(n)
    positive = rng.normal(np.sqrt(2) * stats.norm.ppf(auc), 1, (1000, n, 1))
    negative = rng.normal(0, 1, (1000, 1, n))
    low, high = auc_interval((positive > negative).mean(axis=(1, 2)), n, n).T
    assert 0.93 < ((low <= auc) & (auc <= high)).mean() < 0.99


def test_the_mean_of_independent_classes_is_narrower_than_each_and_covers():
    rng = np.random.default_rng(0)
    n, auc = 40, 0.93
    hits, widths = [], []
    for _ in range(400):
        positive = rng.normal(np.sqrt(2) * stats.norm.ppf(auc), 1, (3, n, 1))
        each = (positive > rng.normal(0, 1, (3, 1, n))).mean(axis=(1, 2))
        bounds, drawn = auc_interval(each, n, n), rng.normal(0, 1, (200, 3))
        low, high = sum_interval(np.full(3, 1 / 3), each, bounds, drawn)
        hits.append(low <= auc <= high)
        widths.append((high - low) / np.ptp(bounds, axis=1).mean())
    assert 0.92 < np.mean(hits) < 0.985
    assert np.mean(widths) == pytest.approx(1 / np.sqrt(3), abs=0.1)


def test_sums_where_nothing_varies_take_the_widest_correlation():
    bounds, constant = auc_interval([1.0, 1.0, 1.0], 12, 12), np.ones((50, 3))
    np.testing.assert_allclose(
        sum_interval(np.full(3, 1 / 3), np.ones(3), bounds, constant), bounds[0]
    )
    gain = sum_interval((1, -1), [1.0, 1.0], bounds[:2], constant[:, :2])
    np.testing.assert_allclose(gain, [bounds[0, 0] - 1, 1 - bounds[0, 0]])
    assert np.isnan(sum_interval((1, -1), [1.0, np.nan], bounds[:2], constant[:, :2])).all()


@pytest.mark.parametrize("k", [3, 6, 7, 49])
def test_a_mean_of_ones_reaches_one(k):
    bounds = auc_interval(np.ones(k), 12, 12)
    assert sum_interval(np.full(k, 1 / k), np.ones(k), bounds, np.ones((9, k)))[1] == 1


def test_scores_of_the_same_images_differ_by_less():
    rng = np.random.default_rng(0)
    bounds = np.array([[0.85, 0.95], [0.8, 0.92]])
    common = rng.normal(0, 1, (500, 1))
    alike = np.ptp(sum_interval((1, -1), (0.9, 0.87), bounds, np.add(common, [[0, 1e-3]])))
    paired = common + rng.normal(0, 0.3, (500, 2))
    apart = rng.normal(0, 1, (500, 2))
    widths = [np.ptp(sum_interval((1, -1), (0.9, 0.87), bounds, r)) for r in (paired, apart)]
    assert alike < widths[0] < widths[1]


def test_a_share_is_no_surer_than_its_trials():
    sure, scattered = np.ones(100), np.linspace(0, 1, 101)
    np.testing.assert_allclose(widened_interval(1.0, sure, 20), wilson_interval(20, 20))
    np.testing.assert_allclose(widened_interval(0.5, scattered, 10_000), [0.025, 0.975])
    assert np.isnan(widened_interval(np.nan, [0.5, np.nan], 5)).all()


def test_bootstrap_keeps_the_class_counts_and_its_seed():
    strata = np.repeat([0, 1], [5, 20])
    seen = []

    def share(counts):
        seen.append(counts)
        return counts[:, 3] + counts[:, 7]

    first = bootstrap_interval(share, strata, n_resamples=200, seed=3)
    assert (seen[0][:, :5].sum(axis=1) == 5).all()
    assert (seen[0][:, 5:].sum(axis=1) == 20).all()
    np.testing.assert_array_equal(first, bootstrap_interval(share, strata, n_resamples=200, seed=3))


def test_bootstrap_in_blocks(monkeypatch):
    strata = np.zeros(50)
    monkeypatch.setattr(intervals, "_BLOCK", 1000)
    rows = []
    bootstrap_interval(lambda c: rows.append(len(c)) or c[:, 0], strata, n_resamples=50)
    assert rows == [20, 20, 10]


def test_bootstrap_interval_covers_the_truth():
    # Two unit normals a distance d apart have an AUC of Phi(d / sqrt 2): 0.76025 for d = 1.
    rng = np.random.default_rng(5)
    positive = np.repeat([False, True], 100)
    hits = 0
    for _ in range(200):
        scores = rng.normal(positive, 1.0)

        def auc(counts, scores=scores):
            return weighted_auc(positive, scores, counts)

        low, high = bootstrap_interval(auc, positive, n_resamples=300)
        assert high - low < 0.2
        hits += low < 0.76025 < high
    assert 0.90 <= hits / 200 <= 0.985


class TestGroupedInterval:
    @pytest.mark.parametrize(
        ("mean", "strength", "groups", "each"),
        [
            (0.3, 3, 8, 25),
            (0.3, 3, 100, 3),
            (0.97, 2, 10, 40),
            (0.95, 2, 20, 20),
            (0.99, 5, 30, 30),
        ],
    )
    def test_covers_the_share_of_all_groups(self, mean, strength, groups, each):
        """Groups with shares of their own, of a beta distribution."""
        rng, covered, plain = np.random.default_rng(groups), 0, 0
        for _ in range(300):
            shares = rng.beta(mean * strength, (1 - mean) * strength, groups).repeat(each)
            hits = rng.random(len(shares)) < shares
            low, high = grouped_interval(hits, np.arange(groups).repeat(each))
            covered += low <= mean <= high
            low, high = wilson_interval(hits.sum(), len(hits))
            plain += low <= mean <= high
        assert covered / 300 > 0.91 and plain < covered

    def test_one_miss_more_lowers_both_limits(self):
        galaxies, before = np.arange(1000) // 100, np.array([1.0, 1.0])
        for missed in (0, 1, 5, 20):
            bounds = grouped_interval(np.arange(1000) >= missed, galaxies)
            assert bounds[0] < before[0] + 0.01 and bounds[1] <= before[1]
            before = bounds

    def test_limits(self):
        hits = np.array([True, False, True, True])
        alone = grouped_interval(hits, range(4))
        np.testing.assert_array_equal(alone, wilson_interval(3, 4))
        np.testing.assert_allclose(grouped_interval(hits, [0] * 4), wilson_interval(0.75, 1))
        low, high = grouped_interval(np.ones(40, bool), np.arange(40) // 10)
        assert high == 1.0 and 0.05 < low < wilson_interval(40, 40)[0]
        assert np.isnan(grouped_interval([], [])).all()
        # never narrower than that of trials which are alike in all groups
        even = np.tile([True, False], 20)
        low, high = grouped_interval(even, np.arange(40) // 2)
        assert low < wilson_interval(20, 40)[0] and high > wilson_interval(20, 40)[1]


@pytest.mark.parametrize(
    ("trials", "share", "others", "rate"),
    [(20, 0.3, 20_000, 1e-3), (45, 0.4, 5_000, 2e-3), (10, 0.1, 1_000, 5e-3)],
)
def test_the_interval_of_a_ratio_covers_it(trials, share, others, rate):
    rng = np.random.default_rng(0)
    hits, wrong = rng.binomial(trials, share, 800), rng.binomial(others, rate, 800)
    limits = np.array(
        [ratio_interval(b, others, a, trials) for a, b in zip(hits, wrong, strict=True)]
    )
    covered = (limits[:, 0] <= rate / share) & (rate / share <= limits[:, 1])
    assert 0.925 < covered.mean() < 0.985
    assert np.isnan(ratio_interval(0, 0, 1, 2)).all()
