"""Large images lie where TensorFlow shares them, and no epoch leaves a copy behind."""

from pathlib import Path

import numpy as np
import pytest
from oneline import one_line
from ownprocess import printed

from lenszoo.data.aligned import aligned_empty, aligned_take, is_aligned
from lenszoo.errors import LenszooError
from lenszoo.simulation import sample
from lenszoo.simulation.cutouts import sample_cutouts

# trains on aligned images and on others; how many copies of them five more epochs leave in memory
EPOCHS = """
import gc
from pathlib import Path

import keras
import numpy as np

from lenszoo.data import Dataset
from lenszoo.data.aligned import aligned_empty, is_aligned
from lenszoo.data.batches import Batches, feed

N, SIDE = 1000, 150  # 90 MB

def memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])

def epoch(number):
    batches = Batches(dataset, 50, seed=0, epoch=number, augment="d4")
    model.fit(feed(batches), verbose=0, shuffle=False)

gc.disable()  # Python looks for cycles when it has made many objects, not when memory is short
raw = aligned_empty((N * SIDE * SIDE + 4,))
raw[:] = 0.5
for start in (0, 4):
    images = raw[start:][: N * SIDE * SIDE].reshape(N, SIDE, SIDE, 1)
    assert is_aligned(images) == (start == 0)
    dataset = Dataset(tuple(map(str, range(N))), images, labels=np.arange(N) % 2)
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), *layers])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    epoch(0)
    before = memory()
    for number in range(1, 6):
        epoch(number)
    print((memory() - before) / images.nbytes)
"""


@pytest.mark.parametrize("rows", [[3, 0, 3], [-1], []])
def test_taken_images_are_those_asked_for(rows):
    images = np.random.default_rng(0).random((5, 3, 3, 2), np.float32)
    taken = aligned_take(images, rows)
    np.testing.assert_array_equal(taken, images[np.array(rows, int)])
    assert is_aligned(taken) or not len(rows)


def test_more_images_than_a_chunk_are_taken_whole():
    images = np.arange(700 * 4, dtype=np.float32).reshape(700, 2, 2, 1)
    rows = np.random.default_rng(1).permutation(700)
    np.testing.assert_array_equal(aligned_take(images, rows), images[rows])


def test_a_row_out_of_range_is_an_error():
    with pytest.raises(LenszooError, match="rows must lie in 0"):
        aligned_take(np.zeros((2, 1), np.float32), [2])


def test_other_types_stay_as_they_are():
    assert aligned_take(np.arange(4), [1, 2]).dtype == np.int64


def test_images_beyond_memory_are_refused_in_one_line():
    one_line("cache=False", lambda: aligned_empty((2**32, 4096, 4096, 1)))


def test_simulated_images_and_their_subsets_are_shared():
    assert is_aligned(sample("common_test_sim", 5, seed=1).images)
    cutouts = sample_cutouts("lens_finding_easy", 5, seed=1, bands=("r", "g"))
    assert is_aligned(cutouts.images) and is_aligned(cutouts.take([2, 1]).images)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no memory to read in /proc")
def test_epochs_leave_no_copy_behind():
    """In a process of its own: what earlier tests have freed and kept would serve the copies."""
    copies = [float(word) for word in printed(EPOCHS)]
    assert len(copies) == 2 and max(copies) < 2
