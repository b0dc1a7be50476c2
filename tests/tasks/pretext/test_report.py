"""Pretext report: its words, a collapsed embedding, and data without labels."""

import json
from pathlib import Path

import golden_files
import numpy as np
import pytest
from tinyreports import words

from lenszoo.metrics.embedding import collapse
from lenszoo.tasks.pretext.report import Embedding, Probe, pretext_report

HISTORY = [{"epoch": 1, "loss": 1.0, "val_score": 0.5}, {"epoch": 2, "loss": 0.5, "val_score": 0.8}]


def embedding(probe=None, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    features = (3 + spread * rng.normal(0, 1, (90, 16))).astype(np.float32)
    return Embedding(features, collapse(features), probe)


def report(probe=True, **changes):
    embeddings = {
        "pretext": embedding(Probe(60, 0.93, 0.02) if probe else None),
        "start": embedding(Probe(60, 0.71, 0.03) if probe else None, seed=1),
    }
    given = {"score": 0.8, "chance": 0.25, "method": "rotation", "history": HISTORY} | changes
    return pretext_report(embeddings | given.pop("embeddings", {}), **given)


def test_its_words_are_those_of_the_golden_file():
    labelled = report(labels=np.arange(90) % 3, title="A title")
    golden_files.compare("report.txt", words(labelled), Path(__file__).parent / "golden")


def test_numbers_are_those_of_the_embeddings(tmp_path, check_self_contained):
    made = report(labels=np.arange(90) % 3)
    assert made.metrics["pretext"]["probe_auc"] == 0.93
    assert made.metrics["start"]["effective_rank"] == embedding(seed=1).collapse.effective_rank
    assert (made.metrics["n"], made.metrics["chance"]) == (90, 0.25)
    check_self_contained(made.save(tmp_path).read_text())
    assert {path.stem for path in tmp_path.glob("*.png")} == {"embedding", "history"}
    assert json.loads((tmp_path / "report.json").read_text())["kind"] == "pretext"


def test_colours_are_the_classes():
    axes = report(labels=np.arange(90) % 3).figures[0].draw().axes[0]
    assert [len(line.get_xdata()) for line in axes.lines] == [30, 30, 30]
    (line,) = report().figures[0].draw().axes[0].lines
    assert len(line.get_xdata()) == 90


@pytest.mark.parametrize("method", ["rotation", "denoising", "contrastive", "simsiam"])
def test_without_labels_there_is_no_probe(method):
    made = report(probe=False, method=method)
    assert made.metrics["pretext"]["probe_auc"] is None
    assert "Linear probe, AUC" not in [card.label for card in made.cards]


def test_a_collapsed_embedding_is_a_warning():
    made = report(embeddings={"pretext": embedding(spread=1e-6)})
    assert made.metrics["pretext"]["collapsed"]
    assert len(made.notes) == 1
    assert [card.label for card in made.cards if card.warning] == ["Effective rank"]


def test_a_score_on_few_images_is_a_warning():
    few = report(held=2, score=1.0)
    low, high = few.metrics["score_interval"]
    assert low == pytest.approx(0.342, abs=1e-3) and high == 1.0
    assert "may lie anywhere from 0.342 to 1.000" in few.notes[0]
    assert few.cards[0].warning and "95 % interval 0.342 to 1.000" in few.cards[0].detail
    many = report(held=200)
    assert not many.notes and not many.cards[0].warning
    assert report().metrics["score_interval"] is None
