"""Lens-finding report: its numbers, its words, and data that leave gaps."""

import json
from pathlib import Path

import golden_files
import numpy as np
import pytest
import sklearn.metrics as sk
from tinyreports import COLUMNS, finds, shown, words

from lenszoo.evaluation import (
    LensFindingReport,
    lens_finding_report,
    shortcut_baseline,
    threshold_at,
    tpr0,
    tpr10,
)

HISTORY = {"epoch": [1, 2], "loss": [1.0, 0.6], "val_auc": [0.5, 0.9]}


@pytest.fixture(scope="module")
def report():
    given = finds()
    return lens_finding_report(
        **given,
        uncalibrated=2 * given["scores"]["image and table"],
        history=HISTORY,
        title="One & <two>",
        provenance={"weights": "lens_finder.easy_sim", "backend": "jax"},
        seed=4,
    )


def test_its_words_are_those_of_the_golden_file():
    report = lens_finding_report(
        **finds() | {"images": None, "shortcut": False}, history=HISTORY, title="A title"
    )
    golden_files.compare("report.txt", words(report), Path(__file__).parent / "golden")


def test_every_score_equals_scikit_learn(report):
    given = finds()
    for name, scores in given["scores"].items():
        got = report.metrics["by_score"][name]
        probability = 1 / (1 + np.exp(-scores.astype(float)))
        assert got["auc"] == sk.roc_auc_score(given["labels"], scores)
        expected = sk.average_precision_score(given["labels"], scores)
        assert got["average_precision"] == pytest.approx(expected)
        assert got["log_loss"] == pytest.approx(sk.log_loss(given["labels"], probability))
        assert got["tpr0"] == tpr0(given["labels"], scores)
        assert got["tpr10"] == tpr10(given["labels"], scores)
    assert report.metrics["main"] == "image and table"
    assert report.metrics["auc"] == report.metrics["by_score"]["image and table"]["auc"]
    assert report.metrics["lenses"] == report.metrics["nonlenses"] == 120


def test_intervals_hold_the_values_and_the_gains(report):
    for scores in report.metrics["by_score"].values():
        for key in ("auc", "average_precision"):
            low, high = scores["intervals"][key]
            assert low < scores[key] < high
    assert report.metrics["intervals"] == report.metrics["by_score"]["image and table"]["intervals"]
    gain = report.metrics["gains"]["table only"]
    each = report.metrics["by_score"]
    assert gain["auc"] == pytest.approx(each["image and table"]["auc"] - each["table only"]["auc"])
    low, high = gain["intervals"]["auc"]
    assert 0 < low < gain["auc"] < high


def test_the_baselines_are_beside_the_scores(report):
    base = report.metrics["baselines"]
    given = finds()
    alone = shortcut_baseline(given["images"], given["labels"], 2, seed=4)
    assert base["image statistics"]["auc"] == pytest.approx(alone.macro_ovr_auc)
    assert base["the table"]["auc"] > 0.98
    assert base["the table without leaks"]["auc"] < 0.7
    assert base["the table"]["nonlenses"] == 120
    assert "logistic regression on the table without leaks" in str(report)


def test_leaks_are_a_warning(report):
    assert [leak["column"] for leak in report.metrics["leaky_columns"]] == [COLUMNS[2]]
    assert [card.value for card in report.cards if card.warning] == ["1"]
    assert any(COLUMNS[2] in note for note in report.notes)
    assert 'class="card warning"' in report.to_html()
    given = finds() | {"leaks": [], "n_resamples": 20, "images": None}
    clean = lens_finding_report(**given)
    assert not any(card.warning for card in clean.cards)
    assert len(clean.notes) == 1 and "Not measurable with 120 non-lenses" in clean.notes[0]
    assert list(clean.metrics["baselines"]) == ["the table"]


def test_operating_points_and_the_survey(report):
    given = finds()
    scores = given["scores"]["image and table"]
    points = {point["rate"]: point for point in report.metrics["operating_points"]}
    assert set(points) == {0.0, 0.01, None}
    one = points[0.01]
    assert one["threshold"] == threshold_at(given["labels"], scores, 0.01)
    found = scores[given["labels"] == 1] >= one["threshold"]
    assert one["completeness"] == found.mean()
    assert one["lenses_found"] == pytest.approx(1000 * found.mean())
    assert points[0.0]["false_positives"] == 0
    assert points[None]["inspections_per_lens"] == pytest.approx(1 / points[None]["purity"])
    row = next(t for t in report.tables if "survey" in t.title).rows[0]
    assert row[-2].startswith("> ") and row[-1].startswith("< ")
    assert "1 in 1,000 objects is a lens" in report.summary


def test_completeness_and_kinds_are_those_of_the_threshold(report):
    given = finds()
    scores, lens = given["scores"]["image and table"], given["labels"] == 1
    at = threshold_at(given["labels"], scores, 0.01)
    for key in ("einstein_radius", "arc_signal_to_noise", "arc_contrast"):
        bins = report.details["completeness"][key]["image and table"]
        assert sum(bins["lenses"]) == 120
        assert sum(bins["found"]) == (scores[lens] >= at).sum()
    kinds = report.metrics["false_positives_by_kind"]
    assert sum(kind["objects"] for kind in kinds.values()) == 120
    assert sum(kind["false_positives"] for kind in kinds.values()) == (scores[~lens] >= at).sum()
    assert "lens" not in kinds


def test_calibration_before_and_after(report):
    given = finds()
    scores = given["scores"]["image and table"].astype(float)
    before = report.metrics["uncalibrated"]
    assert before["log_loss"] == pytest.approx(
        sk.log_loss(given["labels"], 1 / (1 + np.exp(-2 * scores)))
    )
    assert "before temperature" in str(report)


def test_saved_report(report, tmp_path, check_self_contained):
    page = report.save(tmp_path).read_text()
    names = {path.stem for path in tmp_path.glob("*.png")}
    assert names >= {"roc", "thresholds", "completeness", "reliability", "scores", "kinds"}
    assert names >= {"missed_lenses", "found_lenses", "history"}
    parsed = check_self_contained(page)
    assert [tag for tag, _ in parsed.tags].count("img") == len(names)
    assert "One &amp; &lt;two&gt;" in page
    content = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert content["metrics"] == report.metrics
    assert content["kind"] == "lens_finding"
    assert content["provenance"]["evaluation"]["prevalence"] == 1e-3
    assert max(len(curve["fpr"]) for curve in content["details"]["roc"].values()) <= 200


def test_labels_and_one_array_of_scores_are_enough():
    given = finds(60)
    report = shown(labels=given["labels"], scores=given["scores"]["image only"])
    assert isinstance(report, LensFindingReport)
    assert report.metrics["main"] == "model"
    assert {figure.name for figure in report.figures} == {
        "decisions",
        "roc",
        "thresholds",
        "reliability",
        "survey_reliability",
        "scores",
    }
    assert report.metrics["baselines"] == {}


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_told_and_nothing_made_up(label):
    given = finds(60)
    rows = given["labels"] == label
    report = shown(
        labels=given["labels"][rows],
        scores={name: s[rows] for name, s in given["scores"].items()},
        truth={name: x[rows] for name, x in given["truth"].items()},
        images=given["images"][rows],
        table=given["table"][rows],
        columns=COLUMNS,
        render={"completeness", "scores", "kinds"},
    )
    for key in ("auc", "average_precision", "tpr0", "tpr10", "calibration_error"):
        assert report.metrics[key] is None
    assert report.metrics["intervals"] is None
    what = "lenses" if label else "non-lenses"
    assert f"All 30 objects are {what}" in report.summary
    main = given["scores"]["image and table"][rows]
    key = "completeness" if label else "false_positive_rate"
    assert report.metrics["operating_points"][-1][key] == (main >= 0).mean()
    names = {figure.name for figure in report.figures}
    assert ("completeness" in names) == bool(label)
    assert not names & {"roc", "thresholds", "reliability"}
    assert any("only one class occurs" in note for note in report.notes)


def test_two_objects():
    everything = {"decisions", "roc", "thresholds", "reliability", "survey_reliability", "scores"}
    report = shown(render=everything, labels=[0, 1], scores=[-1.0, 1.0], images=np.zeros((2, 4, 4)))
    assert report.metrics["auc"] == report.metrics["tpr0"] == 1
    assert report.metrics["tpr10"] is None
    assert report.metrics["intervals"] is None
    assert len(report.notes) == 5  # few non-lenses, twice, two single classes, no baseline


def test_constant_scores():
    given = finds(60)
    report = shown(
        labels=given["labels"],
        scores=np.zeros(60),
        truth=given["truth"],
        images=given["images"],
        render={"roc", "thresholds", "completeness", "scores", "kinds"},
    )
    assert report.metrics["auc"] == 0.5
    assert report.metrics["tpr0"] == report.metrics["tpr10"] == 0
    assert report.metrics["operating_points"][0]["completeness"] == 0
    assert report.metrics["operating_points"][0]["purity"] is None


def test_a_baseline_computed_before_is_used():
    given = finds(60)
    before = shortcut_baseline(given["images"], given["labels"], 2)
    report = shown(labels=given["labels"], scores=given["scores"], shortcut=before)
    assert report.metrics["baselines"]["image statistics"]["auc"] == before.macro_ovr_auc
    none = finds(60) | {"shortcut": False, "n_resamples": 20}
    assert lens_finding_report(**none).metrics["baselines"] == {}


def test_figures_that_decide_come_first_and_the_auc_last():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], [200, 4000])
    scores = np.concatenate([rng.normal(3, 1.5, 200), rng.normal(-3, 1.5, 4000)])
    report = shown({"decisions", "survey_reliability"}, labels=labels, scores=scores)
    values = report.metrics
    assert 0 < values["tpr_1e-3"] < values["tpr_1e-2"] <= 1
    low, high = values["intervals"]["tpr_1e-3"]
    assert low < values["tpr_1e-3"] < high
    assert values["tpr_1e-4"] is None and values["nonlenses_needed"]["0.0001"] == 36887
    assert any("36,887 for 0.01 %" in note for note in report.notes)
    assert [card.label for card in report.cards][:3] == [
        "TPR at 1 %",
        "TPR at 0.1 %",
        "TPR at 0.01 %",
    ]
    assert report.cards[2].value == "n/a" and "36,887" in report.cards[2].detail
    assert (report.cards[3].label, report.cards[-1].label) == ("TPR10", "AUC")
    page = report.to_html()
    headings = [page.index(f"<dt>{label}</dt>") for label in ("TPR10", "AUC", "TPR at 0.01 %")]
    assert headings == sorted(headings)  # without a value it comes last
    assert report.tables[0].columns[1:] == ["TPR at 1 %", "TPR at 0.1 %", "TPR0", "TPR10"]
    assert all(
        table.columns[-1] != "AUC" or "TPR at 1 %" not in table.columns for table in report.tables
    )
    assert report.figures[0].name == "decisions" and report.figures[-1].name == "roc"


@pytest.mark.parametrize(("trained", "step"), [(0.5, 6.91), (1 / 26, 3.69)])
def test_probabilities_are_moved_from_the_share_in_training(trained, step):
    given = finds(60)
    report = shown(
        labels=given["labels"], scores=given["scores"], trained_prevalence=trained,
        false_positive_rate=0.2,
    )  # fmt: skip
    survey, wrong = (
        next(t for t in report.tables if w in t.title) for w in ("survey", "confident")
    )
    assert survey.columns[2] == "probability in the survey"
    assert f"where {100 * trained:.0f} % of the objects" in wrong.note
    assert f"subtract {step:.2f}" in survey.note
    assert report.metrics["trained_prevalence"] == trained
