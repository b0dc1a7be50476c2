import pytest

from lenszoo.errors import LenszooError
from lenszoo.tasks.find_lenses.recipe import LensData
from lenszoo.training import Recipe

FIND = {"task": "find_lenses", "epochs": 2, "data": {"catalogue": "table.csv"}}
ADAPT = {
    "task": "adapt",
    "weights": "finder.weights.h5",
    "source": {"catalogue": "source.csv"},
    "data": {"catalogue": "target.csv"},
    "method": "joint",
    "epochs": 2,
}


def refused(fields, message):
    with pytest.raises(LenszooError, match=message) as caught:
        Recipe(**{name: value for name, value in fields.items() if value is not None})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "source"),
    [("a.csv", "catalogue"), ("A.PARQUET", "catalogue"), ("folder", "directory")],
)
def test_a_path_is_a_table_or_class_folders(path, source):
    assert LensData.from_path(path) == {source: path}


def test_a_number_that_is_none_masks_nothing():
    nan = float("nan")
    data = LensData(catalogue="table.csv", mask_value=nan, missing_values=[-99, nan])
    assert data.mask_value is None and data.missing_values == (-99,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"catalogue": "a.csv", "preset": "lens_finding_easy"}}, "give exactly one of"),
        ({"adapt_scales": True}, "adapt_scales needs weights"),
        ({"lora": 4}, "lora needs weights"),
        ({"lora": 4, "weights": "x", "freeze": 1}, "lora freezes the backbone"),
        ({"curriculum": [{"epochs": 1, "strength": 2}]}, "curriculum is for classifiers"),
        (
            {"data": {"directory": "x", "sky": "border", "zero_point": 30}},
            "zero_point has an effect with catalogue alone",
        ),
    ],
)
def test_bad_recipes_are_one_line(changes, message):
    refused(FIND | changes, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": None}, "weights"),
        ({"method": "dan"}, "method"),
        ({"source": None, "method": "dann"}, "method dann needs a source"),
        ({"method": "fine_tune", "label_fraction": 0.0}, "fine_tune needs labels"),
        ({"dann": {"weight": 1.0}}, "a table dann is for that method, not for joint"),
        ({"method": "dann", "dann": {"wieght": 1.0}}, "dann.wieght.*dann.weight"),
        ({"data": {"preset": "lens_finding_hard", "fresh": True}}, "fresh is for find_lenses"),
    ],
)
def test_bad_recipes_of_adaptation_are_one_line(changes, message):
    refused(ADAPT | changes, message)
