import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table
from oneline import one_line

from lenszoo.data import Catalogue, DatasetIndex
from lenszoo.data.memory_table import as_arrow, describe, is_table

COLUMNS = {"id": ["a", "b"], "label": [1, 0], "size": [0.5, 1.5]}


def made(kind):
    if kind == "pandas":
        pandas = pytest.importorskip("pandas")
        return pandas.DataFrame(COLUMNS, index=[5, 9])
    if kind == "structured":
        rows = list(zip(*COLUMNS.values(), strict=True))
        return np.array(rows, [("id", "U1"), ("label", "i4"), ("size", "f8")])
    return {"astropy": Table, "pyarrow": pa.table}[kind](COLUMNS)


KINDS = ("astropy", "pyarrow", "structured", "pandas")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_gives_the_same_columns(kind):
    assert is_table(made(kind))
    assert as_arrow(made(kind)).to_pydict() == COLUMNS


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_in_memory_is_a_catalogue(kind, tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.eye(6, dtype=np.float32) + ord(name))
    read = Catalogue(made(kind), images=tmp_path, label="label").load()
    assert read.ids == ("a", "b") and read.labels.tolist() == [1, 0]
    assert read.columns == ("size",) and read.table[:, 0].tolist() == [0.5, 1.5]
    assert read.take([1]).beside.to_pydict() == {"label": [0], "size": [1.5]}
    assert read.provenance["catalogue"] == describe(made(kind))
    one_line("of 2 rows: no column 'z'", lambda: Catalogue(made(kind), id="z").rows())


def test_a_table_in_memory_lists_images(tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.eye(6, dtype=np.float32))
    table = pa.table(COLUMNS | {"path": [f"{name}.npy" for name in "ab"]})
    index = DatasetIndex.from_csv(table, tmp_path)
    assert index.ids == ("a", "b") and index.labels.tolist() == [1, 0]
    assert index.subset([1]).beside.to_pydict() == {"size": [1.5]}


@pytest.mark.parametrize("value", [np.zeros((2, 4, 4, 1)), ["a.npy"], "a.csv", None, Table])
def test_arrays_lists_and_names_are_no_tables(value):
    assert not is_table(value)


def test_a_table_of_mixed_values_is_refused():
    mixed = Table({"a": np.array([1, "b"], object)})
    assert as_arrow(mixed)["a"].to_pylist() == ["1", "b"]
    one_line("is no table with named columns", lambda: as_arrow([1, 2]))
