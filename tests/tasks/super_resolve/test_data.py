"""Training pairs of a sky."""

import numpy as np

from lenszoo.tasks.super_resolve.data import open_pairs
from lenszoo.training import Recipe


def test_streamed_pairs_never_repeat():
    source = open_pairs(
        Recipe(
            task="super_resolve",
            model="srcnn",
            batch_size=8,
            data={"preset": "sr_75_150", "images": 4, "patches": 4, "val_images": 2},
        )
    )
    first, second = source.epoch(0)[0], source.epoch(1)[0]
    assert first[0].shape == (8, 24, 24, 1)
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], source.epoch(0)[0][1])
    held = source.validation()
    assert held.truth["noiseless"].shape == held.targets.shape == (2, 150, 150, 1)
