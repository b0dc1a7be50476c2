import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from oneline import one_line

from lenszoo import predict
from lenszoo.data.table import read_table
from lenszoo.errors import LenszooError
from lenszoo.inference import (
    embedding_table,
    provenance_of,
    sort_table,
    write_features,
    write_table,
)


@pytest.fixture
def table(opened, stack):
    images = stack[0][:3].copy()
    images[1] = np.nan
    return predict(opened, images, on_bad="skip")


def test_parquet_keeps_types_nulls_and_provenance(table, tmp_path):
    path = write_table(table, tmp_path / "t.parquet")
    assert pq.read_table(path).equals(table, check_metadata=True)
    assert provenance_of(path) == provenance_of(table)
    assert provenance_of(path)["weights_sha256"]


def test_csv_is_read_by_others_with_provenance_in_every_row(table, zoo, tmp_path):
    path = write_table(table, tmp_path / "t.csv")
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["predicted"] == "" for row in rows] == [False, True, False]
    assert {row["weights"] for row in rows} == {str(zoo.run)}
    assert {row["weights_sha256"] for row in rows} == {provenance_of(table)["weights_sha256"]}
    assert {row["seed"] for row in rows} == {"7"}
    read = Table.read(path, format="ascii.csv")
    assert read["logit_no"][0] == pytest.approx(table["logit_no"][0].as_py(), rel=1e-6)
    assert read["logit_no"].mask.tolist() == [False, True, False]


def test_names_with_commas_and_quotes_survive_csv(opened, stack, tmp_path):
    from lenszoo.inference import open_model

    classes = ["a, b", 'the "c"', "d"]
    table = predict(open_model(opened, classes), stack[0][:4])
    with write_table(table, tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["predicted"] for row in rows] == table["predicted"].to_pylist()
    assert all(f"logit_{name}" in rows[0] for name in classes)


def test_a_file_is_written_whole_or_not_at_all(table, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("before")
    one_line(
        "must end in .parquet, .csv, .fits or .ecsv", lambda: write_table(table, tmp_path / "t.txt")
    )
    (tmp_path / "file").write_text("")
    one_line("cannot be written", lambda: write_table(table, tmp_path / "file" / "t.csv"))
    assert path.read_text() == "before"
    write_table(table, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "t.csv"]


def test_a_table_of_vectors_is_for_parquet(opened, stack, tmp_path):
    vectors = embedding_table(opened, stack[0][:3])
    one_line("this format cannot hold the table", lambda: write_table(vectors, tmp_path / "v.csv"))
    assert pq.read_table(write_table(vectors, tmp_path / "v.parquet")).equals(vectors)


def test_features_as_npy(tmp_path):
    path = write_features(np.eye(3, dtype=np.float32), tmp_path / "f.npy")
    np.testing.assert_array_equal(np.load(path), np.eye(3))
    one_line("must end in .npy", lambda: write_features(np.eye(3), tmp_path / "f.txt"))


def test_a_file_that_is_no_parquet(tmp_path):
    (tmp_path / "t.parquet").write_text("no")
    one_line("no readable Parquet file", lambda: provenance_of(tmp_path / "t.parquet"))


@pytest.mark.parametrize("name", ["t.fits", "t.ecsv"])
def test_formats_of_astropy_keep_answers_gaps_and_provenance(table, name, tmp_path):
    path = write_table(table, tmp_path / name)
    read = Table.read(path)
    assert read.colnames == table.column_names
    assert [str(text) for text in read["predicted"].filled("")] == [
        text or "" for text in table["predicted"].to_pylist()
    ]
    np.testing.assert_allclose(
        np.ma.filled(read["logit_no"].astype(float), np.nan),
        table["logit_no"].to_numpy(),
        rtol=1e-6,
    )
    assert provenance_of(path) == provenance_of(table)
    # and as an input again
    assert read_table(path).text("id") == ["0", "1", "2"]


def test_letters_that_fits_cannot_hold_are_refused(table, tmp_path):
    names = table.set_column(0, "id", pa.array(["\u03b1", "b", "c"]))
    with pytest.raises(LenszooError, match=r"not ASCII.*write \.parquet"):
        write_table(names, tmp_path / "t.fits")
    assert not list(tmp_path.iterdir())
    assert Table.read(write_table(names, tmp_path / "t.ecsv"))["id"][0] == "\u03b1"


def test_rows_are_sorted_highest_first_and_those_without_a_value_last():
    rows = pa.table({"id": list("abcde"), "x": pa.array([1.0, None, float("nan"), 3.0, 3.0])})
    assert sort_table(rows, "x")["id"].to_pylist() == ["d", "e", "a", "b", "c"]
    assert sort_table(rows, "id")["id"].to_pylist() == list("edcba")
    one_line("Unknown column to sort by 'y'", lambda: sort_table(rows, "y"))
    one_line("no order", lambda: sort_table(pa.table({"v": [[1], [2]]}), "v"))


def test_formulas_in_a_csv_are_quoted_when_asked_for(tmp_path):
    cells = ["=1+1", "+1", "-1", "@x", "\tx", "a=b", None]
    rows = pa.table({"id": cells, "n": pa.array([-1.0] * 7), "=c": ["x"] * 7})
    rows = rows.replace_schema_metadata({b"lenszoo": b"{}"})
    for policy, first in (("keep", cells), ("quote", ["'=1+1", "'+1", "'-1", "'@x", "'\tx"])):
        path = write_table(rows, tmp_path / "t.csv", csv_formulas=policy)
        with path.open(newline="") as stream:
            read = list(csv.DictReader(stream))
        assert [row["id"] for row in read][:5] == first[:5]
        assert [row["id"] for row in read][5:] == ["a=b", ""]
        assert {row["n"] for row in read} == {"-1"}
        assert ("'=c" in read[0]) is (policy == "quote")
    one_line(
        "Unknown csv_formulas 'strip'",
        lambda: write_table(rows, tmp_path / "t.csv", csv_formulas="strip"),
    )


def test_a_column_is_not_taken_for_the_provenance(table, tmp_path):
    own = table.append_column("seed", pa.array([5, 5, 5]))
    one_line(
        "Column 'seed' is that of the provenance", lambda: write_table(own, tmp_path / "t.csv")
    )
    plain = pa.table({"seed": [5]})  # of no prediction
    assert write_table(plain, tmp_path / "t.csv").read_text().splitlines()[1].startswith("5,")


@pytest.mark.parametrize("largest", [5, 2**64 - 1])
@pytest.mark.parametrize("ending", ["fits", "ecsv"])
def test_gaps_among_unsigned_numbers_stay_gaps(largest, ending, tmp_path):
    numbers = pa.table({"objid": pa.array([largest, None], pa.uint64())})
    path = write_table(numbers, tmp_path / f"t.{ending}")
    assert read_table(path).text("objid") == [str(largest), ""]
