"""Hard negatives: the highest scores that are no known lenses, as a table to train on."""

import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo import build_model, predict
from lenszoo.data import read_catalogue
from lenszoo.inference.mining import mine
from lenszoo.simulation import sample_cutouts

N = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Cutouts of a sky in g, r and i, their labels in a catalogue, and one broken file."""
    root = tmp_path_factory.mktemp("mining")
    sky = sample_cutouts("lens_finding_hard", N, 3, bands=("g", "r", "i"), columns=())
    rows = ["id,found,tile"]
    for i, (image, label) in enumerate(zip(sky.images, sky.labels, strict=True)):
        np.save(root / f"o{i}.npy", image.transpose(2, 0, 1))
        rows.append(f"o{i},{label},{i // 4}")
    (root / "objects.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    """A file of a small lens finder that has learned nothing."""
    keras.utils.set_random_seed(1)
    model = build_model(
        "lens_finder", input_shape=(64, 64, 3), use="image", width=4, dim=8, heads=1
    )
    path = tmp_path_factory.mktemp("finder") / "finder.keras"
    model.save(path)
    return str(path)


def objects(folder):
    return read_catalogue(folder / "objects.csv", images=folder, label=None, columns=())


def test_the_hardest_are_the_highest_scores(folder, finder):
    read = objects(folder)
    hard = mine(finder, read, 3)
    answers = predict(finder, read)
    best = np.argsort(-answers["logit_lens"].to_numpy())[:3]
    assert hard["id"].to_pylist() == [read.ids[i] for i in best]
    assert hard["kind"].to_pylist() == ["mined"] * 3
    assert (np.diff(hard["logit_lens"].to_numpy()) <= 0).all()
    assert len(mine(finder, read, 100)) == N


def test_what_cannot_be_mined(folder, finder):
    read = objects(folder)
    one_line("at least one object", lambda: mine(finder, read, 0))
    one_line(
        "finds no lenses", lambda: mine(build_model("simple_cnn", input_shape=(64, 64, 3)), read)
    )
    one_line("No column 'truth'", lambda: mine(finder, read, label="truth"))
