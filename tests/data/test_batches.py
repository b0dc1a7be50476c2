"""Batches of an epoch: the same from threads and from tf.data, and on JAX without TensorFlow."""

import os
import subprocess
import sys

import numpy as np
import pytest

from lenszoo.data import Dataset, degrade
from lenszoo.data.batches import Batches
from lenszoo.errors import LenszooError

RNG = np.random.default_rng(4)


def candidates(n=21, **changes):
    parts = {
        "images": RNG.random((n, 6, 6, 2), np.float32),
        "table": RNG.random((n, 3), np.float32),
        "columns": ("a", "b", "c"),
        "labels": np.arange(n, dtype=np.int32) % 2,
    }
    return Dataset(tuple(map(str, range(n))), **parts | changes)


def flat(batch):
    """The arrays of a batch, in order of their names."""
    if isinstance(batch, dict):
        return [array for name in sorted(batch) for array in flat(batch[name])]
    return (
        [array for part in batch for array in flat(part)]
        if isinstance(batch, tuple)
        else [np.asarray(batch)]
    )


@pytest.mark.parametrize("without", [(), ("labels",), ("table",), ("images",)])
def test_threads_and_the_graph_make_the_same_batches(without):
    graph = pytest.importorskip("lenszoo.data.tf_data").batches_in_graph
    data = candidates(**dict.fromkeys(without))
    batches = Batches(data, 8, seed=2, epoch=5, augment="d4", answers=lambda y: y[:, None] + 0.5)
    made = list(graph(batches).as_numpy_iterator())
    assert len(made) == len(batches) == 3
    for i, other in enumerate(made):
        for one, two in zip(flat(batches[i]), flat(other), strict=True):
            np.testing.assert_array_equal(one, two)
            assert one.dtype == two.dtype


def test_every_object_is_met_once_and_turned_with_its_row():
    data = candidates()
    batches = Batches(data, 8, seed=2, augment="d4")
    parts = [batches[i] for i in range(len(batches))]
    sums = np.concatenate([x["images"].sum((1, 2, 3)) for x, _ in parts])
    rows = np.concatenate([x["table"] for x, _ in parts])
    order = batches.order
    np.testing.assert_allclose(sums, data.images.sum((1, 2, 3))[order], rtol=1e-5)
    np.testing.assert_array_equal(rows, data.table[order])
    plain = Batches(data, 30)[0][0]["images"]
    np.testing.assert_array_equal(plain, data.images)  # without a seed: in order, not turned


def test_batches_of_patches():
    fine = RNG.random((5, 24, 20, 1), np.float32)
    pairs = Dataset(tuple("abcde"), degrade(fine, 2), targets=fine)
    dataset = Batches(pairs, 2, seed=1, epoch=3, patch=6, patches=3, augment="d4")
    again = Batches(pairs, 2, seed=1, epoch=3, patch=6, patches=3, augment="d4")
    other = Batches(pairs, 2, seed=1, epoch=4, patch=6, patches=3, augment="d4")
    assert len(dataset) == 3
    shapes = [batch[0].shape for batch in (dataset[i] for i in range(3))]
    assert shapes == [(6, 6, 6, 1), (6, 6, 6, 1), (3, 6, 6, 1)]
    for i, (low, high) in enumerate(dataset[i] for i in range(3)):
        np.testing.assert_allclose(degrade(high, 2), low, atol=1e-6)
        np.testing.assert_array_equal(low, again[i][0])
    assert not np.array_equal(dataset[0][0], other[0][0])
    whole = Batches(pairs, 5, seed=1)[0]
    np.testing.assert_array_equal(np.sort(whole[1].sum((1, 2, 3))), np.sort(fine.sum((1, 2, 3))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "at least 1"),
        ({"augment": "mixup", "seed": 0}, "Unknown augmentation 'mixup'"),
        ({"augment": "d4"}, "draws at random"),
        ({"seed": 1, "epoch": -1}, "not negative"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(LenszooError, match=message):
        Batches(candidates(), **{"batch_size": 4} | options)


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
import lenszoo.training
recipe = {"task": "classify", "model": "simple_cnn", "options": {"width": 4}, "epochs": 2,
          "batch_size": 8, "seed": 3, "data": {"directory": sys.argv[1], "val_fraction": 0.5}}
lenszoo.training.train(recipe, sys.argv[2])
"""


@pytest.mark.slow
def test_training_on_files_needs_no_tensorflow(tmp_path):
    pytest.importorskip("jax")
    for name in ("no", "sphere"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(8):
            np.save(tmp_path / "set" / name / f"{i}.npy", RNG.random((16, 16)))
    variables = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, tmp_path / "set", tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "report.json").is_file()
