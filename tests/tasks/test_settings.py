"""What a command line puts into the fields of a recipe."""

import pytest

from lenszoo.errors import LenszooError
from lenszoo.models.registry import CATALOG
from lenszoo.tasks.recipes import recipe_files
from lenszoo.tasks.settings import set_field, set_source, set_text, starting_fields
from lenszoo.training import Recipe


def with_source(fields, data=None, preset=None):
    fields = {**fields}
    set_source(fields, data, preset)
    return fields


def with_settings(task, *settings):
    fields = {"task": task}
    for setting in settings:
        set_text(fields, setting)
    return fields


@pytest.mark.parametrize("name", CATALOG)
def test_a_model_starts_a_recipe_of_its_task(name):
    task = CATALOG[name].task
    assert starting_fields(name) == {"task": task, "model": name, "data": {}}


def test_a_recipe_by_name_and_by_file(tmp_path):
    packaged = starting_fields("srcnn.sr_75_150_sim")
    assert Recipe(**packaged) == Recipe.load("srcnn.sr_75_150_sim")
    (tmp_path / "own.toml").write_text('model = "simple_cnn"\n[data]\npreset = "common_test_sim"\n')
    assert starting_fields(str(tmp_path / "own.toml"))["model"] == "simple_cnn"
    with pytest.raises(LenszooError, match="simple_cnn"):
        starting_fields("simple_cn")


@pytest.mark.parametrize(
    ("task", "path", "data"),
    [
        ("classify", "images", {"directory": "images"}),
        ("classify", "t.CSV", {"csv": "t.CSV"}),
        ("find_lenses", "t.PARQUET", {"catalogue": "t.PARQUET"}),
        ("find_lenses", "classes", {"directory": "classes"}),
        ("adapt", "new.csv", {"catalogue": "new.csv"}),
        ("pretext", "pool", {"images_in": "pool"}),
        ("super_resolve", "fine", {"high": "fine"}),
    ],
)
def test_data_takes_the_place_of_any_source(task, path, data):
    before = {"preset": "a_sky", "low": "l", "high": "h"} if task == "super_resolve" else {}
    fields = {"task": task, "data": {"preset": "a_sky", "seed": 3} | before}
    assert with_source(fields, path)["data"] == data | {"seed": 3}
    assert with_source(fields, preset="other")["data"] == {"preset": "other", "seed": 3}
    assert with_source(fields)["data"] == fields["data"]


def test_a_folder_of_pairs(tmp_path):
    pair = {name: str(tmp_path / name) for name in ("low", "high")}
    for name in pair:
        (tmp_path / name).mkdir()
    fields = {"task": "super_resolve", "data": {"preset": "sr_75_150", "patch": 24}}
    assert with_source(fields, str(tmp_path))["data"] == {"patch": 24} | pair


def test_fields_that_do_not_go_with_a_source_leave():
    sky = with_source({"folds": 5, "data": {"csv": "t.csv"}}, preset="common_test_sim")
    files = with_source({"curriculum": [1], "data": {"preset": "a"}}, "folder")
    assert "folds" not in sky and "curriculum" not in files


@pytest.mark.parametrize("path", [p.stem for p in recipe_files()])
def test_packaged_recipes_learn_from_other_data(path):
    """Fields that only their own data have use for leave with these."""
    for source in ({"data": "elsewhere"}, {"preset": "other"}):
        fields = with_source(starting_fields(path), **source)
        assert Recipe(**fields).data.preset == source.get("preset")


def test_no_source_or_two_are_refused():
    with pytest.raises(LenszooError, match="not both"):
        with_source({"data": {}}, "folder", "a_sky")
    with pytest.raises(LenszooError, match="Nothing to train on"):
        with_source({"data": {}})


def test_settings_are_read_by_the_type_of_their_field():
    fields = with_settings(
        "find_lenses",
        "data.bands=g,r,i",
        'data.columns=["mag_g", "size"]',
        "data.missing_values=-99,99",
        "data.pattern={band}/{id}.fits",
        "data.id=007",
        "data.zero_point=22.5",
        "allow_leaky_columns=true",
        "options.width=4",
        "options.backbone=simple_cnn",
    )
    assert fields["data"] == {
        "bands": ["g", "r", "i"],
        "columns": ["mag_g", "size"],
        "missing_values": [-99, 99],
        "pattern": "{band}/{id}.fits",
        "id": "007",
        "zero_point": 22.5,
    }
    assert fields["allow_leaky_columns"] is True
    assert fields["options"] == {"width": 4, "backbone": "simple_cnn"}
    distill = with_settings("classify", "distill.teacher=a.b,c.d", "distill.weight=0.75")
    assert distill["distill"] == {"teacher": ["a.b", "c.d"], "weight": 0.75}


def test_a_setting_that_is_wrong_names_its_field():
    with pytest.raises(LenszooError, match="FIELD=VALUE"):
        with_settings("classify", "epochs")
    with pytest.raises(LenszooError, match="epochs is a value"):
        with_settings("classify", "epochs=3", "epochs.first=1")
    fields = with_settings("classify", "optimiser.learning_rate=1") | {"model": "simple_cnn"}
    with pytest.raises(LenszooError, match="optimizer"):
        Recipe(**fields, data={"preset": "common_test_sim"})


def test_none_sets_nothing_and_tables_are_not_shared():
    table = {"preset": "a"}
    fields = {"data": table}
    set_field(fields, "data.images", None)
    set_field(fields, "data.seed", 3)
    assert fields["data"] == {"preset": "a", "seed": 3} and table == {"preset": "a"}


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 5000])
def test_values_nested_too_deeply_or_of_thousands_of_digits_are_one_line(value):
    data = {"model": "simple_cnn", "data": {"preset": "common_test_sim"}}
    with pytest.raises(LenszooError) as caught:
        Recipe(**data, **with_settings("classify", f"epochs={value}"))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
