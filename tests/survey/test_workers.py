import os
import signal
from pathlib import Path

import pytest
from tinysky import write_sky

from lenszoo.survey import workers


def test_shards_give_the_same_rows(sky, tmp_path, look, rows_of):
    look(sky, tmp_path / "one")
    first = look(sky, tmp_path / "two", shard=(2, 2))
    assert first.candidates is None and 0 < first.parts_done < first.parts
    last = look(sky, tmp_path / "two", shard=(1, 2))
    assert last.candidates == 10 and last.complete
    assert rows_of(tmp_path / "two") == rows_of(tmp_path / "one")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_killed_worker_and_ctrl_c_change_no_row(sky, tmp_path, look, rows_of, children, caplog):
    killed = []

    def disturb(done, total):
        if not killed:
            killed.append(children(os.getpid())[-1])
            os.kill(killed[0], signal.SIGKILL)
        elif "A worker died (exit code -9)" in caplog.text:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        look(sky, out, progress=disturb, workers=2, part_rows=4)
    assert not set(killed) & set(children(os.getpid()))
    done = list((out / "parts").glob("*.parquet"))
    assert done and not (out / "candidates.parquet").exists()
    assert look(sky, out, part_rows=4).complete
    look(sky, tmp_path / "whole", part_rows=4)
    assert rows_of(out) == rows_of(tmp_path / "whole")


def test_a_part_that_kills_its_workers_is_given_up_and_told_of(tmp_path, look, monkeypatch):
    """A worker without memory dies like this one, in which reading a tile ends the process."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'lenszoo.survey.worker' in sys.orig_argv:\n"
        "    import numpy\n"
        "    numpy.memmap = lambda *a, **k: os._exit(9)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(workers, "ATTEMPTS", 2)  # each start takes seconds
    write_sky(tmp_path, tiles=1, objects=10)
    result = look(tmp_path, tmp_path / "out", workers=1)
    assert not result.complete and result.candidates is None
    assert result.failures == ["tile t0: 2 workers died over a part of it (exit code 9)"]
