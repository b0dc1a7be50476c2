import pytest


def test_workers_and_shards_give_the_same_rows(sky, tmp_path, look, rows_of):
    look(sky, tmp_path / "one")
    expected = rows_of(tmp_path / "one")
    look(sky, tmp_path / "two", workers=2)
    assert rows_of(tmp_path / "two") == expected
    first = look(sky, tmp_path / "three", shard=(2, 2))
    assert first.candidates is None and 0 < first.parts_done < first.parts
    last = look(sky, tmp_path / "three", shard=(1, 2))
    assert last.candidates == 10 and last.complete
    assert rows_of(tmp_path / "three") == expected


def test_ctrl_c_leaves_a_state_that_goes_on(sky, tmp_path, look, rows_of):
    def stop(done, total):
        raise KeyboardInterrupt

    for workers in (0, 2):
        out = tmp_path / str(workers)
        with pytest.raises(KeyboardInterrupt):
            look(sky, out, progress=stop, workers=workers)
        done = list((out / "parts").glob("*.parquet"))
        assert done and not (out / "candidates.parquet").exists()
        assert look(sky, out).complete
    assert rows_of(tmp_path / "0") == rows_of(tmp_path / "2")
