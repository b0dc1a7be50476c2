import pytest

from lenszoo import list_models
from lenszoo.errors import LenszooError
from lenszoo.simulation import list_presets
from lenszoo.training import Recipe
from lenszoo.training.recipe import ClassifyRecipe, recipe_files

SKY = {"preset": "common_test_sim"}


def test_packaged_recipes_are_valid_and_named_after_their_weights():
    files = recipe_files()
    assert files
    for path in files:
        recipe = Recipe.load(path.stem)
        assert recipe == Recipe.load(path)
        assert path.stem.split(".", 1)[0] == recipe.model
        assert recipe.model in list_models()
        assert recipe.data.preset in list_presets()


def test_every_field_is_documented():
    def walk(model):
        for name, field in model.model_fields.items():
            if name != "task":
                assert field.description, name
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if hasattr(kind, "model_fields"):
                    walk(kind)

    walk(ClassifyRecipe)


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


def test_strength_follows_the_stages():
    stages = [{"epochs": 2, "strength": 4.0}, {"epochs": 1, "strength": 2.0}]
    recipe = Recipe(model="simple_cnn", data=SKY, epochs=5, curriculum=stages)
    assert [recipe.strength(e) for e in range(5)] == [4.0, 4.0, 2.0, 1.0, 1.0]
