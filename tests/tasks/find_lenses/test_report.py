"""The lens-finding report as a whole: what it says, also about data that leave gaps."""

import json

import numpy as np
import pytest
import sklearn.metrics as sk

from lenszoo.data.leaks import find_leaks
from lenszoo.errors import LenszooError
from lenszoo.evaluation import (
    LensFindingReport,
    lens_finding_report,
    shortcut_baseline,
    threshold_at,
    tpr0,
    tpr10,
)
from lenszoo.metrics.lens_baselines import table_features

COLUMNS = ("magnitude", "colour", "numb_pix_lensed_image")
BANDS = ("u", "g", "r", "i")
HISTORY = {"epoch": [1, 2], "loss": [1.0, 0.6], "val_auc": [0.5, 0.9]}


def draw(n=240, seed=0):
    """Arguments of a report on n objects with everything known; label 1 in every other row."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    lens = labels == 1
    image = rng.normal(3.0 * labels - 1.5, 1.5).astype(np.float32)
    table = rng.normal(0, 1, (n, 3)).astype(np.float32)
    table[:, 2] = np.where(lens, rng.gamma(2, 20, n), 0)
    table[rng.random(n) < 0.1, 0] = np.nan
    kinds = rng.choice(["spiral", "ring", "star"], n)
    return {
        "labels": labels,
        "scores": {
            "image and table": image + rng.normal(labels, 1).astype(np.float32),
            "image only": image,
            "table only": rng.normal(0.5 * labels, 1).astype(np.float32),
        },
        "truth": {
            "kind": np.where(lens, "lens", kinds),
            "einstein_radius": np.where(lens, rng.uniform(0.5, 2, n), np.nan),
            "arc_signal_to_noise": np.where(lens, 10 ** rng.uniform(0, 2, n), np.nan),
            "arc_contrast": np.where(lens, rng.uniform(0, 1, n), np.nan),
        },
        "images": rng.normal(0, 1, (n, 12, 12, 4)).astype(np.float32),
        "bands": BANDS,
        "table": table,
        "columns": COLUMNS,
        "ids": [f"KiDS <{i}>" for i in range(n)],
        "leaks": find_leaks(table, COLUMNS, labels),
        "n_resamples": 60,
    }


@pytest.fixture(scope="module")
def report():
    given = draw()
    return lens_finding_report(
        **given,
        uncalibrated=2 * given["scores"]["image and table"],
        history=HISTORY,
        title="One & <two>",
        provenance={"weights": "lens_finder.easy_sim", "backend": "jax"},
        seed=4,
    )


def test_every_score_equals_scikit_learn(report):
    given = draw()
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
    given = draw()
    alone = shortcut_baseline(given["images"], given["labels"], 2, seed=4)
    assert base["image statistics"]["auc"] == pytest.approx(alone.macro_ovr_auc)
    assert base["the table"]["auc"] > 0.98
    assert base["the table without leaks"]["auc"] < 0.7
    assert base["the table"]["nonlenses"] == 120
    assert "logistic regression on the table without leaks" in str(report)


def test_leaks_are_a_warning(report):
    assert [leak["column"] for leak in report.metrics["leaky_columns"]] == [COLUMNS[2]]
    assert [card.value for card in report.cards if card.warning] == ["1"]
    assert COLUMNS[2] in report.notes[0]
    assert 'class="card warning"' in report.to_html()
    given = draw() | {"leaks": [], "n_resamples": 20, "images": None}
    clean = lens_finding_report(**given)
    assert not any(card.warning for card in clean.cards)
    assert clean.notes == []
    assert list(clean.metrics["baselines"]) == ["the table"]


def test_operating_points_and_the_survey(report):
    given = draw()
    scores = given["scores"]["image and table"]
    points = {point["rate"]: point for point in report.metrics["operating_points"]}
    assert set(points) == {0.0, 0.01, None}
    one = points[0.01]
    assert one["threshold"] == threshold_at(given["labels"], scores, 0.01)
    found = scores[given["labels"] == 1] >= one["threshold"]
    assert one["completeness"] == found.mean()
    assert one["lenses_found"] == pytest.approx(1000 * found.mean())
    assert points[0.0]["false_positives"] == 0
    assert "> " in next(t for t in report.tables if "survey" in t.title).rows[0][-1]
    assert "1 in 1,000 objects is a lens" in report.summary


def test_completeness_and_kinds_are_those_of_the_threshold(report):
    given = draw()
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


def test_galleries_show_the_right_objects(report):
    given = draw()
    scores, lens = given["scores"]["image and table"], given["labels"] == 1
    at = threshold_at(given["labels"], scores, 0.01)
    missed = [x["row"] for x in report.details["missed_lenses"]]
    below = np.flatnonzero(lens & (scores < at))
    assert missed == below[np.argsort(scores[below])][:12].tolist()
    found = [x["row"] for x in report.details["found_lenses"]]
    above = np.flatnonzero(lens & (scores >= at))
    assert found == above[np.argsort(-scores[above])][:12].tolist()
    for x in report.details["false_positives"]:
        assert x["logit"] >= at
        assert x["kind"] != "lens"
        assert "einstein_radius" not in x
    assert report.details["missed_lenses"][0]["id"] == f"KiDS <{missed[0]}>"


def test_calibration_before_and_after(report):
    given = draw()
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
    assert content["provenance"]["evaluation"]["prior"] == 1e-3
    assert max(len(curve["fpr"]) for curve in content["details"]["roc"].values()) <= 200


def shown(render=(), **given):
    """A report from few parts: its JSON strict, every figure drawn, those named also rendered."""
    given = {"n_resamples": 20, **given}
    report = lens_finding_report(given.pop("labels"), given.pop("scores"), **given)
    json.loads(report.to_json(), parse_constant=pytest.fail)
    assert report.summary in " ".join(str(report).split())
    for figure in report.figures:
        drawing = figure.draw()
        if figure.name in render:
            drawing.set_dpi(30)
            drawing.canvas.draw()
    return report


def test_labels_and_one_array_of_scores_are_enough():
    given = draw(60)
    report = shown(labels=given["labels"], scores=given["scores"]["image only"])
    assert isinstance(report, LensFindingReport)
    assert report.metrics["main"] == "model"
    assert {figure.name for figure in report.figures} == {
        "roc",
        "thresholds",
        "reliability",
        "scores",
    }
    assert report.metrics["baselines"] == {}


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_told_and_nothing_made_up(label):
    given = draw(60)
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
    everything = {"roc", "thresholds", "reliability", "scores"}
    report = shown(render=everything, labels=[0, 1], scores=[-1.0, 1.0], images=np.zeros((2, 4, 4)))
    assert report.metrics["auc"] == report.metrics["tpr0"] == 1
    assert report.metrics["tpr10"] is None
    assert report.metrics["intervals"] is None
    assert len(report.notes) == 4  # few non-lenses, two single classes, no baseline


def test_constant_scores():
    given = draw(60)
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


def test_unknown_truth_is_left_out():
    given = draw(100)
    truth = given["truth"]
    truth["einstein_radius"][1:41:2] = np.nan
    truth["arc_contrast"][:] = np.nan
    report = shown(labels=given["labels"], scores=given["scores"], truth=truth)
    assert sum(report.details["completeness"]["einstein_radius"]["image only"]["lenses"]) == 30
    assert "arc_contrast" not in report.details["completeness"]
    figure = next(f for f in report.figures if f.name == "completeness")
    assert "20 lenses are left out" in figure.caption


def test_images_of_any_bands_and_bad_pixels():
    given = draw(40)
    for images in (given["images"][..., 0], given["images"][..., :2], given["images"][..., :3]):
        images = images.copy()
        images[:, 2] = np.nan
        report = shown(
            labels=given["labels"], scores=given["scores"], images=images, shortcut=False
        )
        assert any(figure.night for figure in report.figures)


def test_a_baseline_computed_before_is_used():
    given = draw(60)
    before = shortcut_baseline(given["images"], given["labels"], 2)
    report = shown(labels=given["labels"], scores=given["scores"], shortcut=before)
    assert report.metrics["baselines"]["image statistics"]["auc"] == before.macro_ovr_auc
    none = draw(60) | {"shortcut": False, "n_resamples": 20}
    assert lens_finding_report(**none).metrics["baselines"] == {}


def test_missing_values_of_the_table_are_features():
    table = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, np.inf], [2.0, np.nan, 7.0]])
    expected = [[1, 0, 5, 1, 0], [3, 0, 6, 1, 1], [2, 0, 7, 1, 0]]
    np.testing.assert_array_equal(table_features(table), expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ids": ["x"]}, "1 ids but 240"),
        ({"images": np.zeros((2, 4, 4))}, "2 images but 240"),
        ({"images": np.zeros((240, 8))}, "images have shape (240, 8)"),
        ({"bands": ("g", "r", "i")}, "4 bands but there are 3 names (g, r, i)"),
        ({"table": np.zeros((2, 3))}, "2 rows of the table but 240"),
        ({"table": np.zeros(240)}, "pass (n, columns)"),
        ({"columns": ("a",)}, "3 columns but there are 1 column names"),
        ({"labels": np.full(240, 3)}, "hold 3"),
        ({"labels": np.zeros(7)}, "240 ids but 7"),
        ({"scores": {}}, "no scores"),
        ({"scores": {"a": np.zeros(240), "image only": np.zeros(9)}}, "'image only'"),
        ({"scores": {"a": np.zeros((240, 2))}}, "one logit an object"),
        ({"truth": {"einstein_radius": [1.0]}}, "'einstein_radius' has shape (1,)"),
        ({"uncalibrated": np.zeros(3)}, "before temperature scaling"),
        ({"prior": 0}, "prior is 0"),
        ({"false_positive_rate": 1.0}, "0 to below 1"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, words):
    given = draw() | {"n_resamples": 20} | change
    with pytest.raises(LenszooError) as error:
        lens_finding_report(**given)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_scores_that_are_not_finite_name_score_and_objects():
    given = draw()
    given["scores"]["table only"][[3, 7]] = np.nan
    with pytest.raises(LenszooError, match=r"'table only': 2 of 240 .*\(KiDS <3>, KiDS <7>\)"):
        lens_finding_report(**given)
    given["ids"] = None
    with pytest.raises(LenszooError, match=r"\(row 3, row 7\)"):
        lens_finding_report(**given)


def test_memory_maps_and_float32_are_fine(tmp_path):
    given = draw(40)
    np.save(tmp_path / "images.npy", given["images"])
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    report = shown(labels=given["labels"], scores=given["scores"], images=images, bands=BANDS)
    assert "Red, green and blue are i, r, g" in report.figures[-1].caption
