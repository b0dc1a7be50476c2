import io
import json
import logging
import re

import pytest
from oneline import one_line
from rich.console import Console

from lenszoo.inference import provenance_of
from lenszoo.quickstart import Scale, _fresh, quickstart
from lenszoo.reporting.report import Figure


@pytest.fixture(scope="module")
def told(tmp_path_factory, blank):
    """The whole quickstart on a few images, with empty pictures: its folder and what it said."""
    story = io.StringIO()
    folder = tmp_path_factory.mktemp("story") / "quickstart"
    scale = Scale(test_images=30, train_images=24, val_images=12, epochs=1)
    logger, beside = logging.getLogger("lenszoo"), logging.StreamHandler(io.StringIO())
    level = logger.level
    logger.addHandler(beside)
    logger.setLevel(logging.INFO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "png", blank)
        page = quickstart(folder, scale=scale, console=Console(file=story, width=100))
    logger.removeHandler(beside)
    logger.setLevel(level)
    assert page == folder / "report.html"
    assert beside.stream.getvalue() == ""  # no line that stands out from the story
    return folder, story.getvalue()


def test_every_step_is_told_with_its_time(told):
    folder, story = told
    assert re.findall(r"^(\d)/6  ", story, re.M) == list("123456")
    assert len(re.findall(r"^     \d+\.\d s$", story, re.M)) == 6
    assert story.rstrip().endswith(f"Open {folder / 'report.html'}")
    for word in (
        "train: no 12, sub 12",
        "703,315 parameters",
        "macro ROC-AUC",
        "shortcut baseline",
    ):
        assert word in story
    assert "\x1b" not in story and "working" not in story  # no colours or spinner in a log file


def test_it_leaves_images_runs_predictions_and_one_page(told):
    folder, _ = told
    assert len(list((folder / "images").rglob("*.npy"))) == 36
    assert (folder / "finetuned" / "report.html").is_file()
    facts = provenance_of(folder / "predictions.parquet")
    assert facts["weights"] == str(folder / "finetuned") and facts["classes"] == ["no", "sub"]
    report = json.loads((folder / "report.json").read_text())
    assert report["metrics"]["pretrained"]["n"] == 30
    assert report["metrics"]["pretrained"]["macro_ovr_auc"] > 0.9
    assert report["metrics"]["finetuned"]["n"] == 12
    assert report["provenance"]["pretrained"]["weights"] == "resnet18_slim.common_test_sim_v2"
    page = (folder / "report.html").read_text()
    assert page.count("<figure") >= 6 and "Fine-tuned: ROC curves" in page


def test_a_folder_in_use_is_left_alone(tmp_path):
    assert _fresh(tmp_path / "q") == tmp_path / "q"
    (tmp_path / "q" / "mine").write_text("x")
    assert _fresh(tmp_path / "q") == tmp_path / "q-2"
    (tmp_path / "q-2" / "mine").write_text("x")
    (tmp_path / "q-3").write_text("a file")
    assert _fresh(tmp_path / "q") == tmp_path / "q-4"
    (tmp_path / "file").write_text("")
    one_line("Cannot write", lambda: _fresh(tmp_path / "file" / "q"))
