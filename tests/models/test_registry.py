import importlib
import inspect

import pytest

from lenszoo.errors import LenszooError
from lenszoo.models.registry import CATALOG, list_models, model_info, natural


def test_names_come_in_natural_order():
    names = list_models()
    assert sorted(names) == sorted(CATALOG)
    assert names.index("resnet18") < names.index("resnet50") < names.index("simple_cnn")
    shuffled = [
        "resnet101",
        "vit_b16",
        "resnet18_slim",
        "esrn_4",
        "resnet18",
        "esrn_16",
        "resnet50",
    ]
    assert sorted(shuffled, key=natural) == [
        "esrn_4", "esrn_16", "resnet18", "resnet18_slim", "resnet50", "resnet101", "vit_b16",
    ]  # fmt: skip


def test_wildcards_and_task():
    assert list_models("resnet18*") == ["resnet18", "resnet18_slim"]
    assert list_models("*net*1", task="classify") == ["densenet121", "densenet201", "resnet101"]
    assert list_models("xception") == ["xception"]
    assert list_models(task="super_resolve") == [
        "esrn_1", "esrn_4", "esrn_8", "srcnn", "srgan", "srresnet_1", "srresnet_2", "srresnet_3",
    ]  # fmt: skip
    assert list_models("nothing*") == []


def test_unknown_names_get_the_nearest():
    with pytest.raises(LenszooError, match=r"Unknown model 'resnet81'. Did you mean 'resnet18'\?"):
        model_info("resnet81")
    with pytest.raises(LenszooError, match=r"Unknown task 'clasify'. Did you mean 'classify'"):
        list_models(task="clasify")


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_rows_are_complete(name):
    row = model_info(name)
    assert row.name == name
    assert "arXiv:" in row.paper or "doi:" in row.paper
    assert row.summary.endswith(".")
    assert len(row.summary) <= 100
    assert all(side is None or side >= row.min_size for side in row.input_shape[:2])
    module, function = row.factory.split(":")
    parameters = inspect.signature(getattr(importlib.import_module(module), function)).parameters
    assert set(row.options) <= set(parameters)
    common = {
        "classify": {"num_classes", "activation", "dropout", "head"},
        "find_lenses": {"columns", "use"},
        "super_resolve": {"scale"},
    }
    assert {"name", *common[row.task]} <= set(parameters)
    assert "num_classes" not in parameters or row.task == "classify"
    assert set(row.warm_starts) <= set(CATALOG)
