import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.survey.part_files import part_file, write_objects


def test_ids_of_64_bits_stay_exact(sky, tmp_path, look, rows_of):
    lines = (sky / "catalogue.csv").read_text().strip().split("\n")[1:]
    cells = [line.split(",") for line in lines]
    table = pa.table(
        {
            "objid": pa.array([2**63 - 1 - k for k in range(len(cells))], pa.int64()),
            "RA": pa.array([float(c[1]) for c in cells]),
            "DEC": pa.array([float(c[2]) for c in cells]),
        }
    )
    pq.write_table(table, tmp_path / "catalogue.parquet")
    look(sky, tmp_path / "out", catalogue=tmp_path / "catalogue.parquet", columns={"id": "objid"})
    rows, _ = rows_of(tmp_path / "out")
    assert set(rows) == {str(2**63 - 1 - k) for k in range(len(cells))}


def test_a_part_is_called_by_its_objects_and_its_pixels(tmp_path):
    table = pa.table({"id": ["a", "b"], "ra": [1.0, np.nan], "path": ["x.npy", "y.npy"]})
    first = write_objects(tmp_path, table, 0, b"seed")
    assert first == write_objects(tmp_path, table, 0, b"seed") and first.rows == 2
    assert write_objects(tmp_path, table, 0, b"other").key != first.key
    moved = table.set_column(2, "path", pa.array(["x.npy", "z.npy"]))
    assert write_objects(tmp_path, moved, 0, b"seed").key != first.key
    with pa.OSFile(str(part_file(tmp_path, first.key))) as stream:
        assert pa.ipc.open_file(stream).read_all().column_names == table.column_names
