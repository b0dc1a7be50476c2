"""evaluate with lens finders: three scores, whatever the data come as."""

import dataclasses

import keras
import numpy as np
import pytest
from oneline import one_line
from tinysurvey import BANDS, COLUMNS, PATTERN, SIZE, TINY

from lenszoo import build_model, predict
from lenszoo.data import read_catalogue
from lenszoo.errors import LenszooError
from lenszoo.evaluation import roc_auc, tta_logits
from lenszoo.inference import Catalogue, open_model
from lenszoo.tasks.evaluate import evaluate
from lenszoo.tasks.find_lenses.task import branch_logits

pytestmark = pytest.mark.usefixtures("blank_figures", "own_manifest")

SCORES = ["image and table", "image only", "table only"]


@pytest.fixture(scope="module")
def given(survey):
    return Catalogue(
        survey.table, images=survey.images, pattern=PATTERN, bands=BANDS, label="is_lens"
    )


@pytest.fixture(scope="module")
def cutouts(survey):
    return read_catalogue(
        survey.table,
        images=survey.images,
        pattern=PATTERN,
        bands=BANDS,
        label="is_lens",
        columns=COLUMNS,
    )


@pytest.fixture(scope="module")
def report(finder, given):
    return evaluate(finder, given, batch_size=16, seed=1)


def image_model(seed=1):
    keras.utils.set_random_seed(seed)
    return open_model(build_model("lens_finder", input_shape=(SIZE, SIZE, 2), **TINY))


def test_three_scores_which_are_those_of_the_training_report(finder, cutouts, report):
    assert list(report.metrics["by_score"]) == SCORES
    for name, scores in branch_logits(finder.model, cutouts).items():
        expected = roc_auc(cutouts.labels, scores)
        assert report.metrics["by_score"][name]["auc"] == pytest.approx(expected, abs=1e-6)
    assert report.metrics["nonlenses"] == 20 and report.metrics["auc"] > 0.9
    assert report.metrics["baselines"] and report.metrics["leaky_columns"] == []
    assert report.provenance["weights_sha256"] == finder.provenance["weights_sha256"]
    assert report.details["history"]["epoch"]
    names = [figure.title for figure in report.figures]
    assert any("Training" in name or "history" in name.lower() for name in names)


def test_temperature_is_in_the_scores(finder, cutouts):
    temperature = finder.model.get_layer("temperature").temperature
    fitted = float(temperature)
    temperature.assign(2 * fitted)
    metrics = evaluate(finder, cutouts, seed=1).metrics
    temperature.assign(fitted)
    before = evaluate(finder, cutouts, seed=1).metrics
    assert metrics["auc"] == before["auc"] and metrics["log_loss"] != before["log_loss"]
    assert metrics["uncalibrated"]["log_loss"] == pytest.approx(before["uncalibrated"]["log_loss"])


def test_cutouts_and_catalogue_score_alike(finder, cutouts, report):
    other = evaluate(finder, cutouts, seed=1)
    assert other.metrics["auc"] == pytest.approx(report.metrics["auc"])
    assert other.metrics["log_loss"] == pytest.approx(report.metrics["log_loss"], abs=1e-4)


def test_without_labels(finder, cutouts, survey):
    one_line(
        "no labels; name the column",
        lambda: evaluate(finder, dataclasses.replace(cutouts, labels=None)),
    )
    with pytest.raises(LenszooError, match=r"no column 'label'; .* label="):
        evaluate(finder, survey.table)
    labels = cutouts.labels.copy()
    labels[:5] = -1
    some = evaluate(finder, dataclasses.replace(cutouts, labels=labels), seed=1)
    assert some.metrics["n"] == 35
    assert any("Without a label, and left out: 5 of 40" in note for note in some.notes)
    labels[:] = -1
    one_line(
        "none of the 40 images could be scored",
        lambda: evaluate(finder, dataclasses.replace(cutouts, labels=labels)),
    )


def test_lenses_alone(finder, cutouts):
    alone = evaluate(finder, cutouts.take(np.flatnonzero(cutouts.labels == 1)))
    assert alone.metrics["lenses"] == 20 and alone.metrics["nonlenses"] == 0
    assert "undefined" in " ".join(alone.notes)


def test_what_was_skipped_is_noted(finder, cutouts):
    images = cutouts.images.copy()
    images[7, 0, 0, 0] = np.nan
    hurt = dataclasses.replace(cutouts, images=images)
    one_line("image c7: 1 NaN", lambda: evaluate(finder, hurt))
    report = evaluate(finder, hurt, on_bad="skip")
    assert report.metrics["n"] == 39
    assert any("1 of 40 images were left out: image c7" in note for note in report.notes)


def test_eight_looks_keep_the_table_beside_its_image(cutouts, finder):
    report = evaluate(finder, cutouts, tta=True, batch_size=16)
    assert list(report.metrics["by_score"]) == [*SCORES, "eight looks"]
    model = image_model()
    report = evaluate(model, cutouts, tta=True, batch_size=16)
    looks = tta_logits(model.model, cutouts.images)[:, 0]
    assert report.metrics["by_score"]["eight looks"]["auc"] == pytest.approx(
        roc_auc(cutouts.labels, looks)
    )
    table = open_model(build_model("lens_finder", columns=list(COLUMNS), use="table", **TINY))
    one_line("which has no turns and flips", lambda: evaluate(table, cutouts, tta=True))
    assert list(evaluate(table, cutouts).metrics["by_score"]) == ["table only"]


def test_class_folders(cutouts, finder, tmp_path):
    for kind in ("nonlenses", "lenses"):
        (tmp_path / kind).mkdir()
    for name, image, label in zip(cutouts.ids, cutouts.images, cutouts.labels, strict=True):
        np.save(tmp_path / ("nonlenses", "lenses")[label] / f"{name}.npy", image)
    model = image_model()
    report = evaluate(model, tmp_path)
    assert list(report.metrics["by_score"]) == ["image only"]
    table = predict(model, cutouts)
    logits = table["logit_lens"].to_numpy()
    assert report.metrics["auc"] == pytest.approx(roc_auc(cutouts.labels, logits), abs=1e-6)
    one_line("images and a table", lambda: evaluate(finder, tmp_path))


def test_skies_that_do_not_fit(finder):
    """The command line draws one that does."""
    one_line(
        "Unknown column of lens_finding_easy 'colour'",
        lambda: evaluate(finder, preset="lens_finding_easy", images=12, seed=4),
    )
    one_line(
        "is no sky of lenses", lambda: evaluate(finder, preset="common_test_sim", images=12, seed=4)
    )


def test_a_classifier_of_lens_classes_is_scored_on_cutouts_too(cutouts):
    """Its classes may stand in the other order; objects without a label stay out."""
    keras.utils.set_random_seed(4)
    model = build_model("simple_cnn", input_shape=(SIZE, SIZE, 2), num_classes=2, width=4)
    labels = cutouts.labels.copy()
    labels[0] = -1
    some = dataclasses.replace(cutouts, labels=labels)
    aucs = [
        evaluate(model, some, classes=classes).metrics
        for classes in (("nonlens", "lens"), ("lens", "nonlens"))
    ]
    assert [m["n"] for m in aucs] == [39, 39]
    assert aucs[0]["macro_ovr_auc"] == pytest.approx(1 - aucs[1]["macro_ovr_auc"])


def test_an_ensemble_is_calibrated_member_by_member_and_stacked(cutouts, tmp_path):
    files = [tmp_path / f"{name}.keras" for name in "ab"]
    for seed, file in enumerate(files):
        image_model(seed).model.save(file)
    report = evaluate(files, cutouts, batch_size=16)
    joint = ["mean of logits", "mean of calibrated logits", "logistic stack"]
    assert list(report.metrics["by_score"]) == [*joint, *map(str, files)]
    assert report.metrics["main"] == "mean of logits"
    scores = [evaluate(file, cutouts).metrics["by_score"]["image only"] for file in files]
    for file, expected in zip(files, scores, strict=True):
        assert report.metrics["by_score"][str(file)]["auc"] == pytest.approx(expected["auc"])
    assert set(report.metrics["stack"]["weights"]) == set(map(str, files))
    assert any("cross-validated in 5 folds" in note for note in report.notes)


def test_the_prevalence_of_a_survey(finder, cutouts, report):
    rare = evaluate(finder, cutouts, prevalence=1e-4)
    assert (report.metrics["prevalence"], rare.metrics["prevalence"]) == (1e-3, 1e-4)
    price = [r.metrics["operating_points"][-1]["inspections_per_lens"] for r in (report, rare)]
    assert price[1] == pytest.approx(1 + (price[0] - 1) * 9999 / 999)
    for share in (0, 1, -0.1, float("nan")):
        one_line("share of lenses", lambda share=share: evaluate(finder, cutouts, prevalence=share))
    plain = build_model("simple_cnn", input_shape=(SIZE, SIZE, 1), num_classes=3)
    one_line("no lens finder", lambda: evaluate(plain, cutouts, prevalence=1e-3))
