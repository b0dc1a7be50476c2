import pytest

from lenszoo.errors import LenszooError
from lenszoo.tasks.super_resolve.recipe import PairData
from lenszoo.training import Recipe

FIELDS = {
    "task": "super_resolve",
    "model": "srcnn",
    "epochs": 2,
    "batch_size": 8,
    "data": {"high": "fine", "patches": 2},
}


def test_a_loss_by_name_is_a_mixture_of_one_and_whole_images_are_one_patch():
    recipe = Recipe(**FIELDS | {"loss": "mae", "data": {"high": "fine", "patch": "none"}})
    assert recipe.loss == {"mae": 1.0}
    assert (recipe.data.patch, recipe.data.patches) == (None, 1)


def test_a_path_is_of_pairs_where_both_folders_are(tmp_path):
    (tmp_path / "low").mkdir()
    assert PairData.from_path(str(tmp_path)) == {"high": str(tmp_path)}
    (tmp_path / "high").mkdir()
    pair = {"low": str(tmp_path / "low"), "high": str(tmp_path / "high")}
    assert PairData.from_path(str(tmp_path)) == pair


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "srgan", "options": {}}, "adversarial belongs to srgan"),
        ({"adversarial": {}}, "adversarial belongs to srgan"),
        ({"loss": {"perceptual": 1.0}}, "perceptual, its classifier"),
        ({"batch_size": 9}, "batch_size 9 is no multiple of data.patches 2"),
        ({"freeze": 1, "weights": "x"}, "are for classifiers"),
        ({"data": {"low": "x", "preset": "sr_75_150"}}, "low has an effect with high alone"),
        ({"data": {"low": "x", "high": "y", "degrade": {"factor": 4}}}, "give one of the two"),
        ({"data": {"high": "x", "patch": "none", "patches": 4}}, "are one patch each"),
        ({"data": {}}, "give exactly one of preset, high"),
        ({"data": {"preset": "sr_75_150", "pach": 3}}, "Did you mean 'data.patch'"),
    ],
)
def test_bad_recipes_are_one_line(changes, message):
    with pytest.raises(LenszooError, match=message) as caught:
        Recipe(**FIELDS | changes)
    assert "\n" not in str(caught.value)
