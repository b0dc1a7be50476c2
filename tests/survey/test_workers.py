import pytest
from tinysky import write_sky

from lenszoo.survey import workers


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

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        look(sky, out, progress=stop, workers=1)
    done = list((out / "parts").glob("*.parquet"))
    assert done and not (out / "candidates.parquet").exists()
    assert look(sky, out).complete
    look(sky, tmp_path / "whole")
    assert rows_of(out) == rows_of(tmp_path / "whole")


def test_a_part_that_kills_its_workers_is_given_up_and_told_of(tmp_path, look, monkeypatch):
    """A worker without memory dies like this one, in which reading a tile ends the process."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'lenszoo.survey.workers' in sys.orig_argv:\n"
        "    import numpy\n"
        "    numpy.memmap = lambda *a, **k: os._exit(9)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(workers, "ATTEMPTS", 2)  # each start takes seconds
    write_sky(tmp_path, tiles=1, objects=10)
    result = look(tmp_path, tmp_path / "out", workers=1)
    assert not result.complete and result.candidates is None
    assert result.failures == ["tile t0: 2 workers died over a part of it (exit code 9)"]
