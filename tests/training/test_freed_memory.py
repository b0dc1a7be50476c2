import sys

import keras
import pytest
from ownprocess import printed

ROUNDS, PAGES = 20, 1280
# epochs from a Python generator, then blocks that are freed at once: pages that Linux cleared for
# each. A process of its own, for what other tests left on the heap would serve the blocks.
SCRIPT = f"""
import resource, sys
import keras
import numpy as np
from lenszoo.data.batches import ThreadedDataset
from lenszoo.training.freed_memory import KeepFreedMemory

class Batches(ThreadedDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", jit_compile=False)
for callbacks in ([], [KeepFreedMemory()]):
    model.fit(Batches(), epochs=2, verbose=0, callbacks=callbacks)
    side = {PAGES} * resource.getpagesize()
    np.ones(side, np.uint8)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range({ROUNDS}):
        np.ones(side, np.uint8)
    print((resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before) / {ROUNDS})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone has these settings")
def test_blocks_are_used_again_after_epochs_from_a_generator():
    mapped, kept = map(float, printed(SCRIPT))
    assert kept < 0.01 * PAGES
    if sys.version_info[:2] == (3, 11) and keras.backend.backend() == "tensorflow":
        assert mapped > 0.1 * PAGES
