"""Run folder: whose it is, and whether a run may go on in it."""

import json
import os
import signal
import subprocess
import sys

import pytest

from lenszoo.errors import LenszooError
from lenszoo.files import host_mark, is_temporary
from lenszoo.tasks.parts import Part, encode_parts
from lenszoo.training import Recipe
from lenszoo.training.run_folder import (
    RECIPE,
    check_same_data,
    check_same_recipe,
    check_same_start,
    earlier_places,
    open_run,
)
from lenszoo.training.state import STATE_FILE

HERE = {"machine": "2 x A", "devices": [], "backend": "jax"}


@pytest.fixture
def recipe():
    return Recipe(model="simple_cnn", data={"preset": "common_test_sim"})


def test_a_new_folder_gets_the_recipe_and_another_is_refused(recipe, tmp_path):
    with open_run(tmp_path / "run", recipe):
        fields = json.loads((tmp_path / "run" / RECIPE).read_text())
        assert Recipe(**fields) == recipe
        with (
            pytest.raises(LenszooError, match="Another process"),
            open_run(tmp_path / "run", recipe),
        ):
            pass
    (tmp_path / "run" / STATE_FILE).write_bytes(b"")  # an epoch is behind it
    longer = recipe.model_copy(update={"epochs": 99})
    with pytest.raises(LenszooError, match="epochs: 10 there, 99 here"):
        open_run(tmp_path / "run", longer).__enter__()


def test_a_recipe_without_an_epoch_may_still_change(recipe, tmp_path):
    for epochs in (3, 4):
        with open_run(tmp_path, recipe.model_copy(update={"epochs": epochs})):
            pass
    assert json.loads((tmp_path / RECIPE).read_text())["epochs"] == 4


def test_other_files_are_left_alone(recipe, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(LenszooError, match="holds other files"):
        open_run(tmp_path, recipe).__enter__()
    assert not (tmp_path / RECIPE).exists()


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ({"files": 3}, {"files": 3}, True),
        ({"preset": "sky"}, {"preset": "sky"}, True),  # a sky has no files
        ({"files": 3}, {"files": 4}, False),
    ],
)
def test_other_files_stop_a_run_of_an_earlier_version(before, now, same, tmp_path):
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"data": before}))
    if same:
        check_same_data(file, {"data": now}, {})
    else:
        with pytest.raises(LenszooError, match=r"3 training files .* now 4"):
            check_same_data(file, {"data": now}, {})


def test_a_move_is_noted_once(tmp_path):
    file = tmp_path / "run.json"
    elsewhere = HERE | {"backend": "tensorflow"}
    file.write_text(json.dumps({"environment": elsewhere}))
    assert earlier_places(file, HERE) == [elsewhere]
    file.write_text(json.dumps({"environment": HERE, "earlier": [elsewhere]}))
    assert earlier_places(file, HERE) == [elsewhere]


PARTS = {
    "train": Part(("a", "b"), ("1", "2"), ("no", "yes")),
    "validation": Part(("c",), ("3",), ("no",)),
}


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (None, None),
        (Part(("a", "b"), ("1", "9"), ("no", "yes")), "b has another content now"),
        (Part(("a", "b"), ("1", "2"), ("no", "no")), "b has another label now"),
        (Part(("a",), ("1",), ("no",)), r"b is gone\."),
        (Part(("a", "b", "d"), ("1", "2", "4"), ("no", "yes", "no")), "d is new"),
        (Part(("b", "a"), ("2", "1"), ("yes", "no")), "their order"),
    ],
)
def test_the_first_example_that_changed_is_named(part, text, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "split.json").write_bytes(encode_parts(PARTS))
    now = PARTS if part is None else PARTS | {"train": part}
    if text is None:
        check_same_data(tmp_path / "run.json", {}, now)
        return
    with pytest.raises(LenszooError, match=text) as caught:
        check_same_data(tmp_path / "run.json", {}, now)
    assert "\n" not in str(caught.value)


def test_exchanged_classes_are_another_training(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"classes": ["no", "yes"]}))
    (tmp_path / "split.json").write_bytes(encode_parts(PARTS))
    with pytest.raises(LenszooError, match="the classes were"):
        check_same_data(tmp_path / "run.json", {"classes": ["yes", "no"]}, PARTS)


@pytest.mark.parametrize("field", ["weights", "teacher 1"])
def test_other_weights_to_start_or_learn_from_stop_a_run(field, tmp_path):
    before = {"name": "a.weights.h5", "sha256": "1" * 64}
    (tmp_path / "run.json").write_text(json.dumps({"start": {field: before}}))
    moved = {"start": {field: before | {"name": "elsewhere/a.weights.h5"}}}
    check_same_start(tmp_path / "run.json", moved)
    with pytest.raises(LenszooError, match=f"the {field} of this run, a.weights.h5, have another"):
        check_same_start(tmp_path / "run.json", {"start": {field: before | {"sha256": "2" * 64}}})
    (tmp_path / "run.json").write_text(
        json.dumps({"start": {field: {"name": "imagenet", "sha256": None}}})
    )
    with pytest.raises(LenszooError, match="imagenet21k"):
        check_same_start(
            tmp_path / "run.json", {"start": {field: {"name": "imagenet21k", "sha256": None}}}
        )


@pytest.mark.parametrize("name", [RECIPE, "run.json", "split.json"])
@pytest.mark.parametrize("content", ["", "[1]", "[" * 100_000, '{"a": ' + "1" * 5000 + "}"])
def test_damaged_files_of_a_run_are_one_line(name, content, recipe, tmp_path):
    with open_run(tmp_path, recipe):
        pass
    (tmp_path / STATE_FILE).write_bytes(b"")
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / name).write_text(content)

    def go_on():
        with open_run(tmp_path, recipe):
            check_same_data(tmp_path / "run.json", {}, {})

    with pytest.raises(LenszooError, match=name) as caught:
        go_on()
    assert "\n" not in str(caught.value)


def test_temporaries_of_a_killed_process_are_no_other_files(recipe, tmp_path):
    """Also under the number of a process that lives: in a container the next one has it again."""
    for pid in (1, os.getpid()):
        name = f".{RECIPE}.{host_mark()}-{pid}-{'0' * 12}.tmp"
        (tmp_path / name).write_bytes(b"half")
    with open_run(tmp_path, recipe):
        assert not list(tmp_path.glob(f"*{os.getpid()}-{'0' * 12}.tmp"))
    assert (tmp_path / RECIPE).is_file()


KILLED = """
import os, pathlib, signal, sys
from lenszoo.training import Recipe
from lenszoo.training.run_folder import open_run
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
recipe = Recipe(model="simple_cnn", data={"preset": "common_test_sim"})
open_run(pathlib.Path(sys.argv[1]), recipe).__enter__()
"""


@pytest.mark.slow
def test_a_run_killed_before_its_first_rename_may_begin_again(recipe, tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [p for p in (tmp_path / "run").iterdir() if is_temporary(p)]
    with open_run(tmp_path / "run", recipe):
        assert not [p for p in (tmp_path / "run").iterdir() if is_temporary(p)]


def test_the_field_that_differs_is_named(recipe, tmp_path):
    other = Recipe(model="simple_cnn", data={"preset": "common_test_sim", "images": 7})
    message = rf"another recipe \(data.images: {recipe.data.images} there, 7 here\)"
    with pytest.raises(LenszooError, match=message):
        check_same_recipe(recipe.model_dump(mode="json"), other.model_dump(mode="json"), tmp_path)
