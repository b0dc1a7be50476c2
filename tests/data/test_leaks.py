"""Columns that give the label away are found, honest ones are not."""

import logging

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import check_leaks, find_leaks
from lenszoo.errors import LenszooError

N = 2000
LABELS = np.arange(N) % 2
COLUMNS = ["mag_r", "numb_pix_lensed_image", "flux_lensed_image_in_sigma"]


def _bologna(without: float = 0.066) -> np.ndarray:
    """Return a table like that of the Bologna challenge: two columns are zero without a lens."""
    rng = np.random.default_rng(1)
    pixels = np.where(LABELS == 1, rng.integers(1, 900, N), 0.0)
    pixels[(LABELS == 1) & (rng.random(N) < without)] = 0
    magnitude = rng.normal(20, 1, N) - 0.8 * LABELS
    return np.stack([magnitude, pixels, pixels * 3.7], axis=1).astype(np.float32)


def _column(values: np.ndarray) -> list:
    return find_leaks(np.asarray(values, np.float32)[:, None], ["c"], LABELS)


def test_both_bologna_columns_are_caught():
    leaks = find_leaks(_bologna(), COLUMNS, LABELS)
    assert {leak.column for leak in leaks} == set(COLUMNS[1:])
    for leak in leaks:
        assert leak.auc == pytest.approx(0.967, abs=0.01)
        assert (leak.constant_class, leak.constant_value, leak.fraction) == ("nonlens", 0, 1)
        assert leak.other_fraction == pytest.approx(0.066, abs=0.02)


def test_a_column_zero_for_one_class_is_caught_below_the_threshold():
    leaks = find_leaks(_bologna(without=0.4), COLUMNS, LABELS)
    assert {leak.column for leak in leaks} == set(COLUMNS[1:])
    assert all(leak.auc < 0.85 for leak in leaks)
    assert not find_leaks(_bologna(without=0.6), COLUMNS, LABELS)


def test_direction_does_not_matter_and_ties_count_half():
    rng = np.random.default_rng(2)
    (leak,) = _column(-5.0 * LABELS + rng.normal(size=N))
    assert leak.auc > 0.999
    assert leak.constant_class is None
    (exact,) = find_leaks(np.array([[0.0], [0], [1], [1], [1]]), ["c"], [0, 0, 0, 1, 1], 0.8)
    assert exact.auc == pytest.approx(5 / 6)


def test_missing_values_leak_too():
    rng = np.random.default_rng(3)
    values = rng.normal(size=N)
    absent = values.copy()
    absent[(LABELS == 1) & (rng.random(N) < 0.97)] = np.nan
    (leak,) = _column(absent)
    assert leak.auc > 0.98
    always = values.copy()
    always[LABELS == 0] = np.nan
    (leak,) = _column(always)
    assert leak.constant_class == "nonlens"
    assert np.isnan(leak.constant_value)
    assert "missing for 100 % of nonlens" in str(leak)
    random = values.copy()
    random[rng.random(N) < 0.5] = np.nan
    assert not _column(random)


def test_a_leak_under_many_missing_values_is_seen():
    rng = np.random.default_rng(4)
    values = 10.0 * LABELS + rng.normal(size=N)
    values[rng.random(N) < 0.9] = np.nan
    (leak,) = _column(values)
    assert leak.auc == pytest.approx(1)
    values[:] = rng.normal(size=N)
    values[4:] = np.nan  # two values of each class may fall in order by accident
    values[:4] = [1, 5, 2, 6]
    assert not _column(values)


def test_honest_constant_and_infinite_columns_pass():
    rng = np.random.default_rng(5)
    assert not _column(rng.normal(size=N) + LABELS)
    assert not _column(np.ones(N))
    assert not _column(np.full(N, np.nan))
    infinite = rng.normal(size=N)
    infinite[:3] = [np.inf, -np.inf, np.nan]
    assert not _column(infinite)


def test_objects_without_a_label_are_passed_over():
    labels = LABELS.copy()
    labels[:1000] = -1
    table = _bologna()
    table[:1000, 1:] = 7
    assert len(find_leaks(table, COLUMNS, labels)) == 2


def test_refused_in_one_line_that_names_the_way_out_unless_allowed(caplog):
    with pytest.raises(LenszooError) as caught:
        check_leaks(_bologna(), COLUMNS, LABELS)
    text = str(caught.value)
    assert "\n" not in text
    assert "numb_pix_lensed_image (AUC 0.9" in text
    assert "flux_lensed_image_in_sigma (AUC 0.9" in text
    assert "0 for 100 % of nonlens" in text
    assert "--set allow_leaky_columns=true" in text
    with caplog.at_level(logging.WARNING, "lenszoo"):
        assert len(check_leaks(_bologna(), COLUMNS, LABELS, allow=True)) == 2
    assert "numb_pix_lensed_image" in caplog.text
    assert check_leaks(_bologna()[:, :1], COLUMNS[:1], LABELS) == []


def test_what_cannot_be_checked_is_refused():
    one_line("only between two classes", lambda: find_leaks(_bologna(), COLUMNS, np.ones(N)))
    one_line("needs 2 columns", lambda: find_leaks(_bologna(), COLUMNS[:2], LABELS))
    one_line("threshold", lambda: find_leaks(_bologna(), COLUMNS, LABELS, threshold=95))
    assert find_leaks(np.empty((N, 0)), [], LABELS) == []
