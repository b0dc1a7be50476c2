"""Realism: copies cannot be told apart, other skies can, and what cannot be compared is refused."""

import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo import build_model, realism
from lenszoo.data import Dataset

pytestmark = pytest.mark.usefixtures("blank_figures")
SIZE = 24


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(2)
    options = {"use": "image", "width": 4, "dim": 8, "heads": 2}
    return build_model("lens_finder", input_shape=(SIZE, SIZE, 2), **options)


def sky(seed, n=40, ring=0.0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    radius = rng.uniform(5, 8, (n, 1, 1))
    light = ring * np.exp(-0.5 * (np.hypot(x, y) - radius) ** 2)[..., None]
    return (rng.normal(size=(n, SIZE, SIZE, 2)) + light).astype(np.float32)


def test_images_of_one_sky_cannot_be_told_apart(network):
    m = realism(sky(1), sky(2), network, seed=1).metrics
    assert (m["real"], m["painted"]) == (40, 40)
    assert m["probe_interval"][0] < 0.5 < m["probe_interval"][1] < 0.85
    assert m["frechet_interval"][0] < m["frechet_floor"] < m["frechet_interval"][1]


def test_images_of_another_sky_can(network):
    report = realism(sky(1), sky(2, ring=4.0), network, seed=1)
    m = report.metrics
    assert m["probe_auc"] > 0.95 and m["probe_interval"][0] > 0.8
    assert m["statistics_auc"] > 0.95 and m["frechet"] > 2 * m["frechet_floor"]
    assert any("Image statistics tell the two apart" in note for note in report.notes)


def test_lenses_painted_on_few_galaxies_are_told_apart_by_none_of_them(network):
    # each galaxy has a look of its own, of one law for both kinds
    def shown(seed, galaxies, n):
        rng = np.random.default_rng(seed)
        looks, of = rng.normal(0, 2, (galaxies, 1, 1, 2)), np.arange(n) % galaxies
        images = (sky(seed, n) + looks[of] + 3 * sky(seed + 9, galaxies)[of]).astype(np.float32)
        return images, np.array([f"g{k}" for k in of])

    real, _ = shown(1, 60, 60)
    painted, galaxies = shown(2, 8, 60)
    alone = realism(real, painted, network, seed=1).metrics
    ids = tuple(f"{name}_lens{i}" for i, name in enumerate(galaxies))
    report = realism(real, Dataset(ids, painted, groups=galaxies), network, seed=1)
    m = report.metrics
    assert alone["statistics_auc"] > 0.8 > m["statistics_auc"]
    assert np.diff(m["probe_interval"]) > np.diff(alone["probe_interval"])
    assert any("The 60 painted images show 8 galaxies" in note for note in report.notes)
    one = Dataset(ids, painted, groups=np.full(60, "g"))
    one_line("All painted images show one galaxy", lambda: realism(real, one, network))


def test_it_repeats(network):
    first, second = (realism(sky(1), sky(2), network, seed=5).metrics for _ in range(2))
    assert first == second


def test_a_page_and_what_was_left_out(network, tmp_path, check_self_contained):
    holes = sky(3, n=14)
    holes[2, 0, 0] = np.nan
    report = realism(holes, sky(4, n=12), network, on_bad="skip")
    assert report.metrics["real"] == 13
    assert any("1 of 14 real images were left out" in note for note in report.notes)
    page = report.save(tmp_path).read_text()
    check_self_contained(page)
    assert {path.stem for path in tmp_path.glob("*.png")} == {"telling", "scores"}


def test_bad_input(network):
    one_line("9 real images", lambda: realism(sky(1, n=9), sky(2), network))
    one_line("9 painted images", lambda: realism(sky(1), sky(2, n=9), network))
    one_line("takes 2", lambda: realism(sky(1), sky(2)[..., :1], network))
    one_line("24 x 24", lambda: realism(sky(1), sky(2)[:, :20, :20], network))
    bad = sky(1)
    bad[7, 3, 3] = np.inf
    one_line("image 7", lambda: realism(bad, sky(2), network))
    table = build_model("lens_finder", use="table", columns=["a"], dim=8, heads=2)
    one_line("table", lambda: realism(sky(1), sky(2), table))


def test_folders_of_non_lenses_are_refused(network, tmp_path):
    for name in ("lens", "nonlens"):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i, image in enumerate(sky(4, n=12)):
            np.save(tmp_path / "train" / name / f"{i}.npy", np.moveaxis(image, -1, 0))
    message = "12 of the 24 painted images lie in folders of non-lenses"
    one_line(message, lambda: realism(sky(1), str(tmp_path), network))
    alone = realism(sky(1), str(tmp_path / "train" / "lens"), network)
    assert alone.metrics["painted"] == 12
