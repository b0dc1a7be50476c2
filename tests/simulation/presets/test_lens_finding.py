import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from oneline import one_line

from lenszoo.simulation import (
    SimulatedDataset,
    get_preset,
    sample,
    sample_scenes,
    write_dataset,
)
from lenszoo.simulation.presets.lens_finding import KIDS
from lenszoo.simulation.survey import flux

NAME = "lens_finding_easy"
SEED = 3


@pytest.fixture(scope="module")
def sky():
    return sample(NAME, 64, seed=SEED)


def test_shapes_bands_and_labels(sky):
    preset = get_preset(NAME)
    assert (preset.bands, preset.zero_point) == (("u", "g", "r", "i"), 25.0)
    assert sky.images.shape == (64, 64, 64, 4) and sky.images.dtype == np.float32
    assert np.isfinite(sky.images).all()
    assert sky.class_names == ("nonlens", "lens") and sky.labels.tolist() == [0, 1] * 32
    assert ((sky.truth["kind"] == "lens") == (sky.labels == 1)).all()
    assert get_preset("lens_finding_hard_vis").image_shape == (101, 101, 1)


def test_truth_of_lenses_is_nan_for_others(sky):
    lens = sky.labels == 1
    of_lenses = ["einstein_radius", "z_lens", "z_source", "gamma1", "lens_e1", "source_x"]
    of_lenses += ["lens_magnitude_r", "source_magnitude_u", *get_preset(NAME).measured]
    for name in of_lenses:
        assert np.isfinite(sky.truth[name][lens]).all() and np.isnan(sky.truth[name][~lens]).all()
    assert np.isfinite(sky.truth["central_magnitude_r"]).all()
    radius = sky.truth["einstein_radius"][lens]
    assert radius.min() >= 1.0 and radius.max() <= 3.0


def test_lenses_are_findable(sky):
    """The draw estimates what the renderer then measures."""
    lens = sky.labels == 1
    assert np.quantile(sky.truth["arc_signal_to_noise"][lens], 0.05) > 0.7 * 40
    assert np.quantile(sky.truth["arc_contrast"][lens], 0.05) > 0.7 * 0.12
    assert (sky.truth["magnification"][lens] > 2.5).all()


def test_a_scene_does_not_depend_on_its_batch(sky):
    again = sample_scenes(NAME, [50, 7, 8], SEED)
    np.testing.assert_array_equal(again.images, sky.images[[50, 7, 8]])
    for name, values in again.truth.items():
        np.testing.assert_array_equal(values, sky.truth[name][[50, 7, 8]])


def test_flux_of_a_bright_elliptical_is_its_magnitude(sky):
    """Light in the frame, noise and neighbours included, is about that of the drawn magnitude."""
    rows = np.flatnonzero(sky.truth["kind"] == "elliptical")
    rows = rows[sky.truth["central_magnitude_i"][rows] < 18.5]
    assert len(rows) > 2
    for band, name in enumerate("ugri"):
        if name == "u":
            continue  # too faint
        ratio = sky.images[rows, ..., band].sum(axis=(1, 2))
        ratio /= flux(sky.truth[f"central_magnitude_{name}"][rows])
        assert np.median(ratio) == pytest.approx(0.93, abs=0.1)


def test_stream_turns_all_bands_together():
    dataset = SimulatedDataset(NAME, 8, seed=SEED, batch_size=8, augment="d4")
    plain = sample(NAME, 8, seed=SEED)
    images, labels = dataset[0]
    assert images.shape == (8, 64, 64, 4) and labels.tolist() == [0, 1] * 4
    assert dataset.shapes == ((64, 64, 4), ())
    np.testing.assert_array_equal(
        np.sort(images.reshape(8, -1, 4), axis=1), np.sort(plain.images.reshape(8, -1, 4), axis=1)
    )


def test_dataset_on_disk(tmp_path, sky):
    done = write_dataset(NAME, tmp_path / "set", n_train=6, n_val=2, seed=SEED)
    assert done.counts["train"] == {"nonlens": 3, "lens": 3}
    image = np.load(tmp_path / "set/train/lens/2.npy")
    assert image.shape == (4, 64, 64)
    np.testing.assert_array_equal(np.moveaxis(image, 0, -1), sky.images[3])
    table = pq.read_table(done.truth).to_pydict()
    assert table["kind"][:6] == sky.truth["kind"][:6].tolist()
    facts = json.loads((tmp_path / "set/dataset.json").read_text())
    assert facts["bands"] == ["u", "g", "r", "i"] and facts["zero_point"] == 25.0
    one_line(
        "not in [0, 1], as PNG needs; use npy",
        lambda: write_dataset(NAME, tmp_path / "png", n_train=2, n_val=0, format="png"),
    )


ON_JAX = """
import sys
import numpy as np
from lenszoo.simulation import sample
drawn = sample(sys.argv[1], 6, int(sys.argv[2]))
np.savez(sys.argv[3], images=drawn.images, arcs=drawn.truth["arc_signal_to_noise"])
"""


@pytest.mark.slow
def test_the_other_backend_sees_the_same_sky(tmp_path, sky):
    path = tmp_path / "images.npz"
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX, NAME, str(SEED), str(path)],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = np.load(path)
    noise = KIDS.noise
    scale = np.abs(sky.images[:6]).max(axis=(1, 2), keepdims=True) + noise
    assert (np.abs(theirs["images"] - sky.images[:6]) / scale).max() < 1e-4
    np.testing.assert_allclose(theirs["arcs"], sky.truth["arc_signal_to_noise"][:6], rtol=1e-3)
