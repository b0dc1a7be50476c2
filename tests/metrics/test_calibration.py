import numpy as np
import pytest
from scipy.special import softmax

from lenszoo.metrics.calibration import calibration_bins, expected_calibration_error


def test_expected_calibration_error_by_hand():
    p = np.array([0.61, 0.62, 0.93, 0.99])  # bins 9, 9, 13 and 14 of 15
    labels = np.array([1, 0, 1, 1])
    logits = np.log(p / (1 - p))
    expected = (abs(1 - (0.61 + 0.62)) + abs(1 - 0.93) + abs(1 - 0.99)) / 4
    assert expected_calibration_error(labels, logits) == pytest.approx(expected)
    assert calibration_bins(labels, logits).counts.nonzero()[0].tolist() == [9, 13, 14]


def test_calibrated_scores_have_a_small_error_and_doubled_ones_do_not():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (20_000, 3))
    p = softmax(logits, axis=1)
    labels = (rng.random(20_000)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    assert expected_calibration_error(labels, logits) < 0.015
    assert expected_calibration_error(labels, 3 * logits) > 0.08
