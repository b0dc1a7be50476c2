import csv

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from lenszoo import predict
from lenszoo.errors import LenszooError
from lenszoo.inference import embedding_table, provenance_of, write_features, write_table


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
    with pytest.raises(LenszooError, match=r"must end in \.parquet or \.csv"):
        write_table(table, tmp_path / "t.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(LenszooError, match="cannot be written"):
        write_table(table, tmp_path / "file" / "t.csv")
    assert path.read_text() == "before"
    write_table(table, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "t.csv"]


def test_a_table_of_vectors_is_for_parquet(opened, stack, tmp_path):
    vectors = embedding_table(opened, stack[0][:3])
    with pytest.raises(LenszooError, match="CSV cannot hold this table"):
        write_table(vectors, tmp_path / "v.csv")
    assert pq.read_table(write_table(vectors, tmp_path / "v.parquet")).equals(vectors)


def test_features_as_npy(tmp_path):
    path = write_features(np.eye(3, dtype=np.float32), tmp_path / "f.npy")
    np.testing.assert_array_equal(np.load(path), np.eye(3))
    with pytest.raises(LenszooError, match=r"must end in \.npy"):
        write_features(np.eye(3), tmp_path / "f.txt")


def test_a_file_that_is_no_parquet(tmp_path):
    (tmp_path / "t.parquet").write_text("no")
    with pytest.raises(LenszooError, match="no readable Parquet file"):
        provenance_of(tmp_path / "t.parquet")
