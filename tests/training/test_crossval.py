import json

import numpy as np
import pytest

from lenszoo.errors import LenszooError
from lenszoo.training import Recipe, cross_validate


def test_every_fold_is_a_run_and_the_spread_is_theirs(fields, tmp_path):
    recipe = Recipe(**(fields | {"epochs": 1}))
    summary = cross_validate(recipe, tmp_path / "cv", folds=3)
    aucs = [row["macro_ovr_auc"] for row in summary["folds"]]
    assert len(aucs) == 3
    assert summary["mean"]["macro_ovr_auc"] == pytest.approx(np.mean(aucs))
    assert summary["std"]["macro_ovr_auc"] == pytest.approx(np.std(aucs, ddof=1))
    assert json.loads((tmp_path / "cv" / "folds.json").read_text()) == summary
    reports = [
        json.loads((tmp_path / "cv" / f"fold_{k}" / "report.json").read_text()) for k in (1, 2, 3)
    ]
    assert sum(report["metrics"]["n"] for report in reports) == 24  # every image is held out once


def test_a_sky_is_refused(tmp_path):
    recipe = Recipe(model="simple_cnn", data={"preset": "common_test_sim"})
    with pytest.raises(LenszooError, match="needs files"):
        cross_validate(recipe, tmp_path)
