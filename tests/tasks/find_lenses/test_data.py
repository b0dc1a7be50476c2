"""Training data of lens finding: a sky that is held, or never repeats."""

import numpy as np
from oneline import one_line

from lenszoo.tasks.find_lenses.data import open_lenses
from lenszoo.tasks.find_lenses.recipe import LensData
from lenszoo.training import Recipe


def test_a_simulated_sky_held_or_streamed():
    data = {"preset": "lens_finding_easy", "images": 12, "val_images": 4, "columns": ["mag_g"]}
    data["bands"] = ["g", "r"]
    epochs = {}
    for fresh in (False, True):
        checked = Recipe(task="find_lenses", data=data | {"fresh": fresh}).data
        source = open_lenses(checked, "both", 5)
        epochs[fresh] = [source.epoch(e, 12, None)[0] for e in (0, 1)]
        again = source.epoch(1, 12, None)[0]
        assert np.array_equal(again[0]["images"], epochs[fresh][1][0]["images"])
        assert again[0]["images"].shape[1:] == source.image_shape == (64, 64, 2)
    tables = {k: [np.sort(b["table"][:, 0]) for b, _ in v] for k, v in epochs.items()}
    assert np.array_equal(tables[False][0], tables[False][1])  # the same candidates, shuffled
    assert np.array_equal(tables[False][0], tables[True][0])
    assert not np.intersect1d(tables[True][0], tables[True][1]).size
    assert source.validation().truth["scene"].min() >= 2**40


def test_a_stack_of_candidates(tmp_path):
    images = np.random.default_rng(0).random((20, 12, 12, 1))
    np.savez(tmp_path / "s.npz", images=images, labels=np.arange(20) % 2)
    data = LensData(stack=str(tmp_path / "s.npz"))
    source = open_lenses(data, "image", 0)
    assert source.class_names == ("nonlens", "lens") and source.train_images == 16
    assert sorted(source.parts) == ["train", "validation"] and source.image_shape == (12, 12, 1)
    one_line("hold no table", lambda: open_lenses(data, "both", 0))
