"""``evaluate`` of a backbone that learned without labels: heads on it, beside random backbones."""

import json

import numpy as np
import pytest
from oneline import one_line
from tinyrun import write_images

from lenszoo import build_model, evaluate
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import save_weights
from lenszoo.simulation import Sample
from lenszoo.tasks.pretext.task import PretextTask

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of a pretext, untrained."""
    folder = tmp_path_factory.mktemp("run")
    model = build_model("simple_cnn", input_shape=(24, 24, 1), num_classes=4, width=4)
    save_weights(model, folder / "best.weights.h5")
    (folder / "run.json").write_text(json.dumps({"task": "pretext", "method": "rotation"}))
    return folder


def test_labelled_images_give_scores_of_heads(run, tmp_path):
    report = evaluate(run, write_images(tmp_path / "images", per_class=45))
    test, beside = PretextTask.release(report)
    assert test["n"] == 30 and test["labels"] == 50 and 0 <= test["probe_auc"] <= 1
    assert beside["random"]["starts"] == 3
    assert {figure.name for figure in report.figures} >= {"embedding", "label_efficiency"}


def test_a_stack_keeps_its_labels(run, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.random((90, 24, 24, 1), dtype=np.float32)
    np.savez(tmp_path / "s.npz", images=images, labels=np.arange(90) % 2)
    assert evaluate(run, tmp_path / "s.npz").metrics["heads"] is not None


def test_images_alone_show_the_embedding(run, tmp_path):
    pool = write_images(tmp_path / "images", per_class=6) / "bar"
    report = evaluate(run, pool)
    assert report.metrics["n"] == 6 and report.metrics["heads"] is None
    assert report.metrics["pretext"]["effective_rank"] >= 1
    one_line("linear heads", lambda: PretextTask.release(report))


def test_what_does_not_fit_is_one_line(run, tmp_path):
    images = np.zeros((3, 16, 16, 1), np.float32)
    small = Sample(images, np.arange(3) % 2, {"scene": np.arange(3)}, ("a", "b"))
    for data, options, told in (
        (small, {}, r"takes images of \(24, 24, 1\), not \(16, 16, 1\)"),
        (small, {"tta": True}, "tta= does not apply"),
        (tmp_path / "nowhere", {}, "nowhere"),
        ((images, np.arange(3)), {}, "is not scored on a tuple"),
    ):
        with pytest.raises(LenszooError, match=told):
            evaluate(run, data, **options)
