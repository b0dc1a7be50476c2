"""The stored parameter counts are those of the built models."""

import json
from pathlib import Path

import pytest

import lenszoo

COUNTS = json.loads(
    (Path(lenszoo.__file__).parent / "models" / "parameters.json").read_text("utf-8")
)
FAST = ("simple_cnn", "resnet18_slim", "lens_finder", "srcnn", "srresnet_1")


def check(name):
    classes = 3 if lenszoo.model_info(name).classifies else None
    assert lenszoo.build_model(name, num_classes=classes).count_params() == COUNTS[name]


def test_every_model_is_counted():
    assert list(COUNTS) == lenszoo.list_models(), "run `python tools/count_parameters.py`"


@pytest.mark.parametrize("name", FAST)
def test_a_small_model_has_the_stored_count(name):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(COUNTS) - set(FAST)))
def test_a_large_model_has_the_stored_count(name):
    check(name)
