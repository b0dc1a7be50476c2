import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from oneline import one_line

from lenszoo.data import read_image
from lenszoo.data.names import galaxy_kind
from lenszoo.simulation import (
    PaintLaw,
    make_stamps,
    paint,
    simulate_galaxies,
    write_paintings,
)
from lenszoo.simulation.paint_split import split_sides

SMALL = PaintLaw(einstein_radius_arcsec=(0.8, 2.4))


@pytest.fixture(scope="module")
def galaxies():
    return simulate_galaxies("cfhtls_gri", 10, seed=3)


@pytest.fixture(scope="module")
def painted(galaxies, tmp_path_factory):
    out = tmp_path_factory.mktemp("painted") / "out"
    return write_paintings(galaxies, out, n_train=16, n_val=4, seed=5, law=SMALL)


def test_no_galaxy_is_on_both_sides(painted):
    rows = pq.read_table(painted.path / "truth.parquet").to_pylist()
    sides = {
        side: {row["galaxy"] for row in rows if row["split"] == side} for side in painted.counts
    }
    assert not sides["train"] & sides["val"]
    assert {len(side) for side in sides.values()} == {8, 2}
    for side, counts in painted.counts.items():
        assert counts["nonlens"] == len(sides[side])
        assert counts["lens"] + _given_up(painted, side) == {"train": 16, "val": 4}[side]


def _given_up(painted, side):
    rows = list(csv.DictReader((painted.path / "not_painted.csv").open()))
    assert len(rows) == painted.not_painted
    return sum(row["split"] == side for row in rows)


def test_images_and_truth(painted, galaxies):
    rows = pq.read_table(painted.path / "truth.parquet").to_pylist()
    (train, _), _ = split_sides(galaxies, None, 0.2)
    lenses = paint(train, 16, seed=5, law=SMALL)
    images = dict(zip(lenses.index.tolist(), lenses.images, strict=True))
    for row in rows:
        image = read_image(str(painted.path / row["path"]))
        if row["label"] == 0:
            expected = galaxies.images[galaxies.ids.index(row["galaxy"])]
            assert row["einstein_radius"] is None
        elif row["split"] == "val":
            continue
        else:
            expected = images[row["index"]]
            assert len(row["image_x"]) == row["images"]
        np.testing.assert_array_equal(image, expected)
    facts = json.loads((painted.path / "dataset.json").read_text())
    assert facts["survey"]["name"] == "cfhtls_gri" and facts["zero_point"] == 30.0
    assert PaintLaw.model_validate(facts["law"]) == SMALL


def test_stamps_of_sources_are_on_one_side(galaxies, tmp_path):
    x, y = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41))
    stamps = make_stamps([np.exp(-np.hypot(x, y) / r) for r in (4.0, 5.0, 6.0)], ["a", "b", "c"])
    law = SMALL.model_copy(update={"arc_signal_to_noise": 0.0, "arc_contrast": 0.0})
    done = write_paintings(
        galaxies, tmp_path / "sky", n_train=6, n_val=3, seed=1, law=law, stamps=stamps
    )
    rows = pq.read_table(done.path / "truth.parquet").to_pylist()
    used = {
        split: {row["source_stamp"] for row in rows if row["split"] == split and row["label"]}
        for split in ("train", "val")
    }
    assert all(used.values()) and not used["train"] & used["val"]
    assert used["train"] | used["val"] <= {"a", "b", "c"}


def test_bad_input(galaxies, painted, tmp_path):
    def write(out, **options):
        return lambda: write_paintings(galaxies, out, **{"n_train": 2, "n_val": 0} | options)

    one_line("is not empty", write(painted.path))
    one_line("make no dataset", write(tmp_path / "none", n_train=0))
    hard = PaintLaw(arc_signal_to_noise=1e6, tries=3)
    line = one_line("Not one of 2 lenses passes", write(tmp_path / "hard", law=hard))
    assert "arcs below a signal-to-noise of 1e+06" in line


def test_galaxies_of_a_kind_are_no_hosts_and_lenses_no_non_lenses(galaxies, tmp_path):
    from dataclasses import replace

    cells = ["", "Lens", "spiral", "host", "", "lenses", "", "", "spiral", ""]
    kinds = np.array([galaxy_kind(cell) for cell in cells], object)
    known = replace(galaxies, kinds=kinds)
    assert known.hosts().ids == ("0", "3", "4", "6", "7", "9")
    assert known.non_lenses().ids == ("0", "2", "3", "4", "6", "7", "8", "9")
    assert galaxies.hosts() is galaxies.non_lenses() is galaxies
    done = write_paintings(known, tmp_path / "out", n_train=12, n_val=0, seed=2, law=SMALL)
    rows = pq.read_table(done.path / "truth.parquet").to_pylist()
    by_class = {
        name: {row["galaxy"] for row in rows if row["class"] == name}
        for name in done.counts["train"]
    }
    assert by_class["nonlens"] == set(known.non_lenses().ids)
    assert by_class["lens"] <= set(known.hosts().ids) and len(by_class["lens"]) > 3
    one_line("none to paint on", replace(galaxies, kinds=np.full(10, "ring", object)).hosts)
