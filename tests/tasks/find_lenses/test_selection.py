"""Selection function: lenses in their bins, a stopped call that goes on, and bad input."""

import dataclasses
import json

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
from oneline import one_line

from lenszoo import build_model, completeness
from lenszoo.simulation import PaintLaw, get_survey, simulate_galaxies

AXES = ["einstein_radius=1,1.5,2", "source_magnitude=22,23,24", "lens_magnitude=15,19,24"]
pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture(scope="module")
def survey():
    return get_survey("cfhtls_gri").sized(32)


@pytest.fixture(scope="module")
def galaxies(survey):
    return simulate_galaxies(survey, 12, seed=4)


@pytest.fixture(scope="module")
def finder(galaxies):
    keras.utils.set_random_seed(1)
    options = {"width": 4, "dim": 8, "heads": 2, "use": "image", "stretch": "noise"}
    return build_model("lens_finder", input_shape=(32, 32, 3), **options)


@pytest.fixture(scope="module")
def measured(finder, survey, galaxies, tmp_path_factory):
    out = tmp_path_factory.mktemp("selection") / "whole"
    return completeness(finder, survey, galaxies, out, axes=AXES, per_bin=5, batch_size=8), out


def test_every_lens_lies_in_its_bin(measured):
    table, out = measured
    assert len(table) == 8 and pq.read_table(out / "completeness.parquet").equals(table)
    lenses = pq.read_table(out / "lenses.parquet").to_pylist()
    assert len(lenses) == 40
    rows = table.to_pylist()
    for lens in lenses:
        if lens["floor"] is None:
            row = rows[lens["bin"]]
            for name in ("einstein_radius", "source_magnitude", "lens_magnitude"):
                assert row[f"{name}_low"] <= lens[name] <= row[f"{name}_high"]
    assert sum(row["lenses"] for row in rows) == sum(x["floor"] is None for x in lenses) > 20
    assert (out / "report.html").is_file() and (out / "report.json").is_file()


def test_galaxies_that_the_weights_learned_from_are_told_of(tmp_path):
    weights, galaxies = "lens_finder.cfhtls_gri_painted", simulate_galaxies("cfhtls_gri", 6, seed=1)
    axes = ["einstein_radius=1,2"]
    table = completeness(weights, "cfhtls_gri", galaxies, tmp_path / "w1", axes=axes, per_bin=2)
    facts = json.loads(table.schema.metadata[b"lenszoo"])
    assert any("learned from 118 real galaxies" in note for note in facts["notes"])
    assert facts["preparing"] == {"zero_point": 25.0}


def test_the_threshold_decides(finder, survey, galaxies, measured):
    _, out = measured
    for threshold, share in ((-1e6, 1.0), (1e6, 0.0)):
        table = completeness(
            finder, survey, galaxies, out, axes=AXES, per_bin=5, batch_size=8, threshold=threshold
        )
        assert {row["completeness"] for row in table.to_pylist() if row["lenses"]} == {share}


def test_a_stopped_call_goes_on_to_the_same_table(finder, survey, galaxies, measured, tmp_path):
    given = {"axes": AXES, "per_bin": 5, "batch_size": 8}

    def stop(done, total):
        if done >= 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        completeness(finder, survey, galaxies, tmp_path / "cut", **given, progress=stop)
    parts = sorted((tmp_path / "cut" / "parts").iterdir())
    assert len(parts) == 3 and not (tmp_path / "cut" / "completeness.parquet").exists()
    parts[1].write_bytes(b"damaged")
    ages = [part.stat().st_mtime_ns for part in (parts[0], parts[2])]
    table = completeness(finder, survey, galaxies, tmp_path / "cut", **given)
    assert ages == [part.stat().st_mtime_ns for part in (parts[0], parts[2])]
    assert table.to_pylist() == measured[0].to_pylist()
    whole, cut = (
        pq.read_table(folder / "lenses.parquet") for folder in (measured[1], tmp_path / "cut")
    )
    assert whole.to_pylist() == cut.to_pylist()
    one_line(
        "holds another selection function (per_bin: 5 there, 6 here)",
        lambda: completeness(finder, survey, galaxies, tmp_path / "cut", axes=AXES, per_bin=6),
    )
    heavier = dataclasses.replace(galaxies, velocity_dispersion=1.2 * galaxies.velocity_dispersion)
    one_line(
        "holds another selection function (galaxies_sha256",
        lambda: completeness(finder, survey, heavier, tmp_path / "cut", **given),
    )


def test_the_order_of_axes_belongs_to_a_selection_function(finder, survey, galaxies, measured):
    one_line(
        "holds another selection function (axes",
        lambda: completeness(
            finder, survey, galaxies, measured[1], axes=AXES[::-1], per_bin=5, batch_size=8
        ),
    )


def test_a_bin_without_a_lens_is_told(finder, survey, galaxies, tmp_path):
    law = PaintLaw(arc_contrast=1e6, tries=2)
    table = completeness(
        finder, survey, galaxies, tmp_path, law=law, axes=["einstein_radius=1,2,3"], per_bin=3
    )
    for row in table.to_pylist():
        assert row["lenses"] == row["found"] == 0 and row["completeness"] is None
        assert "arcs fainter than 1e+06" in row["floor"]
    assert "nothing was measured" in (tmp_path / "report.html").read_text()


def test_a_bin_without_a_lens_stands_beside_one_with(finder, survey, galaxies, tmp_path):
    axes = ["einstein_radius=0.1,0.2,1.5,2"]
    law = PaintLaw(tries=20)
    table = completeness(finder, survey, galaxies, tmp_path, law=law, axes=axes, per_bin=4)
    none, _, wide = table.to_pylist()
    assert none["lenses"] == 0 and none["completeness"] is None and "images nearer" in none["floor"]
    assert wide["lenses"] > 0
    lenses = pq.read_table(tmp_path / "lenses.parquet")
    assert [str(lenses.schema.field(name).type) for name in ("id", "tries")] == ["string", "int64"]


def test_any_column_of_the_truth(finder, survey, galaxies, tmp_path):
    table = completeness(
        finder, survey, galaxies, tmp_path, axes=["magnification=3,6,100"], per_bin=8, batch_size=8
    )
    lenses = pq.read_table(tmp_path / "lenses.parquet")["magnification"].to_numpy()
    inside = [((lenses >= low) & (lenses < high)).sum() for low, high in ((3, 6), (6, 100))]
    assert table["lenses"].to_pylist() == inside


def test_bad_input(finder, survey, galaxies, tmp_path):
    def run(model=finder, of=survey, hosts=galaxies, out=tmp_path / "new", **more):
        return lambda: completeness(model, of, hosts, out, axes=AXES, **more)

    one_line("per_bin is 0", run(per_bin=0))
    one_line("The threshold is nan", run(threshold=float("nan")))
    one_line("false-positive rate is 1", run(false_positive_rate=1.0))
    one_line("galaxies are of cfhtls_gri, not of des_grizY", run(of="des_grizY"))
    misspelt = {"axes": ["magnificaton=1,2"]}
    one_line(
        "magnification",
        lambda: completeness(finder, survey, galaxies, tmp_path / "new", **misspelt),
    )
    other = build_model("lens_finder", input_shape=(32, 32, 4), use="image", width=4, dim=8)
    one_line("bands", run(model=other))
    plain = build_model("simple_cnn", input_shape=(32, 32, 3), num_classes=3)
    one_line("selection function is that of a finder", run(model=plain))
    holes = galaxies.images.copy()
    holes[3, 4, 4] = np.nan
    one_line("NaN", run(hosts=dataclasses.replace(galaxies, images=holes)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    one_line("thesis.txt and no selection function", run(out=tmp_path / "full"))
