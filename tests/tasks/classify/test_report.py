"""Classification report: its numbers, its words, and data that leave gaps."""

import json
from pathlib import Path

import golden_files
import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.special import softmax
from tinyreports import classes, words

from lenszoo.errors import LenszooError
from lenszoo.evaluation import classification_report, shortcut_baseline

NAMES = ["no", "sphere", "vort"]
HISTORY = [
    {"epoch": "1", "loss": "1.0", "val_auc": "0.5", "note": "warm"},
    {"epoch": "2", "loss": "0.6", "val_auc": "", "note": "-"},
]


@pytest.fixture(scope="module")
def report():
    labels, logits, images = classes()
    return classification_report(
        labels,
        logits,
        NAMES,
        images=images,
        ids=[f"a/<{i}>.npy" for i in range(len(labels))],
        history=HISTORY,
        title="One & <two>",
        provenance={"weights": "resnet18_slim.x", "backend": "jax"},
        seed=4,
    )


def test_its_words_are_those_of_the_golden_file():
    labels, logits, _ = classes(60)
    report = classification_report(
        labels, logits, NAMES, history=HISTORY, tta=2 * logits, n_resamples=50, title="A title"
    )
    golden_files.compare("report.txt", words(report), Path(__file__).parent / "golden")


def test_metrics_equal_scikit_learn(report):
    labels, logits, _ = classes()
    p = softmax(logits.astype(float), axis=1)
    got = report.metrics
    assert got["macro_ovr_auc"] == pytest.approx(sk.roc_auc_score(labels, p, multi_class="ovr"))
    assert got["macro_ovo_auc"] == pytest.approx(sk.roc_auc_score(labels, p, multi_class="ovo"))
    assert got["log_loss"] == pytest.approx(sk.log_loss(labels, p))
    recall = sk.recall_score(labels, p.argmax(1), average=None)
    precision = sk.precision_score(labels, p.argmax(1), average=None)
    assert list(got["per_class_recall"].values()) == pytest.approx(recall.tolist())
    assert list(got["per_class_precision"].values()) == pytest.approx(precision.tolist())
    assert got["class_counts"] == dict(zip(NAMES, np.bincount(labels).tolist(), strict=True))


def test_intervals_hold_the_values(report):
    bounds = report.metrics["intervals"]
    for key in ("macro_ovr_auc", "macro_ovo_auc", "accuracy"):
        low, high = bounds[key]
        assert low < report.metrics[key] < high
    for name in NAMES:
        low, high = bounds["per_class_auc"][name]
        assert low < report.metrics["per_class_auc"][name] < high


def test_the_shortcut_has_its_own_row(report):
    labels, _, images = classes()
    alone = shortcut_baseline(images, labels, 3, seed=4)
    assert report.metrics["shortcut"]["macro_ovr_auc"] == pytest.approx(alone.macro_ovr_auc)
    rows = [line.split() for line in str(report).splitlines() if "shortcut baseline" in line]
    assert [f"{alone.macro_ovr_auc:.4f}"] == rows[0][2:3]
    given = classification_report(*classes()[:2], NAMES, shortcut=alone)
    assert given.metrics["shortcut"] == report.metrics["shortcut"]
    assert not given.notes


def test_saved_report(report, tmp_path, check_self_contained):
    page = report.save(tmp_path).read_text()
    names = {"roc", "confusion", "reliability", "history", "mistakes", "examples"}
    assert {path.stem for path in tmp_path.glob("*.png")} == names
    parsed = check_self_contained(page)
    assert [tag for tag, _ in parsed.tags].count("img") == len(names)
    assert "One &amp; &lt;two&gt;" in page
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["metrics"] == report.metrics
    assert content["kind"] == "classification"
    assert content["provenance"]["weights"] == "resnet18_slim.x"
    assert content["details"]["history"]["val_auc"] == [0.5, None]
    assert "note" not in content["details"]["history"]
    assert max(len(curve["fpr"]) for curve in content["details"]["roc"].values()) <= 200


def test_two_classes_report_the_auc_of_the_second():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 100)
    scores = rng.normal(labels, 1.0)
    for logits in (scores, scores[:, None], np.stack([0 * scores, scores], axis=1)):
        report = classification_report(labels, logits, ["smooth", "lumpy"], n_resamples=50)
        assert report.metrics["macro_ovr_auc"] == sk.roc_auc_score(labels, scores)
        assert list(report.details["roc"]) == ["lumpy"]
        assert "macro" not in str(report)


def test_an_absent_class_is_null_with_one_line():
    labels, logits, images = classes()
    keep = labels != 2
    report = classification_report(labels[keep], logits[keep], NAMES, images=images[keep])
    assert report.metrics["per_class_auc"]["vort"] is None
    assert report.metrics["per_class_auc"]["no"] > 0.5
    assert report.metrics["macro_ovr_auc"] is None
    assert report.metrics["intervals"]["macro_ovr_auc"] is None
    assert report.metrics["intervals"]["per_class_auc"]["no"][0] > 0.5
    assert report.metrics["shortcut"]["per_class_auc"]["vort"] is None
    assert list(report.notes) == [
        "The AUC of 'vort' and the macro AUCs are undefined (null): no image has this label."
    ]
    json.loads(report.to_json(), parse_constant=pytest.fail)


def test_one_sample(tmp_path, check_self_contained):
    report = classification_report([1], [[0.0, 2.0]], ["a", "b"], images=np.ones((1, 8, 8)))
    assert report.metrics["accuracy"] == 1
    assert report.metrics["macro_ovr_auc"] is None
    assert report.metrics["intervals"] is None
    assert report.metrics["shortcut"]["reason"] == "only one class occurs"
    assert len(report.notes) == 3
    assert "1 image the" in report.summary
    check_self_contained(report.save(tmp_path).read_text())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_names": ["a", "b"]}, "3 classes but there are 2 class names"),
        ({"class_names": ["a", "b", "a"]}, "different class names"),
        ({"ids": ["x"]}, "1 ids but 240"),
        ({"images": np.zeros((2, 4, 4))}, "2 images but 240 labels"),
        ({"labels": np.full(240, 3)}, "hold 3"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, words):
    labels, logits, _ = classes()
    arguments = {"labels": labels, "logits": logits, "class_names": NAMES, **change}
    with pytest.raises(LenszooError, match=words):
        classification_report(**arguments)
