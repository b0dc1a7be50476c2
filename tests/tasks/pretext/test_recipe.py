import pytest

from lenszoo.errors import LenszooError
from lenszoo.tasks.pretext.recipe import PoolData
from lenszoo.training import Recipe

FIELDS = {
    "task": "pretext",
    "method": "rotation",
    "model": "simple_cnn",
    "epochs": 2,
    "data": {"images_in": "images"},
}


def test_a_path_is_where_the_images_are():
    assert PoolData.from_path("images") == FIELDS["data"]
    recipe = Recipe(**FIELDS)
    assert recipe.data.images_in == "images" and recipe.simsiam is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "jigsaw"}, "method"),
        ({"simsiam": {}}, "a table simsiam is for that method, not for rotation"),
        ({"method": "simsiam", "batch_size": 1}, "compares images"),
        ({"method": "denoising", "denoising": {"weakest": 2.0}}, "weakest is not below strongest"),
        ({"data": {}}, "give exactly one of preset, images_in"),
        ({"freeze": 1, "weights": "x"}, "are for classifiers"),
        ({"lora": 1, "weights": "x"}, "are for classifiers"),
        ({"optimizer": {"layer_decay": 0.5}}, "are for classifiers"),
    ],
)
def test_bad_recipes_are_one_line(changes, message):
    with pytest.raises(LenszooError, match=message) as caught:
        Recipe(**FIELDS | changes)
    assert "\n" not in str(caught.value)
