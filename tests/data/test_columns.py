"""Labels and numbers of a table of objects."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from oneline import one_line

from lenszoo.data import read_catalogue


@pytest.fixture
def survey(tmp_path) -> Callable[..., Path]:
    """Return a maker of a table in a file."""

    def make(text: str = "id\n1\n") -> Path:
        (tmp_path / "survey.csv").write_text(text)
        return tmp_path / "survey.csv"

    return make


def read_rows(path: Path, **options):
    return read_catalogue(path, table_only=True, **options)


def _fails(message: str, path: Path, **options) -> str:
    return one_line(message, lambda: read_rows(path, **options))


def test_missing_and_infinite_values(survey):
    path = survey("id,a,b,c\n1,-99,inf,1e300\n2,5,null,2\n3,N/A,4,3\n")
    cutouts = read_rows(path, missing_values=[-99])
    expected = [[np.nan, np.nan, np.nan], [5, np.nan, 2], [np.nan, 4, 3]]
    np.testing.assert_array_equal(cutouts.table, expected)
    assert "Infinite values in column 'b', now missing: 1." in cutouts.notes
    assert "Infinite values in column 'c', now missing: 1." in cutouts.notes


def test_missing_values_of_columns_in_single_precision(survey, tmp_path):
    survey()
    magnitudes = pa.array([20.5, -99.9, 1e20], pa.float32())
    pq.write_table(pa.table({"id": ["1", "2", "3"], "mag": magnitudes}), tmp_path / "t.parquet")
    given = {"missing_values": [-99.9, 1e20, 1e300]}
    cutouts = read_rows(tmp_path / "t.parquet", **given)
    np.testing.assert_array_equal(cutouts.table[:, 0], np.float32([20.5, np.nan, np.nan]))


def test_columns_that_tell_nothing_are_told_of(survey):
    cutouts = read_rows(survey("id,a,b,c,d\n1,5,,1,\n2,5,,2,3\n3,,,1,3\n"))
    assert cutouts.columns == ("a", "b", "c", "d")
    assert [note.split()[1] for note in cutouts.notes] == ["'a'", "'b'", "'d'"]


@pytest.mark.parametrize(
    ("no", "yes"),
    [("0", "1"), ("False", "true"), ("nonlens", "lens"), ("NoLens", "LENS"), ("0.0", "1.0")],
)
def test_labels_in_many_words(survey, no, yes):
    path = survey(f"id,what\n1,{yes}\n2,{no}\n")
    assert read_rows(path, label="what").labels.tolist() == [1, 0]


def test_objects_without_a_label(survey):
    path = survey("id,y\n1,1\n2,\n3,0\n")
    text = _fails("line 3 has no label in column 'y'", path, label="y")
    assert "unlabelled=True" in text
    cutouts = read_rows(path, label="y", unlabelled=True)
    assert cutouts.labels.tolist() == [1, -1, 0]
    assert cutouts.class_counts() == {"nonlens": 1, "lens": 1}


def test_positions_times_tiles_and_indices_are_no_features(survey):
    header = ",id,ID,RA,dec,tile,MJD,object_id,Unnamed: 0,flux,size,group"
    row = "{0},{0},{1},{0}.5,-{0}.25,3,59000.{0},{0},{0},{0}.75,{2},g{3}"
    rows = [row.format(i, i + 7, i % 3, i // 2) for i in range(5)]
    cutouts = read_rows(survey("\n".join([header, *rows]) + "\n"))
    assert cutouts.ids == tuple("01234")  # the exact name, not ID
    assert cutouts.columns == ("flux", "size")
    told = "\n".join(cutouts.notes)
    for column in ("", "ID", "RA", "dec", "tile", "MJD", "object_id", "Unnamed: 0"):
        assert f"Column {column!r} is " in told
    assert cutouts.groups.tolist() == ["g0", "g0", "g1", "g1", "g2"]
    named = read_rows(survey("\n".join([header, *rows]) + "\n"), columns=["flux", "RA"])
    assert named.columns == ("flux", "RA")


def test_columns_that_count_or_name_the_rows_are_no_features(survey):
    rows = [f"{i},{i},{i + 1},{10**12 + 37 * i},{i * i},{i}.5" for i in range(30)]
    text = "id,a,b,c,square,flux\n" + "\n".join(rows) + "\n"
    cutouts = read_rows(survey(text))
    assert cutouts.columns == ("square", "flux")
    assert sum("is an index" in note for note in cutouts.notes) == 2
    assert sum("is an id" in note for note in cutouts.notes) == 1


def test_galactic_coordinates_are_no_features_and_a_b_magnitude_is_one(survey):
    pair = read_rows(survey("id,l,b,mag\n1,120.5,-60.1,20\n2,121.5,-61.0,21\n"))
    assert pair.columns == ("mag",)
    assert any("'l' is a position" in note for note in pair.notes)
    magnitude = read_rows(survey("id,b,glon,GLAT,gal_l\n1,20.5,1.5,2,7\n2,21.5,2.5,3,8\n"))
    assert magnitude.columns == ("b",)
    named = read_rows(survey("id,l,b\n1,120.5,-60.1\n2,121.5,-61.0\n"), columns=["l", "b"])
    assert named.columns == ("l", "b")
