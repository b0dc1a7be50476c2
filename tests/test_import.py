import ast
import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lenszoo

ROOT = Path(__file__).parents[1]
PACKAGES = {"data", "evaluation", "simulation", "survey", "training", "vetting"}
HEAVY = ("keras", "tensorflow", "jax", "torch", "numpy", "pydantic", "h5py", "matplotlib")


def fresh(code, **environment):
    """Run code in a new interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    ["import lenszoo", "import lenszoo; lenszoo.list_models(); lenszoo.model_info('resnet18')"],
)
def test_import_and_listing_load_nothing_heavy(code):
    loaded = fresh(f"{code}; import sys; print(*sys.modules)").split()
    assert not set(HEAVY) & set(loaded)


def test_import_runs_few_modules_of_its_own():
    """A count in place of a time, which a busy machine would spoil."""
    code = (
        "import sys; before = set(sys.modules); import lenszoo; new = set(sys.modules) - before;"
        "print(len(new), *sorted(m for m in new if m.startswith('lenszoo')))"
    )
    count, *own = fresh(code).split()
    assert own == ["lenszoo", *(f"lenszoo.{name}" for name in ("_version", "lazy", "registration"))]
    assert int(count) < 20


def test_predict_loads_neither_simulation_nor_plots():
    code = "from lenszoo import predict; import sys; print(*sys.modules)"
    loaded = [name for name in fresh(code).split() if name.startswith("lenszoo.")]
    assert "lenszoo.inference.predictor" in loaded
    for package in ("simulation", "reporting", "training", "tasks", "evaluation", "cli"):
        assert not [name for name in loaded if name.startswith(f"lenszoo.{package}")]


def test_names_are_the_stubs_and_all_can_be_had():
    stub = ast.parse((ROOT / "lenszoo" / "__init__.pyi").read_text())
    imported = {
        alias.asname
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(lenszoo.__all__) == set(dir(lenszoo))
    for name in lenszoo.__all__:
        assert getattr(lenszoo, name) is not None


@pytest.mark.parametrize("name", ["data", "layers", "pretrained", "simulation", "training"])
def test_tab_completes_public_names_alone(name):
    package = importlib.import_module(f"lenszoo.{name}")
    assert dir(package) == sorted(package.__all__)
    assert all(hasattr(package, each) for each in dir(package))


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = lenszoo.no_such_name
    with pytest.raises(ImportError):
        from lenszoo import no_such_name  # noqa: F401


def test_no_submodule_can_take_the_place_of_a_function():
    """Importing a submodule sets it on the package, over a function of the same name."""
    for name in set(lenszoo.__all__) - PACKAGES:
        assert importlib.util.find_spec(f"lenszoo.{name}") is None, name
    code = (
        "import lenszoo.inference.predictor, types; from lenszoo import predict; import lenszoo;"
        "print(all(isinstance(f, types.FunctionType) for f in (predict, lenszoo.predict)))"
    )
    assert fresh(code) == "True"


def test_typing_marker_is_there():
    assert (ROOT / "lenszoo" / "py.typed").is_file()
