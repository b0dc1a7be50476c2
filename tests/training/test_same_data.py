"""A run goes on with the data and weights it began with, wherever they lie, and with no others."""

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tinyrun import recipe_fields, write_images

from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import save_weights
from lenszoo.tasks.classify.task import ClassifyTask
from lenszoo.training import Recipe, loop, train
from lenszoo.training.run_folder import BEST
from lenszoo.training.state import STATE_FILE, read_progress

pytestmark = pytest.mark.usefixtures("blank_figures")

SMALL = {"width": 2, "dropout": 0.3}


class Killed(BaseException):
    pass


def train_an_epoch(fields, run: Path, monkeypatch) -> None:
    """Train, and stop as a kill would once the state of the first epoch is written."""
    save = loop.save_state

    def save_and_stop(folder, model, progress):
        save(folder, model, progress)
        if progress.epoch == 1:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", save_and_stop)
        with pytest.raises(Killed):
            train(fields, run)


def arrays(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / STATE_FILE) as file:
        return {name: file[name] for name in file.files if name != "progress"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Images, fields of a recipe of two epochs, the same stopped after one, and finished."""
    root = tmp_path_factory.mktemp("same_data")
    images = write_images(root / "images", per_class=8)
    fields = recipe_fields(images) | {"epochs": 2, "options": SMALL}
    with pytest.MonkeyPatch.context() as patch:
        train_an_epoch(fields, root / "stopped", patch)
    train(fields, root / "whole")
    return images, fields, root / "stopped", root / "whole"


@pytest.fixture
def stopped(trained, tmp_path):
    """A copy of the images and of the stopped run, with the recipe for them."""
    images, fields, run, _ = trained
    copy = shutil.copytree(images, tmp_path / "elsewhere")
    fields = fields | {"data": fields["data"] | {"directory": str(copy)}}
    return copy, fields, shutil.copytree(run, tmp_path / "run")


def test_moved_data_of_the_same_content_go_on_bit_for_bit(stopped, trained):
    images, fields, run = stopped
    for file in images.rglob("*.npy"):
        os.utime(file, (1, 1))
    train(fields, run)
    here, whole = arrays(run), arrays(trained[3])
    assert here.keys() == whole.keys()
    assert all(np.array_equal(here[name], whole[name]) for name in here)
    assert read_progress(run).files == read_progress(trained[3]).files
    assert json.loads((run / "recipe.json").read_text())["data"]["directory"] == str(images)


def test_one_changed_pixel_is_refused_by_the_name_of_its_file(stopped):
    images, fields, run = stopped
    file = images / "dot" / "3.npy"
    pixels = np.load(file)
    pixels[0, 5, 5] += 1e-3
    times = file.stat()
    np.save(file, pixels)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(LenszooError, match=r"dot/3\.npy has another content now") as caught:
        train(fields, run)
    assert "\n" not in str(caught.value)


def test_a_finished_run_has_no_scores_for_other_data(trained, tmp_path, caplog):
    images, fields, _, whole = trained
    run = shutil.copytree(whole, tmp_path / "run")
    with caplog.at_level(logging.INFO, "lenszoo"):
        metrics = train(fields, run).metrics
    assert "finished already; nothing trained" in caplog.text
    copy = shutil.copytree(images, tmp_path / "other")
    moved = fields | {"data": fields["data"] | {"directory": str(copy)}}
    assert train(moved, run).metrics == metrics
    np.save(copy / "bar" / "0.npy", np.load(copy / "bar" / "1.npy"))
    with pytest.raises(LenszooError, match=r"bar/0\.npy"):
        train(moved, run)
    file = images / "dot" / "0.npy"
    pixels = np.load(file)
    try:
        np.save(file, np.load(images / "dot" / "1.npy"))
        with pytest.raises(LenszooError, match=r"dot/0\.npy"):
            train(fields, run)
    finally:
        np.save(file, pixels)


@pytest.mark.parametrize("fault", ["missing", "flipped", "empty"])
def test_a_run_with_damaged_weights_says_so_at_once(stopped, fault):
    _, fields, run = stopped
    (run / f".next.{BEST}").replace(run / BEST)
    spoil(run / BEST, fault)
    with pytest.raises(LenszooError, match=r"best\.weights\.h5 is .* delete the run folder"):
        train(fields, run)


def test_weights_of_an_epoch_that_was_not_recorded_do_not_count(stopped, trained):
    """A kill between the weights and the state: the epoch is done anew."""
    _, fields, run = stopped
    (run / f".next.{BEST}").replace(run / BEST)
    shutil.copy(trained[3] / "last.weights.h5", run / f".next.{BEST}")
    train(fields, run)
    assert read_progress(run).files == read_progress(trained[3]).files
    assert not list(run.glob(".next.*"))


@pytest.mark.parametrize("name", [BEST, "report.json", "run.json"])
@pytest.mark.parametrize("fault", ["missing", "empty", "flipped"])
def test_a_finished_run_with_a_lost_file_names_the_remedy(trained, tmp_path, name, fault):
    _, fields, _, whole = trained
    run = shutil.copytree(whole, tmp_path / "run")
    spoil(run / name, fault)
    with pytest.raises(LenszooError, match=rf"{name}.* delete the run folder") as caught:
        train(fields, run)
    assert "\n" not in str(caught.value)


def test_a_report_without_metrics_is_one_line(trained, tmp_path):
    _, fields, _, whole = trained
    run = shutil.copytree(whole, tmp_path / "run")
    (run / "report.json").write_text('{"title": "mine"}')
    with pytest.raises(LenszooError, match="holds no metrics"):
        train(fields, run)


@pytest.mark.parametrize("cut", [100, 3000, -30])
def test_damaged_states_are_one_line(stopped, cut):
    _, fields, run = stopped
    content = (run / STATE_FILE).read_bytes()
    (run / STATE_FILE).write_bytes(content[:cut])
    with pytest.raises(LenszooError, match="is damaged"):
        train(fields, run)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    (run / STATE_FILE).write_bytes(flipped)
    with pytest.raises(LenszooError, match="is damaged"):
        train(fields, run)


def spoil(file: Path, fault: str) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    if file.suffix == ".json":
        content = bytearray(b"{")
    file.unlink()
    if fault != "missing":
        file.write_bytes(b"" if fault == "empty" else content)


def test_weights_to_start_from_are_scored_and_kept_unless_an_epoch_beats_them(trained, tmp_path):
    _, fields, _, whole = trained
    recipe = Recipe(**fields | {"weights": str(whole)})
    scores = [0.9, 0.5, 0.6]

    class Worse(ClassifyTask):
        def validate(self, model):
            return super().validate(model) | {"val_auc": scores.pop(0)}

    run = tmp_path / "run"
    result = train(recipe, run, task=Worse(recipe))
    progress = read_progress(run)
    assert [row["epoch"] for row in result.history] == [1, 2]
    assert progress.start["epoch"] == 0 and progress.best == 0.9
    assert progress.best_epoch == 0
    kept, start = ((run / BEST), (whole / BEST))
    model, before = (build_model("simple_cnn", weights=str(path)) for path in (kept, start))
    for now, old in zip(model.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(now, old)
    record = json.loads((run / "run.json").read_text())["start"]["weights"]
    assert record["name"] == str(whole) and len(record["sha256"]) == 64
    report = json.loads((run / "report.json").read_text())
    assert report["provenance"]["start"]["weights"] == record


def test_other_weights_to_start_from_stop_a_run(trained, tmp_path, monkeypatch):
    _, fields, _, whole = trained
    start = tmp_path / "start.weights.h5"
    shutil.copy(whole / BEST, start)
    fields = fields | {"weights": str(start)}
    run = tmp_path / "run"
    train_an_epoch(fields, run, monkeypatch)
    model = build_model("simple_cnn", input_shape=(24, 24, 1), num_classes=2, **SMALL)
    save_weights(model, start)
    with pytest.raises(LenszooError, match=r"the weights of this run, .* have another content"):
        train(fields, run)
    moved = tmp_path / "moved.weights.h5"
    shutil.copy(whole / BEST, moved)
    train(fields | {"weights": str(moved)}, run)


FINISHED = """
import json, pathlib, sys
from lenszoo.cli._recipe import run_recipe
run_recipe(json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]), {}, None)
assert "keras" not in sys.modules, "the backend was started"
"""


def test_the_command_on_a_finished_run_says_so_without_starting_a_backend(tmp_path):
    data = {"preset": "common_test_sim", "images": 6, "val_images": 6, "test_images": 6}
    fields = {"model": "simple_cnn", "options": SMALL, "data": data, "epochs": 1, "batch_size": 3}
    train(fields, tmp_path / "run")
    command = [sys.executable, "-c", FINISHED, json.dumps(fields), str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "finished already; nothing trained. " in done.stdout
