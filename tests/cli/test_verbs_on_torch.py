"""Every verb that runs a network, on the PyTorch backend; `make harness` runs this there."""

import json

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from lenszoo.cli import app

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "torch", reason="on the PyTorch backend"),
]
CLASSIFIER, FINDER = "resnet18_slim.common_test_sim_v2", "lens_finder.hard_sim_image"


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def lenses(tmp_path_factory):
    """A folder of the classifier's sky."""
    folder = tmp_path_factory.mktemp("sky") / "lenses"
    run("simulate", "common_test_sim", folder, "--train", 12, "--val", 12)
    return folder


@pytest.fixture(scope="module")
def candidates(tmp_path_factory):
    """Class folders in g, r, i, and the same cutouts with a catalogue."""
    folder = tmp_path_factory.mktemp("candidates")
    run("simulate", "lens_finding_hard", folder / "sky", "--train", 40, "--val", 20)
    (folder / "sky" / "dataset.json").unlink()
    (folder / "cutouts").mkdir()
    names = []
    for part in ("train", "val"):
        for k, file in enumerate(sorted((folder / "sky" / part).glob("*/*.npy"))):
            image = np.load(file)[1:]
            np.save(file, image)
            np.save(folder / "cutouts" / f"{part}{k}.npy", image)
            names.append(f"{part}{k}")
    (folder / "catalogue.csv").write_text("\n".join(["id", *names]) + "\n")
    return folder


def test_answers_features_and_scores(lenses, tmp_path):
    run("predict", CLASSIFIER, lenses / "val", "--out", tmp_path / "p.parquet")
    assert pq.read_table(tmp_path / "p.parquet").num_rows == 12
    run("embed", CLASSIFIER, lenses / "val", "--out", tmp_path / "e.parquet")
    run("evaluate", CLASSIFIER, "--data", lenses / "val", "--out", tmp_path / "report")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["metrics"]["macro_ovr_auc"] > 0.8


def test_training_and_what_comes_of_it(lenses, tmp_path):
    run(
        "train", "resnet18_slim", "--data", lenses, "--weights", CLASSIFIER, "--out",
        tmp_path / "run", "--epochs", 2,
    )  # fmt: skip
    history = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert len(history) == 3
    run("predict", tmp_path / "run", lenses / "val", "--out", tmp_path / "p.csv")


def test_learning_without_labels(lenses, tmp_path):
    output = run(
        "pretrain", "simple_cnn", "--method", "simsiam", "--images-in", lenses / "train", "--out",
        tmp_path / "run", "--epochs", 1,
    )  # fmt: skip
    assert "effective rank" in output


def test_super_resolution(tmp_path):
    stamps = tmp_path / "stamps"
    stamps.mkdir()
    np.save(stamps / "a.npy", np.random.default_rng(0).random((1, 75, 75), np.float32))
    run("upscale", "srcnn.sr_75_150_sim", stamps, "--out", tmp_path / "large")
    (large,) = (tmp_path / "large").rglob("a*.npy")
    assert np.load(large).shape[-2:] == (150, 150)


@pytest.mark.parametrize(
    "method", ["fine_tune", "joint", "dann", "adamatch", "mean_teacher", "batch_norm"]
)
def test_adaptation(candidates, tmp_path, method):
    source = ["--source", candidates / "sky" / "val"]
    output = run(
        "adapt", FINDER, "--data", candidates / "sky" / "train", "--method", method, "--out",
        tmp_path / "run", "--epochs", 1, *(source if method != "fine_tune" else []),
    )  # fmt: skip
    assert "AUC" in output


def test_a_search(candidates, tmp_path):
    run(
        "search", candidates / "catalogue.csv", "--cutouts", candidates / "cutouts", "--weights",
        FINDER, "--out", tmp_path / "results",
    )  # fmt: skip
    assert pq.read_table(tmp_path / "results" / "candidates.parquet").num_rows == 60
