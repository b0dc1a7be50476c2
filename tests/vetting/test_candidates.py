import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from oneline import one_line
from tinyvetting import write_results

from lenszoo.vetting.candidates import read_candidates


def test_candidates_of_a_search_come_best_first(tmp_path):
    results = write_results(tmp_path)
    candidates = read_candidates(results, top=5)
    assert len(candidates) == 5 and candidates.ids[0] == str(10**18)
    assert candidates.columns["rank"] == [1, 2, 3, 4, 5]
    assert candidates.columns["known"] == [None, None, "Horseshoe", None, None]
    assert candidates.folder == results / "vetting" and candidates.paths is None
    assert read_candidates(results).columns["prob"][-1] < 0.2


def test_a_search_is_told_from_another_but_not_by_its_top(tmp_path):
    results = write_results(tmp_path)
    before = read_candidates(results).identity
    assert read_candidates(results, top=3).identity == before
    search = json.loads((results / "search.json").read_text())
    (results / "search.json").write_text(json.dumps(search | {"tiles": "/moved"}))
    assert read_candidates(results).identity == before
    (results / "search.json").write_text(json.dumps(search | {"catalogue_sha256": "c"}))
    assert read_candidates(results).identity != before


@pytest.mark.parametrize("name", ["answers.csv", "answers.parquet"])
def test_a_table_of_predictions_is_sorted_by_score(tmp_path, name):
    table = pa.table(
        {
            "id": ["a", "b", "c"],
            "path": ["a.npy", None, "c.npy"],
            "prob_nonlens": [0.8, None, 0.1],
            "prob_lens": [0.2, None, 0.9],
            "logit_lens": [-1.0, None, 2.0],
        }
    )
    path = tmp_path / name
    if name.endswith(".csv"):
        from pyarrow import csv

        csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    candidates = read_candidates(path)
    assert candidates.ids == ("c", "a", "b")
    assert candidates.columns["prob"] == [0.9, 0.2, None]
    assert candidates.paths[0] == "c.npy"
    assert candidates.folder == tmp_path / "answers.vetting"


def test_results_without_candidates_are_refused(tmp_path):
    one_line("lenszoo search", lambda: read_candidates(tmp_path))
    one_line("no such file", lambda: read_candidates(tmp_path / "none.parquet"))
    file = tmp_path / "candidates.parquet"
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), file)
    one_line("nothing to grade", lambda: read_candidates(tmp_path))
    pq.write_table(pa.table({"name": ["a"]}), file)
    one_line("no column 'id'", lambda: read_candidates(tmp_path))
    pq.write_table(pa.table({"id": ["a", "b", "a"]}), file)
    one_line("'a' stands there twice", lambda: read_candidates(tmp_path))
    file.write_bytes(b"PAR1 nonsense")
    one_line("damaged", lambda: read_candidates(tmp_path))


@pytest.mark.parametrize("flags", [[True, False, None], [1, 0, 0], ["True", "false", ""]])
def test_known_may_be_a_flag(tmp_path, flags):
    table = pa.table({"id": ["a", "b", "c"], "prob": [0.9, 0.5, 0.1], "known": flags})
    pq.write_table(table, tmp_path / "t.parquet")
    known = read_candidates(tmp_path / "t.parquet").columns["known"]
    assert known[0] is not None and known[1:] == [None, None]
