import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from cutshort import cut_short, quiet, train_whole_and_cut
from onjax import run_on_jax, say_all_well
from tinyrun import recipe_fields, write_images

from lenszoo.errors import LenszooError

PER_CLASS = 14  # of which 21 train, in batches of 8, 8 and 5
COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
LONGER = "LENSZOO_TEST_GOES_ON"
LOSSES = ("loss", "val_log_loss")


@pytest.mark.slow
def test_four_virtual_devices_train_as_one_does():
    run_on_jax(__file__, optimize=False)


@pytest.mark.slow
def test_four_virtual_devices_go_on_exactly_and_from_one(monkeypatch):
    monkeypatch.setenv(LONGER, "1")
    run_on_jax(__file__, optimize=False)


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path):
    pytest.importorskip("jax")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write_images(tmp_path / "images", PER_CLASS)
    wanted = {
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parents[1], *sys.path))),
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
        COUNT: "2",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, tmp_path],
            env=os.environ | wanted | {"KERAS_DISTRIBUTION_PROCESS_ID": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for process in processes:
        out, error = process.communicate(timeout=400)
        assert out.strip().endswith("jax: all well"), error[-3000:]
    run = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert (run["environment"]["shared_by"], run["environment"]["processes"]) == (2, 2)


def fields(root: Path) -> dict:
    options = {"width": 4, "dropout": 0.3}
    return recipe_fields(root / "images") | {"epochs": 2, "options": options}


def check_alike(history: list, other: list) -> None:
    """Two runs have the same curves, up to rounding."""
    for row, twin in zip(history, other, strict=True):
        for name in LOSSES:
            np.testing.assert_allclose(row[name], twin[name], atol=1e-4)


def four_devices(root: Path) -> None:
    """The curves, the provenance and the refusals of four devices."""
    from lenszoo.tasks.classify.task import ClassifyTask
    from lenszoo.training import Recipe, train
    from lenszoo.training.devices import open_devices

    write_images(root / "images", PER_CLASS)
    kind, recipe = quiet(ClassifyTask), Recipe(**fields(root))
    shared = recipe.model_copy(update={"devices": "all"})
    one = train(recipe, root / "one", task=kind(recipe))
    four = train(shared, root / "four", task=kind(shared))
    check_alike(one.history, four.history)
    run = json.loads((root / "four" / "run.json").read_text())["environment"]
    assert (run["shared_by"], run["processes"], len(run["devices"])) == (4, 1, 4)
    for devices, size, message in (
        (4, 10, "batch_size 10 is no multiple of the 4 devices .* choose 8 or 12"),
        ("all", 3, "4 devices are more than the 3 images of a batch"),
        (5, 20, "jax sees 4 CPU devices here; choose at most 4"),
    ):
        with pytest.raises(LenszooError, match=message):
            open_devices(devices, size)


def go_on(root: Path) -> None:
    """Exact resume on four devices, and a run begun on one that goes on with four."""
    from lenszoo.tasks.classify.task import ClassifyTask
    from lenszoo.training import Recipe, train

    write_images(root / "images", PER_CLASS)
    recipe = Recipe(**fields(root))
    shared = recipe.model_copy(update={"devices": 4})
    whole, _ = train_whole_and_cut(ClassifyTask, shared, root)
    with pytest.raises(InterruptedError):
        train(recipe, root / "moved", task=cut_short(ClassifyTask)(recipe))
    moved = train(shared, root / "moved", task=quiet(ClassifyTask)(shared))
    check_alike(moved.history, whole.history)
    earlier = json.loads((root / "moved" / "run.json").read_text())["earlier"]
    assert [place["shared_by"] for place in earlier] == [1]


def two_processes(root: Path) -> None:
    """Train in this process and in the other one; each compares with a training of its own."""
    import jax

    from lenszoo.tasks.classify.task import ClassifyTask
    from lenszoo.training import Recipe, train

    recipe = Recipe(**fields(root), devices="all")
    whole, _ = train_whole_and_cut(ClassifyTask, recipe, root)
    assert jax.process_count() == 2
    me = jax.process_index()
    alone = Recipe(**fields(root))
    result = train(alone, root / f"alone{me}", task=quiet(ClassifyTask)(alone))
    check_alike(whole.history, result.history)


if __name__ == "__main__":
    if os.environ.get(COUNT):
        two_processes(Path(sys.argv[1]))
    else:
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
        with tempfile.TemporaryDirectory() as folder:
            (go_on if os.environ.get(LONGER) else four_devices)(Path(folder))
    say_all_well()
