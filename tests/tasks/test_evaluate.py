import csv
import shutil

import numpy as np
import pytest
from tinyzoo import CLASSES

from lenszoo import build_model, load_model
from lenszoo.data import DatasetIndex
from lenszoo.errors import LenszooError
from lenszoo.evaluation import log_loss, roc_auc, tta_logits
from lenszoo.inference import open_model, predict
from lenszoo.simulation import Sample
from lenszoo.tasks.evaluate import evaluate

pytestmark = pytest.mark.usefixtures("blank_figures", "own_manifest")


def test_scores_are_those_of_the_predictions(zoo, opened):
    report = evaluate(opened, zoo.data / "val", seed=1)
    table = predict(opened, zoo.data / "val")
    labels = [CLASSES.index(name.split("/")[0]) for name in table["id"].to_pylist()]
    logits = np.stack([table[f"logit_{name}"].to_numpy() for name in CLASSES], axis=1)
    assert report.metrics["macro_ovr_auc"] == pytest.approx(roc_auc(labels, logits))
    assert report.metrics["n"] == 24 and report.metrics["shortcut"]["macro_ovr_auc"] is not None
    assert report.provenance["weights_sha256"] == opened.provenance["weights_sha256"]
    assert report.details["history"]["epoch"]  # of a run folder the history is shown too


def test_the_val_folder_of_a_pair_is_taken(zoo, opened):
    assert evaluate(opened, zoo.data).metrics["n"] == 24


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


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_eight_looks_beside_one(zoo, stack, activation):
    """Whatever the model answers, and whatever the batches and the images left out."""
    images, labels = stack[0].copy(), stack[1]
    model = build_model("simple_cnn", weights=zoo.run, activation=activation)
    images[4] = np.nan
    sky = Sample(images, labels, {"scene": np.arange(30)}, CLASSES)
    report = evaluate(model, sky, classes=CLASSES, on_bad="skip", batch_size=7, tta=True)
    kept = np.arange(30) != 4
    looks = tta_logits(load_model(zoo.run), images[kept])
    assert report.metrics["tta"]["log_loss"] == pytest.approx(log_loss(labels[kept], looks), 1e-4)
    assert report.metrics["tta"]["macro_ovr_auc"] == pytest.approx(roc_auc(labels[kept], looks))
    assert report.metrics["tta"]["log_loss"] != report.metrics["log_loss"]
    (table,) = [t for t in report.tables if t.title == "Test-time augmentation"]
    assert [row[0] for row in table.rows] == ["one look", "eight looks"]
    assert "tta" not in evaluate(model, sky, classes=CLASSES, on_bad="skip").metrics


def test_looks_need_squares(stack):
    model = build_model("simple_cnn", input_shape=(20, 16, 1), width=4)
    sky = Sample(stack[0][:, :, :16], stack[1], {"scene": np.arange(30)}, CLASSES)
    with pytest.raises(LenszooError, match="needs square images"):
        evaluate(model, sky, classes=CLASSES, tta=True)


def test_a_sample_is_scored_and_its_classes_checked(opened, stack):
    images, labels = stack
    truth = {"scene": np.arange(len(labels))}
    right = evaluate(opened, Sample(images, labels, truth, CLASSES)).metrics
    shifted = Sample(images, (labels + 1) % 3, truth, ("vort", "no", "sphere"))
    assert evaluate(opened, shifted).metrics["accuracy"] == right["accuracy"] > 0.9
    with pytest.raises(LenszooError, match=r"class 'sub' is unknown .* which knows no, sph"):
        evaluate(opened, Sample(images, labels % 2, truth, ("no", "sub")))


def test_what_was_left_out_is_noted(zoo, opened, tmp_path):
    shutil.copytree(zoo.data / "val", tmp_path / "val")
    np.save(tmp_path / "val" / "no" / "0.npy", np.full((1, 20, 20), np.nan))
    with pytest.raises(LenszooError, match=r"no/0\.npy"):
        evaluate(opened, tmp_path / "val")
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
