import json

import pyarrow as pa
from oneline import one_line

from lenszoo.inference import provenance_of
from lenszoo.inference.parts import check_same, count_rows, write_part


def test_a_part_is_whole_or_counts_for_nothing(tmp_path):
    path = tmp_path / "a.parquet"
    write_part(path, pa.table({"x": [1, 2, 3]}), {"weights": "w"})
    assert count_rows(path) == 3 and provenance_of(path) == {"weights": "w"}
    path.write_bytes(path.read_bytes()[:-20])
    assert count_rows(path) is None is count_rows(tmp_path / "none.parquet")


def test_the_first_fact_that_differs_is_named(tmp_path):
    file = tmp_path / "facts.json"
    file.write_text(json.dumps({"a": 1, "b_sha256": "0" * 64}))
    check_same(file, {"a": 1, "b_sha256": "0" * 64, "c": None, "d": False}, "search", "go away")
    left_out = "another search (b_sha256: 00000000000000 there, None here); go away."
    one_line(left_out, lambda: check_same(file, {"a": 1}, "search", "go away"))
    one_line(
        "(c: None there, 0 here)",
        lambda: check_same(file, {"a": 1, "b_sha256": "0" * 64, "c": 0}, "search", "go away"),
    )
    text = "another search (b_sha256: 00000000000000 there, 11111111111111 here); go away."
    one_line(text, lambda: check_same(file, {"a": 1, "b_sha256": "1" * 64}, "search", "go away"))
    file.write_text("{")
    one_line("damaged; go away.", lambda: check_same(file, {}, "search", "go away"))
