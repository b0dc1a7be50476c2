import pyarrow as pa
import pytest
from oneline import one_line

from lenszoo.survey import unique
from lenszoo.survey.positions import Positions
from lenszoo.survey.unique import UniqueIds


def write(path, ids):
    lines = [f"{name},{150 + 0.001 * i},{2.0}" for i, name in enumerate(ids)]
    path.write_text("\n".join(["id,ra,dec", *lines]) + "\n")
    return Positions(path)


def check(folder, positions):
    with UniqueIds(folder) as seen:
        for batch in positions.batches():
            seen.add(batch.column("id"))
        seen.check(positions)


@pytest.mark.parametrize(
    "names", [range(2**63 - 500, 2**63 - 1), [f"b{i:04d}" for i in range(500)]]
)
def test_different_ids_pass_and_leave_no_file(names, tmp_path):
    check(tmp_path, write(tmp_path / "a.csv", names))
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_one_that_occurs_twice_is_named(tmp_path):
    positions = write(tmp_path / "a.csv", [*(f"b{i}" for i in range(300)), "b7", "b9"])
    line = one_line("occurs more than once", lambda: check(tmp_path, positions))
    assert "a.csv" in line and "id 'b7'" in line and "1 others" in line
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_equal_hashes_of_different_ids_do_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(unique, "_hashes", lambda ids: unique.np.ones(len(ids), "uint64"))
    check(tmp_path, write(tmp_path / "a.csv", [f"b{i}" for i in range(50)]))


def test_an_id_of_thousands_of_bytes_is_refused(tmp_path):
    with UniqueIds(tmp_path) as seen:
        one_line("longer than", lambda: seen.add(pa.array(["x" * 5000])))
