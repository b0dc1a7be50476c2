"""Released weights answer alike on PyTorch; all of them in `make harness`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def compare(pattern):
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "backends.py", "--weights", pattern],
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "pattern",
    ["resnet18_slim.deeplense_model_1", "srcnn.*", pytest.param("*", marks=pytest.mark.slow)],
)
def test_weights_answer_alike_on_torch(pattern):
    pytest.importorskip("torch")
    done = compare(pattern)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Largest of all on torch" in done.stdout


def test_no_weights_are_no_agreement():
    pytest.importorskip("torch")
    assert "nothing" in compare("nothing*").stderr
