"""Catalogues with cutouts: what comes back, and how bad input is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from oneline import one_line

from lenszoo.data import Catalogue, measure_sky, read_catalogue

SIDE = 24


def _fails(message: str, path: Path, **options) -> str:
    return one_line(message, lambda: read_catalogue(path, **options))


@pytest.fixture
def survey(tmp_path) -> Callable[..., Path]:
    """Return a maker of a CSV beside cubes 1.npy, 2.npy ... of (3, SIDE, SIDE)."""

    def make(
        text: str = "id,lens,mag,kind\n2,1,20.5,a\n1,0,,b\n3,1,19,c\n", images=(1, 2, 3)
    ) -> Path:
        rng = np.random.default_rng(0)
        (tmp_path / "cubes").mkdir()
        for i in images:
            np.save(tmp_path / "cubes" / f"{i}.npy", i + rng.random((3, SIDE, SIDE)))
        (tmp_path / "survey.csv").write_text(text)
        return tmp_path / "survey.csv"

    return make


def test_a_csv_beside_cubes(survey):
    cutouts = read_catalogue(survey(), label="lens")
    assert cutouts.ids == ("2", "1", "3")
    assert cutouts.images.shape == (3, SIDE, SIDE, 3)
    assert cutouts.images.dtype == cutouts.table.dtype == np.float32
    assert [int(image.min()) for image in cutouts.images] == [2, 1, 3]
    assert cutouts.columns == ("mag",)
    np.testing.assert_array_equal(cutouts.table[:, 0], np.float32([20.5, np.nan, 19]))
    assert cutouts.labels.tolist() == [1, 0, 1]
    assert cutouts.labels.dtype == np.int32
    assert cutouts.class_names == ("nonlens", "lens")
    assert cutouts.class_counts() == {"nonlens": 1, "lens": 2}
    assert cutouts.bad_counts.tolist() == [0, 0, 0]
    assert cutouts.notes == ("Column 'kind' holds no numbers and was left out of the table.",)
    facts = cutouts.describe()
    assert facts["missing_values"] == 1
    assert len(facts["sha256"]) == 64
    assert "3, 24x24x3, 1 columns" in repr(cutouts)


def test_rows_can_be_taken(survey):
    cutouts = read_catalogue(survey(), label="lens").take([2, 0])
    assert cutouts.ids == ("3", "2")
    assert cutouts.labels.tolist() == [1, 1]
    assert cutouts.images.shape[0] == len(cutouts.table) == len(cutouts.bad_counts) == 2


def test_parquet_in_another_folder_and_the_table_alone(survey, tmp_path):
    survey()
    (tmp_path / "tables").mkdir()
    path = tmp_path / "tables" / "survey.parquet"
    table = {"ID": [1, 2], "is_lens": [False, True], "mag": [20.0, None], "n": [3, 4]}
    pq.write_table(pa.table(table), path)
    cutouts = read_catalogue(path, images=tmp_path / "cubes", label="is_lens")
    assert cutouts.labels.tolist() == [0, 1]
    assert cutouts.columns == ("mag", "n")
    alone = read_catalogue(path, table_only=True)
    assert alone.images is None
    assert alone.labels is None
    assert alone.columns == ("mag", "n")
    assert "looks like a label" in alone.notes[0]
    assert alone.describe()["image_shape"] is None


def test_columns_in_the_order_asked_for(survey):
    path = survey("id,a,b,c\n1,1,2,3\n")
    assert read_catalogue(path, columns=["c", "a"]).table.tolist() == [[3, 1]]
    assert read_catalogue(path, columns=[]).table.shape == (1, 0)


def test_the_bands_of_cubes_may_be_named(survey):
    path = survey()
    assert read_catalogue(path).bands == ()
    assert read_catalogue(path, bands=["g", "r", "i"]).bands == ("g", "r", "i")
    named = read_catalogue(path, pattern="cubes/{id}.npy")
    np.testing.assert_array_equal(named.images, read_catalogue(path).images)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("name,mag\n1,2\n", {}, "no column 'id'; the columns are: name, mag"),
        ("id,mag\n1,2\n", {"id": "ID"}, "no column 'ID'"),
        ("id,mag\n1,2\n", {"label": "lens"}, "no column 'lens'"),
        ("id,mag\n1,2\n", {"columns": ["mag", "z"]}, "no column 'z'"),
        ("id,mag\n1,faint\n", {"columns": ["mag"]}, "line 2 has 'faint' in column 'mag'"),
        ("id,y\n1,1\n", {"label": "y", "columns": ["y"]}, "names 'y', which is the label"),
        ("id,y\n1,1\n", {"columns": ["id"]}, "names 'id', which is the id"),
        ("id,y\n1,1\n", {"columns": ["y", "y"]}, "there twice"),
        ("id,y\n1,1\n2,maybe\n", {"label": "y"}, "line 3 has label 'maybe' in column 'y'"),
        ("id,y\n1,1\n1,0\n", {}, "id '1' occurs more than once"),
        ("id,y\n1,1\n,0\n", {}, "line 3 has no value in column 'id'"),
        ("id,y\n", {}, "the table has no rows"),
        ("", {}, "no column 'id'"),
        ("id,y\n1,1\n9,0\n", {}, "id '9' has no image (1 of 2 objects"),
        ("id,y\n8,1\n9,0\n", {"on_missing": "skip"}, "2 of 2 objects"),
        ("id,y\n1,1\n", {"on_missing": "ignore"}, "Legal: blank, raise, skip"),
        ("id,y\n1,1\n", {"on_bad": "ignore"}, "Legal: fill, raise, skip, zero"),
        ("id,y\n1,1\n", {"sky": "mean"}, "Legal: border, median"),
        ("id,y\n1,1\n", {"layout": "bologna"}, "Legal: bologna_ground, bologna_space"),
        ("id,y\n1,1\n", {"bands": ["g", "r"]}, "3 bands, but bands= names 2 (g, r)"),
        ("id,y\n1,1\n", {"size": (32, 32)}, "but 32 x 32 pixels is expected"),
    ],
)
def test_bad_input_is_refused_in_one_line(survey, text, options, message):
    _fails(message, survey(text), **options)


def test_half_written_parquet(survey, tmp_path):
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[: len(whole) // 2])
    _fails("t.parquet: not a Parquet file, or a damaged one", tmp_path / "t.parquet")


def test_images_without_a_row_are_told_of(survey):
    cutouts = read_catalogue(survey("id,mag\n3,1\n"))
    assert "Images that belong to no row of the table: 2 (the first: cubes/1)." in cutouts.notes


def test_skipped_images_take_their_rows_along(survey, tmp_path):
    path = survey()
    np.save(tmp_path / "cubes" / "1.npy", np.full((3, SIDE, SIDE), np.nan))
    _fails("1.npy: 1728 NaN", path, label="lens")
    cutouts = read_catalogue(path, label="lens", on_bad="skip")
    assert cutouts.ids == ("2", "3")
    assert cutouts.labels.tolist() == [1, 1]
    assert cutouts.table[:, 0].tolist() == [20.5, 19]
    zero = read_catalogue(path, label="lens", on_bad="fill")
    assert zero.bad_counts.tolist() == [0, 3 * SIDE * SIDE, 0]
    assert not zero.images[1].any()
    assert "Images with bad pixels (on_bad='fill'): 1." in zero.notes


def test_the_sky_is_subtracted_before_bad_pixels_are_mended(survey, tmp_path):
    path = survey("id\n1\n")
    rng = np.random.default_rng(0)
    image = (500 + rng.normal(0, 1, (3, SIDE, SIDE))).astype(np.float32)
    image[:, 5, 5] = np.nan
    np.save(tmp_path / "cubes" / "1.npy", image)
    for method in ("border", "median"):
        cutouts = read_catalogue(path, sky=method, on_bad="zero")
        assert np.abs(measure_sky(cutouts.images, method).level).max() < 1e-3
        assert not cutouts.images[0, 5, 5].any()


@pytest.mark.parametrize("blank", ["nan", "", "N/A"])
def test_an_object_without_a_group_is_one_by_itself(tmp_path, blank):
    (tmp_path / "a.csv").write_text(f"id,group\n1,x\n2,{blank}\n3,{blank}\n4,x\n")
    groups = Catalogue(tmp_path / "a.csv").rows().groups
    assert groups[0] == groups[3] and len(set(groups)) == 3
