import csv
import shutil

import numpy as np
import pytest
from oneline import one_line
from tinyzoo import CLASSES

from lenszoo.data import DatasetIndex
from lenszoo.errors import LenszooError
from lenszoo.inference import open_model
from lenszoo.tasks.evaluate import evaluate


def test_the_val_folder_of_a_pair_is_taken(zoo, opened):
    report = evaluate(opened, zoo.data)
    assert report.metrics["n"] == 24
    note = f"{zoo.data} holds train and val: val is scored (for the other, give "
    assert any(each.startswith(note) for each in report.notes)
    assert not any("holds train" in each for each in evaluate(opened, zoo.data / "val").notes)


def test_classes_are_matched_by_name_not_by_order(zoo, opened, tmp_path):
    """Folders called by their aliases, an index in another order, a CSV: the same scores."""
    for old, new in zip(CLASSES, ("no_sub", "cdm", "axion"), strict=True):
        shutil.copytree(zoo.data / "val" / old, tmp_path / "renamed" / new)
    straight = evaluate(opened, zoo.data / "val").metrics
    renamed = evaluate(opened, tmp_path / "renamed").metrics
    index = DatasetIndex.from_directory(zoo.data / "val", classes=("vort", "no", "sphere"))
    with (tmp_path / "t.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "path", "label"])
        for name, path, k in zip(index.ids, index.paths, index.labels, strict=True):
            rows.writerow([name, path, index.class_names[k]])
    for other in (renamed, *(evaluate(opened, d).metrics for d in (index, tmp_path / "t.csv"))):
        assert other["confusion_matrix"] == straight["confusion_matrix"]
        assert other["macro_ovr_auc"] == pytest.approx(straight["macro_ovr_auc"])


def test_what_was_left_out_is_noted(zoo, opened, tmp_path):
    shutil.copytree(zoo.data / "val", tmp_path / "val")
    np.save(tmp_path / "val" / "no" / "0.npy", np.full((1, 20, 20), np.nan))
    one_line("no/0.npy", lambda: evaluate(opened, tmp_path / "val"))
    report = evaluate(opened, tmp_path / "val", on_bad="skip")
    assert report.metrics["n"] == 23
    assert any("1 of 24 images were left out" in note for note in report.notes)


@pytest.mark.parametrize("kind", ["unlabelled", "unnamed", "stranger", "all bad"])
def test_data_that_cannot_be_scored(zoo, opened, tmp_path, kind):
    model, data, message = opened, tmp_path / "d", "has no labels"
    if kind == "unnamed":
        model = open_model(shutil.copy(zoo.run / "best.weights.h5", tmp_path / "m.weights.h5"))
        data, message = zoo.data / "val", "pass classes="
    elif kind == "unlabelled":
        shutil.copytree(zoo.data / "val" / "no", data)
    elif kind == "stranger":
        shutil.copytree(zoo.data / "val" / "no", data / "spiral")
        message = "spiral"
    else:
        for name in CLASSES:
            (data / name).mkdir(parents=True)
            np.save(data / name / "a.npy", np.full((1, 20, 20), np.nan))
        message = "none of the 3 images could be scored"
    with pytest.raises(LenszooError, match=message):
        evaluate(model, data, on_bad="skip")
