"""Run folder: whose it is, and whether a run may go on in it."""

import json

import pytest

from lenszoo.errors import LenszooError
from lenszoo.training import Recipe
from lenszoo.training.run_folder import RECIPE, check_same_data, earlier_places, open_run
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
        ({"digest": "a"}, {"digest": "a"}, True),
        ({"preset": "sky"}, {"preset": "sky"}, True),  # a sky has no files
        ({"digest": "a", "files": 3}, {"digest": "b", "files": 4}, False),
    ],
)
def test_files_that_changed_stop_a_run(before, now, same, tmp_path):
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"data": before}))
    if same:
        check_same_data(file, {"data": now})
    else:
        with pytest.raises(LenszooError, match=r"3 training files .* now 4"):
            check_same_data(file, {"data": now})


def test_a_move_is_noted_once(tmp_path):
    file = tmp_path / "run.json"
    elsewhere = HERE | {"backend": "tensorflow"}
    file.write_text(json.dumps({"environment": elsewhere}))
    assert earlier_places(file, HERE) == [elsewhere]
    file.write_text(json.dumps({"environment": HERE, "earlier": [elsewhere]}))
    assert earlier_places(file, HERE) == [elsewhere]
