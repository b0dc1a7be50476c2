"""Training pairs of a sky."""

import numpy as np
import pytest

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


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_copies_of_a_fine_image_stay_on_one_side(tmp_path, noise):
    """Each coarse image has noise of its own."""
    rng = np.random.default_rng(0)
    for k in range(10):
        image = rng.random((1, 24, 24))
        for copy in "ab":
            np.save(tmp_path / f"{k}{copy}.npy", image)
    data = {"high": str(tmp_path), "patch": 8, "degrade": {"noise": noise}}
    source = open_pairs(Recipe(task="super_resolve", model="srcnn", batch_size=4, data=data))
    sides = [{name[:-1] for name in source.parts[part].ids} for part in ("train", "validation")]
    assert sides[0] and sides[1] and not sides[0] & sides[1]
