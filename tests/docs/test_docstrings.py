"""Every public function and class has an example in its docstring; test_doctests.py runs them."""

import importlib
import inspect

import pytest

import lenszoo

PACKAGES = (
    "lenszoo",
    "lenszoo.data",
    "lenszoo.simulation",
    "lenszoo.training",
    "lenszoo.evaluation",
    "lenszoo.layers",
)


def public() -> dict[str, object]:
    """Every public function and class by its full name."""
    return {
        f"{package}.{name}": getattr(module, name)
        for package in PACKAGES
        for module in [importlib.import_module(package)]
        for name in module.__all__
        if inspect.isclass(getattr(module, name)) or inspect.isroutine(getattr(module, name))
    }


def factories() -> dict[str, object]:
    """The factory of every row of the registry by its full name, less those of other packages."""
    paths = {lenszoo.model_info(name).factory for name in lenszoo.list_models()}
    return {
        path: getattr(importlib.import_module(module), function)
        for path in sorted(paths)
        for module, _, function in [path.partition(":")]
        if "applications" not in module
    }


@pytest.mark.parametrize(("name", "value"), (public() | factories()).items())
def test_a_public_name_has_an_example(name, value):
    assert ">>> " in (inspect.getdoc(value) or ""), f"{name} has no example"
