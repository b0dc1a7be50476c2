import numpy as np
import pyarrow.parquet as pq
import pytest
from tinyzoo import NAME

pytestmark = pytest.mark.usefixtures("own_manifest")


class TestEmbed:
    def test_npy_and_parquet_hold_the_same(self, lenszoo, refused, zoo, tmp_path):
        for name in ("f.npy", "f.parquet"):
            done = lenszoo("embed", NAME, zoo.data / "val" / "no", "--out", tmp_path / name)
            assert done.stdout == f"{tmp_path / name}: 8 vectors of 64\n"
        vectors = np.stack(pq.read_table(tmp_path / "f.parquet")["features"].to_pylist())
        np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), vectors.astype(np.float32))
        lenszoo("embed", NAME, zoo.data / "val" / "no", "--out", tmp_path / "t.npy", "--tta")
        assert np.load(tmp_path / "t.npy").shape == (8, 64)
        line = refused("embed", NAME, zoo.data / "val", "--out", tmp_path / "f.csv")
        assert ".parquet or .npy" in line
