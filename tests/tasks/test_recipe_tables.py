import pytest

from lenszoo.errors import LenszooError
from lenszoo.tasks.recipe_tables import DataTable
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


def test_a_task_that_reads_no_files_says_so():
    with pytest.raises(LenszooError, match="--data folder: this task learns from --preset alone"):
        DataTable.from_path("folder")
