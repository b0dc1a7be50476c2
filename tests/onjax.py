"""Run a test file as a script on JAX: what it checks under ``__main__``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def say_all_well() -> None:
    """What a script ends with."""
    import keras

    print(f"{keras.backend.backend()}: all well")


def run_on_jax(script: str, *, optimize: bool = True) -> None:
    """Fail unless a script runs and calls ``say_all_well`` at its end.

    Args:
        script: the file; it finds the modules beside this one.
        optimize: False where compiling would be nearly all of the time.
    """
    pytest.importorskip("jax")
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    wanted = {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(paths)}
    if not optimize:
        wanted["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | wanted,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "jax: all well", done.stderr[-3000:]
