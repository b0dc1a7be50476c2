import re

import pytest

from lenszoo import list_models, tasks
from lenszoo.errors import LenszooError
from lenszoo.simulation import list_presets
from lenszoo.tasks.recipes import recipe_files
from lenszoo.training import Recipe

SKY = {"preset": "common_test_sim"}


def test_packaged_recipes_are_valid_and_named_after_their_models():
    files = recipe_files()
    assert files
    for path in files:
        recipe = Recipe.load(path.stem)
        assert recipe == Recipe.load(path)
        assert path.stem.split(".", 1)[0] == recipe.model
        assert recipe.model in list_models()
        if recipe.data.preset is None:
            # files are the reader's own; the comment says where to get some
            sky, folder = re.search(r"lenszoo simulate (\S+) (\S+)", path.read_text()).groups()
            assert sky in list_presets() and folder == recipe.data.directory
        else:
            assert recipe.data.preset in list_presets()


def test_protocols_are_those_of_the_systems_to_compare_with():
    five = Recipe.load("resnet18.five_fold")
    assert (five.folds, five.epochs) == (5, 5)
    cyclic = Recipe.load("resnet18.cyclic").optimizer
    assert (cyclic.name, cyclic.schedule) == ("adam", "cyclic")
    assert (cyclic.min_learning_rate, cyclic.learning_rate) == (1e-4, 5e-4)
    anomaly = Recipe.load("resnet18_slim.anomaly")
    data = anomaly.data
    assert data.images + data.val_images + data.test_images == 10_000
    assert data.preset == "common_test_sim_binary"
    assert data.test_images == 2 * 1000
    assert not data.fresh


@pytest.mark.parametrize("task", tasks.infos())
def test_every_field_is_documented(task):
    def walk(model):
        for name, field in model.model_fields.items():
            if name != "task":
                assert field.description, name
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if hasattr(kind, "model_fields"):
                    walk(kind)

    walk(tasks.find(task).recipe)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epoch": 3}, "field 'epoch'.*Did you mean 'epochs'"),
        ({"optimizer": {"learning_rat": 1}}, "'optimizer.learning_rat'.*optimizer.learning_rate"),
        ({"curriculum": [{"epochs": 1, "strenght": 2}]}, "strenght.*curriculum.strength"),
        ({"epochs": 0}, "epochs: "),
        ({"epochs": "many"}, "epochs: "),
        ({"data": {}}, "exactly one of preset, directory, csv"),
        ({"data": SKY | {"csv": "a.csv"}}, "exactly one of preset, directory, csv"),
        ({"data": {"csv": "a.csv"}, "curriculum": [{"epochs": 1, "strength": 2}]}, "curriculum"),
        ({"epochs": 1, "curriculum": [{"epochs": 2, "strength": 2}]}, "longer than epochs"),
        ({"task": "classfy"}, "task 'classfy'"),
        ({"optimizer": {"schedule": "cosin"}}, "optimizer.schedule"),
        ({"optimizer": {"layer_decay": 0}}, "optimizer.layer_decay: "),
        ({"optimizer": {"layer_decay": 1.1}}, "optimizer.layer_decay: "),
        (
            {"freeze": "backbones", "weights": "a"},
            "freeze: give 'backbone' or a number.*'backbones",
        ),
        (
            {"freeze": True, "weights": "a"},
            "freeze: give 'backbone' or a number of blocks, not True",
        ),
        ({"freeze": -1, "weights": "a"}, "freeze: give 'backbone'"),
        ({"freeze": 2}, "freeze needs weights"),
        ({"unfreeze_after": 2}, "unfreeze_after needs freeze"),
        ({"lora": 2}, "lora needs weights"),
        ({"lora": 0, "weights": "a"}, "lora: "),
        ({"lora": 2, "weights": "a", "freeze": "backbone"}, "lora freezes the backbone"),
        (
            {"lora": 2, "weights": "a", "optimizer": {"layer_decay": 0.5}},
            "lora freezes the backbone: leave out freeze and layer_decay",
        ),
        ({"freeze": 2, "weights": "a", "unfreeze_after": 10}, "not before the last of the epochs"),
    ],
)
def test_a_wrong_field_is_named_in_one_line(fields, message):
    with pytest.raises(LenszooError, match=message) as caught:
        Recipe(**({"model": "simple_cnn", "data": SKY} | fields))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"model = ", "Cannot read recipe"), (b"\xff\xfe", "Cannot read recipe"), (b"", "model")],
)
def test_a_broken_file_is_named_in_one_line(content, message, tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    with pytest.raises(LenszooError, match=message) as caught:
        Recipe.load(path)
    assert "r.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_names_are_told_apart(tmp_path):
    with pytest.raises(LenszooError, match="There is no recipe"):
        Recipe.load(tmp_path / "none.toml")
    with pytest.raises(LenszooError, match="Unknown recipe"):
        Recipe.load("resnet18_slim.common_test")


def test_a_run_folder_of_its_name_hides_no_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("simple_cnn.common_test_sim", "mine"):
        (tmp_path / name).mkdir()
    assert Recipe.load("simple_cnn.common_test_sim").model == "simple_cnn"
    with pytest.raises(LenszooError, match="mine is a folder, not a recipe"):
        Recipe.load("mine")


def test_strength_follows_the_stages():
    stages = [{"epochs": 2, "strength": 4.0}, {"epochs": 1, "strength": 2.0}]
    recipe = Recipe(model="simple_cnn", data=SKY, epochs=5, curriculum=stages)
    assert [recipe.strength(e) for e in range(5)] == [4.0, 4.0, 2.0, 1.0, 1.0]


def test_from_weights_the_rate_is_low_unless_it_is_named():
    def rate(task="classify", **fields):
        fields = {"model": "simple_cnn", "data": {"preset": "common_test_sim"}} | fields
        return Recipe(task=task, **fields).optimizer.learning_rate

    start = {"weights": "simple_cnn.common_test_sim_v2"}
    assert rate() == 1e-3
    assert rate(**start) == 1e-4
    with pytest.raises(LenszooError, match=r"min_learning_rate, 0\.0005, lies above"):
        rate(**start, optimizer={"min_learning_rate": 5e-4})
    assert rate(**start, optimizer={"weight_decay": 0.1}) == 1e-4
    assert rate(**start, optimizer={"learning_rate": 2e-3}) == 2e-3
    assert rate(**start, freeze="backbone") == 1e-3
    assert rate(**start, freeze="backbone", unfreeze_after=1) == 1e-4
    assert rate(**start, freeze=2) == 1e-4


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "epochs = " + "9" * 5000, "a = \xff"])
def test_toml_that_cannot_be_read_is_one_line(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(LenszooError, match=r"Cannot read recipe .*mine\.toml") as caught:
        Recipe.load(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 5000 + ".toml", "a\0b", "a\0b.toml"])
def test_names_that_no_recipe_can_have(name):
    with pytest.raises(LenszooError):
        Recipe.load(name)
