import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.neighbors import NearestNeighbors
from tinysky import refusal

from lenszoo.survey import similar


@pytest.fixture
def results(tmp_path):
    """A folder of three parts with vectors of 500 objects, every seventh without."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 16)).astype(np.float16)
    lacking = np.arange(500) % 7 == 3
    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), 16)
    table = pa.table(
        {
            "id": [f"o{k}" for k in range(500)],
            "ra": rng.random(500),
            "features": flat.take(pa.array(np.arange(500), mask=lacking)),
            "error": pa.nulls(500, pa.string()),
        }
    )
    (tmp_path / "parts").mkdir()
    for k, (start, stop) in enumerate(((0, 200), (200, 201), (201, 500))):
        pq.write_table(table.slice(start, stop - start), tmp_path / "parts" / f"{k}.parquet")
    return tmp_path, vectors.astype(float), lacking


def test_neighbours_are_those_of_scikit_learn(results):
    folder, vectors, lacking = results
    rows = np.flatnonzero(~lacking)
    search = NearestNeighbors(n_neighbors=31, metric="cosine").fit(vectors[rows])
    distances, at = search.kneighbors(vectors[[42]])
    table = similar(folder, "o42", count=30)
    assert table.column_names == ["rank", "id", "similarity", "ra"]
    assert table["id"].to_pylist() == [f"o{rows[k]}" for k in at[0][1:]]
    np.testing.assert_allclose(table["similarity"].to_numpy(), 1 - distances[0][1:], atol=1e-6)
    assert table["rank"].to_pylist() == list(range(1, 31))
    assert len(similar(folder, "o42", count=9999)) == len(rows) - 1


def test_a_table_of_vectors_is_searched_too(results, tmp_path):
    folder, *_ = results
    tables = [pq.read_table(file) for file in sorted((folder / "parts").iterdir())]
    pq.write_table(pa.concat_tables(tables), tmp_path / "v.parquet", row_group_size=64)
    assert similar(tmp_path / "v.parquet", "o5").equals(similar(folder, "o5"))
    pq.write_table(tables[0].slice(0, 1), tmp_path / "one.parquet")
    assert similar(tmp_path / "one.parquet", "o0").num_rows == 0


def test_results_without_the_object_or_its_vector_are_told_of(results):
    folder, *_ = results
    refusal(lambda: similar(folder, "o999"), "no object 'o999' among its ids, such as 'o0'.")
    refusal(lambda: similar(folder, "o3"), "'o3' has no features; it was not scored")
    refusal(lambda: similar(folder / "gone", "o1"), "no such folder")
    refusal(lambda: similar(folder / "parts", "o1"), "holds no parts of a search")
    (folder / "parts" / "1.parquet").write_bytes(b"PAR1")
    refusal(lambda: similar(folder, "o400"), "1.parquet", "damaged")
    pq.write_table(pa.table({"id": ["a"]}), folder / "parts" / "0.parquet")
    refusal(lambda: similar(folder, "o1"), "holds no features", "features=True")
