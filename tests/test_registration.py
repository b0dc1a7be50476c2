import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lenszoo import build_model

ROOT = Path(__file__).parents[1]
ORDERS = {
    "lenszoo first": "import lenszoo, sys; assert 'keras' not in sys.modules; import keras",
    "keras first": "import keras, lenszoo",
    "layers first": "import lenszoo.layers, keras",
    "a family first": "import lenszoo.models.srgan, keras",
}
LOAD = "; m = keras.saving.load_model(sys.argv[1]); print(keras.backend.backend(), m.name)"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    shapes = {
        "simple_cnn": {"input_shape": (16, 16, 1), "width": 2},
        "srgan": {"input_shape": (8, 8, 1), "width": 4, "discriminator_width": 2},
    }
    for name, options in shapes.items():
        build_model(name, **options).save(folder / f"{name}.keras")
    return folder


@pytest.mark.parametrize(
    ("order", "backend", "model"),
    [
        pytest.param("lenszoo first", "tensorflow", "srgan", marks=pytest.mark.slow),
        pytest.param("keras first", "jax", "srgan", marks=pytest.mark.slow),
        pytest.param("lenszoo first", "jax", "simple_cnn", marks=pytest.mark.slow),
        ("keras first", "tensorflow", "simple_cnn"),
        pytest.param("layers first", "jax", "srgan", marks=pytest.mark.slow),
        pytest.param("a family first", "jax", "srgan", marks=pytest.mark.slow),
    ],
)
def test_keras_loads_a_model_of_the_zoo_in_a_fresh_process(order, backend, model, files):
    if backend == "jax":
        pytest.importorskip("jax")
    path = files / f"{model}.keras"
    with zipfile.ZipFile(path) as archive:
        assert b"lenszoo>" in archive.read("config.json")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {ORDERS[order]}{LOAD}", str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [backend, model]


def test_a_python_without_keras_can_import_the_package(tmp_path):
    """The finder must say that Keras is missing, as Python does."""
    code = (
        "import sys; sys.modules.pop('keras', None); import lenszoo\n"
        "sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        "try: import keras\n"
        "except ModuleNotFoundError as error: print(error.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "keras", done.stderr[-2000:]
