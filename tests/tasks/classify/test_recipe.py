import pytest

from lenszoo.errors import LenszooError
from lenszoo.tasks.classify.recipe import Data
from lenszoo.training import Recipe

SKY = {"preset": "common_test_sim", "images": 100}


def test_a_path_is_a_table_or_class_folders():
    assert Data.from_path("A.CSV") == {"csv": "A.CSV"}
    assert Data.from_path("folder") == {"directory": "folder"}


def test_one_teacher_is_a_list_of_one():
    one, two = (
        Recipe(model="simple_cnn", data=SKY, distill={"teacher": teacher})
        for teacher in ("a", ["a", "b"])
    )
    assert one.distill.teacher == ("a",)
    assert two.distill.teacher == ("a", "b")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"distill": {"teacher": []}}, "distill.teacher: "),
        ({"distill": {"teacher": 3}}, "distill.teacher: "),
        ({"distill": {"teacher": "a", "weight": 0}}, "distill.weight: "),
        ({"distill": {"teacher": "a", "temperature": 0}}, "distill.temperature: "),
        (
            {"distill": {"teacher": "a", "hint_weight": 1.0}},
            "hint_weight has an effect with hints alone",
        ),
        ({"distill": {"techer": "a"}}, "'distill.techer'.*distill.teacher"),
        ({"folds": 5}, "folds needs files"),
        ({"corpus": {"scenes": 150}}, "corpus.scenes 150 is no multiple of data.images 100"),
        ({"corpus": {"scenes": 100}, "data": {"csv": "a.csv"}}, "corpus needs data.preset"),
        ({"corpus": {"scenes": 100, "turns": 8}}, "corpus.turns counts answers of a teacher"),
    ],
)
def test_bad_recipes_are_one_line(fields, message):
    with pytest.raises(LenszooError, match=message) as caught:
        Recipe(**({"model": "simple_cnn", "data": SKY} | fields))
    assert "\n" not in str(caught.value)
