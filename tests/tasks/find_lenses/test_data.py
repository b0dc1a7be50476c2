"""Training data of lens finding: a sky that is held, or never repeats."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.metrics.shortcut import shortcut_baseline
from lenszoo.simulation import simulate_galaxies, write_paintings
from lenszoo.tasks.find_lenses.data import open_lenses
from lenszoo.tasks.find_lenses.recipe import LensData
from lenszoo.tasks.find_lenses.task import FindLensesTask
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


@pytest.mark.parametrize(("part", "other"), [("validation", "train"), ("training", "val")])
def test_a_part_of_one_class_is_told_before_training(part, other, tmp_path):
    rng = np.random.default_rng(0)
    for place in ("train/lens", "val/lens", f"{other}/nonlens"):
        (tmp_path / place).mkdir(parents=True)
        for k in range(3):
            np.save(tmp_path / place / f"{k}.npy", rng.random((1, 12, 12)))
    data = LensData(directory=str(tmp_path))
    message = f"The {part} examples show nothing of nonlens"
    one_line(message, lambda: open_lenses(data, "image", 0))


def test_a_painted_folder_says_what_its_images_are(tmp_path):
    out = tmp_path / "painted"
    done = write_paintings(simulate_galaxies("kids_ugri", 6, 1), out, n_train=20, n_val=6)
    recipe = {"task": "find_lenses", "use": "image", "model": "lens_finder", "epochs": 1}
    task = FindLensesTask(Recipe(**recipe, data={"directory": str(out)}))
    facts = task.identity()
    counts = done.counts["train"]
    assert facts["bands"] == ["u", "g", "r", "i"] and facts["pixel_scale"] == 0.2
    assert facts["prevalence"] == counts["lens"] / sum(counts.values()) > 0.6
    point = simulate_galaxies("kids_ugri", 1, 1).survey.bands[0].zero_point_mag
    assert facts["inputs"]["zero_point"] == point
    scaled = LensData(directory=str(out), scaling="minmax")
    assert "zero_point" not in open_lenses(scaled, "image", 0).describe


def test_the_baseline_of_a_painted_folder_keeps_galaxies_together(tmp_path):
    """Each galaxy stands there without a lens and with three."""
    out = tmp_path / "painted"
    write_paintings(simulate_galaxies("kids_ugri", 20, 1), out, n_train=48, n_val=12)
    recipe = {"task": "find_lenses", "use": "image", "model": "lens_finder", "epochs": 1}
    task = FindLensesTask(Recipe(**recipe, data={"directory": str(out)}))
    train = task.source.first()
    galaxies = [name.rsplit("/", 1)[1].split("_")[0].removesuffix(".npy") for name in train.ids]
    logits = {"image only": np.linspace(-1, 1, len(train)).astype(np.float32)}
    found = task.score(task.build(), train, logits=logits).metrics["baselines"]
    apart = shortcut_baseline(train.images, train.known_labels(), 2)
    together = shortcut_baseline(train.images, train.known_labels(), 2, groups=galaxies)
    assert found["image statistics"]["auc"] == together.macro_ovr_auc > apart.macro_ovr_auc
