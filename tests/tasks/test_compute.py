"""Precision and XLA of a training."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from lenszoo.inference.engines import bfloat16
from lenszoo.tasks.compute import jit, precision


def test_a_precision_holds_inside_and_the_users_own_after():
    before = keras.config.dtype_policy().name
    with precision("mixed_bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
    with pytest.raises(ZeroDivisionError), precision("mixed_bfloat16"):
        raise ZeroDivisionError
    with precision("none"):
        assert keras.config.dtype_policy().name == before
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize("flags", [[], ["avx512_bf16"]])
def test_an_imitated_precision_is_told_of(monkeypatch, caplog, flags):
    monkeypatch.setattr(bfloat16, "bfloat16_flags", lambda: flags)
    monkeypatch.setattr(bfloat16, "_has_gpu", lambda: False)
    with caplog.at_level(logging.WARNING, "lenszoo"), precision("mixed_bfloat16"):
        told = [record.getMessage() for record in caplog.records]
    assert [("has no bfloat16" in line) for line in told] == ([] if flags else [True])


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_precision_is_built_under_on_other_backends(backend):
    pytest.importorskip(backend)
    code = "import keras; from lenszoo.tasks.compute import precision\n"
    code += "with precision('mixed_bfloat16'): print(keras.layers.Dense(1).compute_dtype)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "bfloat16\n"


@pytest.mark.parametrize("choice", [True, False])
def test_a_choice_of_xla_is_kept(choice):
    assert jit(choice) is choice


def test_auto_is_off_on_a_cpu_with_tensorflow_alone():
    expected = "auto"
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        expected = bool(tf.config.list_physical_devices("GPU"))
    assert jit("auto") == expected
