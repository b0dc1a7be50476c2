"""Ctrl-C while training: one line, exit code 130, and a run that goes on."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_training_stops_in_one_line_and_goes_on(zoo, lenszoo, tmp_path):
    run = tmp_path / "run"
    command = ["train", "simple_cnn", "--data", zoo.data, "--batch-size", "8", "--out", run]
    process = subprocess.Popen(
        [sys.executable, "-m", "lenszoo", *map(str, command), "--epochs", "100000"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("epoch 2/"):
                process.send_signal(signal.SIGINT)
                break
        rest = process.communicate(timeout=120)[1].splitlines()
    finally:
        process.kill()
    # a log file gets no progress bar; a busy machine tells of its steps
    whole = [line for line in lines if not re.fullmatch(r"epoch [12]: step \d+/\d+\n", line)]
    assert [line[:16] for line in whole] == ["epoch 1/100000: ", "epoch 2/100000: "], lines
    assert process.returncode == 130
    assert rest[-1] == "lenszoo: stopped; the same command goes on from the last whole epoch."
    assert all(line.startswith("epoch ") for line in rest[:-1])
    # the same command with a smaller goal is another recipe, and says so rather than start anew
    refusal = lenszoo(*command, "--epochs", 1, code=2).stderr
    assert "epochs: 100000 there, 1 here" in refusal
    from lenszoo.training.state import read_progress

    assert read_progress(run).epoch >= 2
