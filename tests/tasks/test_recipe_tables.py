import pytest

from lenszoo.errors import LenszooError
from lenszoo.tasks.recipe_tables import DataTable, Optimizer
from lenszoo.training import Recipe


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 10**12},
        {"epochs": float("inf")},
        {"batch_size": 2**63},
        {"optimizer": {"learning_rate": float("inf")}},
        {"optimizer": {"weight_decay": float("inf")}},
        {"optimizer": {"clip_norm": float("nan")}},
        {"data": {"preset": "common_test_sim", "images": 2**63}},
        {"data": {"preset": "common_test_sim", "val_images": 10**12}},
    ],
)
def test_absurd_and_endless_numbers_are_refused(change):
    fields = {"model": "simple_cnn", "data": {"preset": "common_test_sim"}} | change
    with pytest.raises(LenszooError, match=next(iter(change))):
        Recipe(**fields)


SKY, FILES = {"preset": "common_test_sim"}, {"directory": "images"}
LENSES = {"task": "find_lenses", "use": "image"}
PAIRS = {"task": "super_resolve", "model": "srcnn"}
SIMSIAM = {"task": "pretext", "model": "simple_cnn", "method": "simsiam"}
REAL = {"catalogue": "others.csv"}


@pytest.mark.parametrize(
    ("task", "data", "stray"),
    [
        ({}, SKY, {"classes": ["no", "sphere", "vort"]}),
        ({}, SKY, {"val_fraction": 0.5}),
        ({}, SKY, {"on_bad": "skip"}),
        ({}, SKY, {"crop": 20}),
        ({}, FILES, {"images": 12}),
        ({}, FILES, {"fresh": False}),
        ({}, {"csv": "table.csv"}, {"test_images": 12}),
        ({}, {"stack": "stack.npz"}, {"cutout_size": 24}),
        (LENSES, {"preset": "lens_finding_easy"}, {"scaling": "minmax"}),
        (LENSES, {"galaxies": "g.csv", "survey": "cfhtls_gri"}, {"crop": 32}),
        (LENSES, {"galaxies": "g.csv", "survey": "cfhtls_gri"}, {"scaling": "minmax"}),
        (LENSES, {"galaxies": "g.csv", "survey": "cfhtls_gri"}, {"on_bad": "skip"}),
        (LENSES, {"galaxies": "g.csv", "survey": "cfhtls_gri"}, {"test_images": 12}),
        (LENSES, {"galaxies": "g.csv", "survey": "cfhtls_gri"}, {"columns": ["size"]}),
        (LENSES, {"directory": "images"}, {"columns": ["size"]}),
        (LENSES, {"catalogue": "table.csv"}, {"val_images": 12}),
        (LENSES, {"catalogue": "table.csv"}, {"real": REAL}),
        (PAIRS, {"preset": "sr_75_150"}, {"degrade": {"factor": 4}}),
        (PAIRS, {"preset": "sr_75_150"}, {"pixel_scale": 9.9}),
        (PAIRS, {"high": "fine"}, {"images": 12}),
        (SIMSIAM, SKY, {"val_fraction": 0.5}),
        (SIMSIAM, {"images_in": "images"}, {"test_images": 12}),
    ],
)
def test_fields_without_effect_are_refused(task, data, stray):
    fields = {"model": "simple_cnn"} | task
    if task is LENSES:
        del fields["model"]
    recipe = Recipe(**fields, data=data)
    # as a run folder keeps it, with every field
    assert Recipe(**recipe.model_dump(mode="json")) == recipe
    (name,) = stray
    with pytest.raises(LenszooError, match=f"data: {name} has an effect with .* alone") as caught:
        Recipe(**fields, data=data | stray)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("schedule", "stray"),
    [
        ("constant", {"min_learning_rate": 1e-5}),
        ("constant", {"cycle_epochs": 3}),
        ("cosine", {"cycle_epochs": 3}),
    ],
)
def test_a_schedule_has_fields_of_its_own(schedule, stray):
    Optimizer(schedule="cyclic", **stray)
    with pytest.raises(ValueError, match=f"{next(iter(stray))} has an effect with .*cyclic alone"):
        Optimizer(schedule=schedule, **stray)


def test_a_task_that_reads_no_files_says_so():
    with pytest.raises(LenszooError, match="--data folder: this task learns from --preset alone"):
        DataTable.from_path("folder")
