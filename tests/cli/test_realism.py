"""lenszoo realism: two sets of images to a page, and what it refuses."""

import json

import keras
import numpy as np
import pytest

from lenszoo import build_model

pytestmark = pytest.mark.usefixtures("own_manifest", "blank_figures")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two stacks of 12 images, one of other size, and a network that learned nothing."""
    root, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    for name, size in (("real", 20), ("painted", 20), ("small", 16)):
        np.save(root / f"{name}.npy", rng.normal(size=(12, size, size, 2)).astype(np.float32))
    keras.utils.set_random_seed(2)
    options = {"use": "image", "width": 4, "dim": 8, "heads": 2}
    build_model("lens_finder", input_shape=(20, 20, 2), **options).save(root / "net.keras")
    return root


def test_a_page(lenszoo, refused, files, tmp_path):
    command = ("realism", files / "real.npy", files / "painted.npy", "--weights")
    out = ("--out", tmp_path / "out")
    shown = lenszoo(*command, files / "net.keras", *out).stdout
    assert "A linear probe tells 12 painted lenses from 12 real" in shown
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["kind"] == "realism" and 0 <= report["metrics"]["probe_auc"] <= 1
    assert "is not empty" in refused(*command, files / "net.keras", *out)
    lenszoo(*command, files / "net.keras", *out, "--overwrite")


@pytest.mark.parametrize(
    ("painted", "weights", "message"),
    [
        ("small.npy", "net.keras", "20 x 20"),
        ("nowhere.npy", "net.keras", "nowhere.npy"),
        ("painted.npy", "no.keras", "no.keras"),
    ],
)
def test_bad_input_is_refused_in_one_line(refused, files, tmp_path, painted, weights, message):
    line = refused(
        "realism", files / "real.npy", files / painted, "--weights", files / weights,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert message in line
