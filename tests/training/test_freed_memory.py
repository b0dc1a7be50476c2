import resource
import sys

import keras
import numpy as np
import pytest

from lenszoo.data.batches import ThreadedDataset
from lenszoo.training.freed_memory import KeepFreedMemory

SIDE, ROUNDS = 5 * 2**20, 20


class Batches(ThreadedDataset):
    """Two batches, which Keras hands to TensorFlow by a generator."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)


def pages_a_block(callbacks):
    """Pages that Linux cleared for each of a row of blocks that are freed at once."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(Batches(), epochs=2, verbose=0, callbacks=callbacks)
    np.ones(SIDE, np.uint8)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(ROUNDS):
        np.ones(SIDE, np.uint8)
    return (resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before) / ROUNDS


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone has these settings")
def test_blocks_are_used_again_after_epochs_from_a_generator():
    if sys.version_info[:2] == (3, 11) and keras.backend.backend() == "tensorflow":
        assert pages_a_block([]) > 0.1 * SIDE / resource.getpagesize()
    assert pages_a_block([KeepFreedMemory()]) < 0.01 * SIDE / resource.getpagesize()
