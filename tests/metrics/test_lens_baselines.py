"""Baselines of a lens finder: logistic regressions on image statistics and on the table."""

import numpy as np
from tinyreports import COLUMNS, finds

from lenszoo.evaluation import shortcut_baseline
from lenszoo.metrics import lens_baselines as lb


def test_each_baseline_sees_its_own_data():
    data, notes = finds(), []
    results = lb.baselines(
        data["images"], data["table"], COLUMNS, data["leaks"], data["labels"] == 1, True, 4, notes
    )
    assert list(results) == [lb.STATISTICS, lb.TABLE, lb.CLEAN_TABLE]
    alone = shortcut_baseline(data["images"], data["labels"], 2, seed=4)
    assert results[lb.STATISTICS].macro_ovr_auc == alone.macro_ovr_auc
    assert results[lb.TABLE].macro_ovr_auc > 0.98 > 0.7 > results[lb.CLEAN_TABLE].macro_ovr_auc
    assert notes == []


def test_without_one_class_there_is_a_note_and_no_score():
    data, notes = finds(40), []
    (result,) = lb.baselines(
        data["images"], None, None, None, np.zeros(40, bool), True, 0, notes
    ).values()
    assert result.scores is None
    assert len(notes) == 1


def test_missing_values_of_the_table_are_features():
    table = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, np.inf], [2.0, np.nan, 7.0]])
    expected = [[1, 0, 5, 1, 0], [3, 0, 6, 1, 1], [2, 0, 7, 1, 0]]
    np.testing.assert_array_equal(lb.table_features(table), expected)
