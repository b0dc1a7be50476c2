"""Finished runs are recognised without a backend, and nothing else is taken for one."""

import json
import shutil

import numpy as np
import pytest

from lenszoo.files import sha256_of
from lenszoo.tasks.finished import BEST, RECIPE, REPORT, RUN, STATE, finished_metrics
from lenszoo.tasks.recipes import Recipe

METRICS = {"macro_ovr_auc": 0.9}


@pytest.fixture
def recipe():
    return Recipe(model="simple_cnn", data={"preset": "common_test_sim"})


@pytest.fixture
def run(recipe, tmp_path):
    """A folder with the files by which a finished run is known."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / RECIPE).write_text(recipe.model_dump_json())
    (folder / RUN).write_text("{}")
    (folder / REPORT).write_text(json.dumps({"metrics": METRICS}))
    (folder / BEST).write_bytes(b"weights")
    write_state(folder)
    return folder


def write_state(folder, **changes):
    progress = {"finished": True, "files": {BEST: sha256_of(folder / BEST)}} | changes
    np.savez(folder / STATE, progress=np.array(json.dumps(progress)))


def test_a_finished_run_gives_its_scores(run, recipe):
    assert finished_metrics(run, recipe) == METRICS


def test_another_recipe_and_an_unfinished_run_are_not_finished(run, recipe, tmp_path):
    assert finished_metrics(run, recipe.model_copy(update={"epochs": 3})) is None
    write_state(run, finished=False)
    assert finished_metrics(run, recipe) is None
    assert finished_metrics(tmp_path / "none", recipe) is None


@pytest.mark.parametrize("name", [RECIPE, RUN, REPORT, BEST, STATE])
@pytest.mark.parametrize("content", [None, b"", b"[" * 10_000, b"[1]"])
def test_a_lost_or_damaged_file_is_left_to_the_training_to_tell(run, recipe, name, content):
    (run / name).unlink()
    if content is not None:
        (run / name).write_bytes(content)
    assert finished_metrics(run, recipe) is None


def test_a_state_of_an_earlier_version_knows_no_hashes(run, recipe):
    write_state(run, files={})
    assert finished_metrics(run, recipe) is None
    shutil.rmtree(run)
