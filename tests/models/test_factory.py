import inspect

import pytest

from lenszoo import list_models, model_info
from lenszoo.errors import LenszooError
from lenszoo.models.beit import beit
from lenszoo.models.esrn import esrn
from lenszoo.models.resnet import resnet
from lenszoo.models.srcnn import srcnn

FACTORIES = (beit, esrn, resnet, srcnn)


@pytest.mark.parametrize("factory", FACTORIES)
def test_signature_and_docstring_tell_of_the_same_options(factory):
    options = inspect.signature(factory).parameters
    lines = [line.strip() for line in inspect.getdoc(factory).splitlines()]
    begin, end = lines.index("Args:"), lines.index("Returns:")
    told = [line.partition(":")[0] for line in lines[begin + 1 : end] if ":" in line]
    assert [name for name in told if name in options] == list(options)
    assert factory.__name__ == options["name"].default


@pytest.mark.parametrize("factory", FACTORIES)
def test_every_count_is_checked_before_a_layer_is_built(factory):
    options = inspect.signature(factory).parameters.values()
    counts = [p.name for p in options if type(p.default) is int and p.name != "scale"]
    classes = () if factory in (esrn, srcnn) else (2,)
    assert counts
    for name in counts:
        with pytest.raises(LenszooError, match=f"^{name} must be a positive integer, got 0"):
            factory((32, 32, 1), *classes, **{name: 0})


def test_the_options_of_every_row_are_of_its_factory():
    for name in list_models():
        row = model_info(name)
        module, _, function = row.factory.partition(":")
        factory = getattr(__import__(module, fromlist=[function]), function)
        assert row.options.keys() <= inspect.signature(factory).parameters.keys(), name
