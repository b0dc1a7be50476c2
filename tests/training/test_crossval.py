import json

import numpy as np
import pytest
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.training import Recipe, TrainingResult, cross_validate, train

pytestmark = pytest.mark.usefixtures("blank_figures")


def test_every_fold_is_a_run_and_the_spread_is_theirs(fields, tmp_path):
    recipe = Recipe(**(fields | {"epochs": 1}))
    summary = cross_validate(recipe, tmp_path / "cv", folds=2)
    aucs = [row["macro_ovr_auc"] for row in summary["folds"]]
    assert len(aucs) == 2
    assert summary["mean"]["macro_ovr_auc"] == pytest.approx(np.mean(aucs))
    assert summary["std"]["macro_ovr_auc"] == pytest.approx(np.std(aucs, ddof=1))
    assert json.loads((tmp_path / "cv" / "folds.json").read_text()) == summary
    reports = [
        json.loads((tmp_path / "cv" / f"fold_{k}" / "report.json").read_text()) for k in (1, 2)
    ]
    assert sum(report["metrics"]["n"] for report in reports) == 24  # every image is held out once


def test_the_recipe_says_how_many_folds_and_a_folder_keeps_to_them(fields, tmp_path, monkeypatch):
    done = []

    def trained(recipe, out, task):
        done.append((recipe.folds, out.name))
        metrics = dict.fromkeys(("macro_ovr_auc", "accuracy", "log_loss"), 0.5 + 0.1 * len(done))
        return TrainingResult(out, metrics, [{"val_auc": 0.25}])

    (tmp_path / "cv").mkdir()
    monkeypatch.setattr("lenszoo.training.crossval.train", trained)
    summary = cross_validate(Recipe(**fields, folds=2), tmp_path / "cv")
    assert done == [(2, "fold_1"), (2, "fold_2")]
    assert summary["mean"]["last_epoch_auc"] == 0.25
    assert summary["std"]["accuracy"] == pytest.approx(0.1 / 2**0.5)


def test_folds_are_two_or_more(fields, tmp_path):
    for folds in (0, 1, 2.5, True):
        with pytest.raises(LenszooError, match="has two folds or more"):
            cross_validate(fields, tmp_path / "cv", folds=folds)
    one_line("dataset", lambda: cross_validate("resnet18.five_fold", tmp_path / "cv"))


def test_one_training_of_a_cross_validation_recipe_is_refused(fields, tmp_path):
    with pytest.raises(LenszooError, match=r"\(folds = 4\): use .*cross_validate, or --folds 4"):
        train(Recipe(**fields, folds=4), tmp_path / "run")


def test_a_sky_is_refused(tmp_path):
    recipe = Recipe(model="simple_cnn", data={"preset": "common_test_sim"})
    one_line("needs files", lambda: cross_validate(recipe, tmp_path))
