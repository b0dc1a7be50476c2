"""Exact resume: a run killed with -9 ends with the weights of one that was never stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import save_weights
from lenszoo.training.state import STATE_FILE, read_progress

# argv: recipe as JSON, then the run folders to train one after the other
TRAIN = """
import json, sys
from lenszoo.reporting.plots import new_figure, to_png
from lenszoo.reporting.report import Figure
from lenszoo.training import train
Figure.png = to_png(new_figure(1, 1))  # drawing takes longer than training here
for out in sys.argv[2:]:
    train(json.loads(sys.argv[1]), out)
"""


# argv: recipe as JSON, then a folder: trains in `whole`, keeps in `after_N` what a process killed
# after epoch N leaves, and goes on there. It stops before the reports, which are not the point.
GO_ON = """
import json, shutil, sys
from pathlib import Path
from lenszoo.training import loop
class Done(BaseException): pass
save, fields, root = loop.save_state, json.loads(sys.argv[1]), Path(sys.argv[2])
last = fields["epochs"]
def save_and_copy(folder, model, progress):
    save(folder, model, progress)
    if progress.epoch == last:
        raise Done
    if folder.name == "whole":
        shutil.copytree(folder, root / f"after_{progress.epoch}")
loop.save_state = save_and_copy
for name in ("whole", *(f"after_{n}" for n in range(1, last))):
    try:
        loop.train(fields, root / name)
    except Done:
        pass
"""


def start(fields: dict, backend: str, *folders: Path, script: str = TRAIN) -> subprocess.Popen:
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # the time goes into compiling
    command = [sys.executable, "-c", script, json.dumps(fields), *map(str, folders)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for_epochs(process: subprocess.Popen, folder: Path, n: int) -> None:
    history, deadline = folder / "history.csv", time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if history.exists() and len(history.read_text().splitlines()) > n:
            return
        time.sleep(0.01)
    raise AssertionError(f"no epoch {n}: {process.stderr.read()}")


def arrays(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / STATE_FILE) as file:
        return {name: file[name] for name in file.files if name != "progress"}


def progress(folder: Path) -> dict:
    with np.load(folder / STATE_FILE) as file:
        return json.loads(str(file["progress"]))


def test_killed_run_ends_bit_for_bit_like_an_uninterrupted_one(fields, tmp_path):
    """What a kill leaves on the disk does not depend on the backend."""
    # enough epochs that the kill lands inside the run, and a patience that counts on across it
    fields |= {"epochs": 8, "early_stopping": {"patience": 6}}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start(fields, "tensorflow", killed)
    wait_for_epochs(process, killed, 2)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = progress(killed)["epoch"] if (killed / STATE_FILE).exists() else 0
    assert done < 8, "the run was over before the kill"

    process = start(fields, "tensorflow", killed, whole)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors

    ours, theirs = arrays(killed), arrays(whole)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    a, b = progress(killed), progress(whole)
    for row in (*a["history"], *b["history"]):
        row.pop("seconds")
    assert a == b
    assert a["finished"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_fine_tuning_stopped_at_and_after_the_unfreezing_ends_the_same(backend, fields, tmp_path):
    options = {"width": 4, "dropout": 0.3}
    for name in ("start", "teacher"):
        model = build_model("simple_cnn", input_shape=(24, 24, 1), num_classes=2, **options)
        save_weights(model, tmp_path / f"{name}.weights.h5")
    fields |= {
        "options": options,
        "weights": str(tmp_path / "start.weights.h5"),
        "epochs": 3,
        "early_stopping": {"patience": 2},
        "batch_size": 6,  # 18 images: all batches of one size, which spares a compilation
        "freeze": 2,
        "unfreeze_after": 1,
        "distill": {
            "teacher": str(tmp_path / "teacher.weights.h5"),
            "hints": [{"student": "relu2", "teacher": "relu2"}],
        },
    }
    fields["optimizer"] |= {"layer_decay": 0.8, "clip_norm": 1.0}
    process = start(fields, backend, tmp_path, script=GO_ON)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    whole = arrays(tmp_path / "whole")
    for n in (1, 2):
        resumed = arrays(tmp_path / f"after_{n}")
        assert resumed.keys() == whole.keys()
        assert all(np.array_equal(resumed[name], whole[name]) for name in whole)
        a, b = progress(tmp_path / f"after_{n}"), progress(tmp_path / "whole")
        for row in (*a["history"], *b["history"]):
            row.pop("seconds")
        assert a == b
        assert a["epoch"] == 3


@pytest.mark.slow
def test_interrupted_run_is_resumable(fields, tmp_path):
    fields |= {"epochs": 200}
    folder = tmp_path / "run"
    process = start(fields, "tensorflow", folder)
    wait_for_epochs(process, folder, 2)  # so the first is saved for certain
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert progress(folder)["epoch"] >= 1
    assert not progress(folder)["finished"]
    assert not list(folder.glob(".state*"))


def test_a_pipe_in_the_place_of_the_state_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / STATE_FILE)
    with pytest.raises(LenszooError, match="is damaged"):
        read_progress(tmp_path)
