"""Predictions in files: the rows of the table, after Ctrl-C and kill -9 too."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from oneline import one_line
from tinyzoo import NAME

from lenszoo import embed, predict
from lenszoo.inference import provenance_of, sort_table, streaming
from lenszoo.inference.predictor import prediction
from lenszoo.inference.streaming import Output, PredictionStopped


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(streaming, "PART_ROWS", 8)


@pytest.fixture
def expected(opened, stack):
    return predict(opened, stack[0], batch_size=4)


def test_a_file_holds_the_table_in_row_groups(opened, stack, expected, tmp_path):
    out = tmp_path / "t.parquet"
    assert predict(opened, stack[0], batch_size=4, out=out) == out
    assert pq.read_table(out).equals(expected)
    assert provenance_of(out) == provenance_of(expected)
    assert pq.ParquetFile(out).num_row_groups == 4
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    one_line("is there already", lambda: predict(opened, stack[0], out=out))
    predict(opened, stack[0][:3], out=out, overwrite=True)
    assert pq.read_metadata(out).num_rows == 3


def test_inputs_and_outputs_may_lie_in_the_home_of_the_user(opened, stack, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "a.npy", stack[0][:2])
    assert predict(opened, "~/a.npy", out="~/t.csv") == tmp_path / "t.csv"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "t.csv"]
    one_line("is an input itself", lambda: predict(opened, "~/t.csv", out=tmp_path / "t.csv"))


def test_other_formats_and_a_sorted_table(opened, stack, expected, tmp_path):
    csv = predict(opened, stack[0], out=tmp_path / "t.csv").read_text().splitlines()
    assert len(csv) == 31 and [line.split(",")[0] for line in csv[1:3]] == ['"0"', '"1"']
    output = Output(tmp_path / "s.parquet", sort="logit_no")
    written = prediction(opened, stack[0], batch_size=4).write(output)
    assert pq.read_table(written.path).equals(sort_table(expected, "logit_no"))
    assert sum(written.counts.values()) == written.rows == 30
    vectors = embed(opened, stack[0], batch_size=4)
    embed(opened, stack[0], batch_size=4, out=tmp_path / "v.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), vectors)


def test_after_ctrl_c_the_same_call_goes_on(opened, stack, expected, tmp_path, monkeypatch):
    out, told = tmp_path / "t.parquet", []

    def stop(done, total):
        if done == 20:
            raise KeyboardInterrupt

    options = {"batch_size": 4, "out": out}
    with pytest.raises(PredictionStopped, match="20 rows"):
        predict(opened, stack[0], progress=stop, **options)
    parts = tmp_path / "t.parquet.parts"
    one_line(
        f"{parts}: holds another prediction (tta: False there, True here)",
        lambda: predict(opened, stack[0], tta=True, **options),
    )
    one_line("inputs: 30 there, 9 here", lambda: predict(opened, stack[0][:9], **options))
    engine = SimpleNamespace(model=opened.model, facts={"engine": "onnx", "precision": "float32"})
    with monkeypatch.context() as patch:
        patch.setattr("lenszoo.inference.predictor.open_engine", lambda *_: engine)
        one_line("(engine: keras there, onnx here)", lambda: predict(opened, stack[0], **options))
    other = stack[0] + np.float32(0.01)
    one_line("inputs_sha256", lambda: predict(opened, other, **options))
    one_line("weights: ", lambda: predict(NAME, stack[0], **options))
    predict(opened, stack[0], progress=lambda done, total: told.append(done), **options)
    assert told == [24, 28, 30] and not parts.exists()
    assert pq.read_table(out).equals(expected)


def test_a_folder_of_somebody_else_is_no_folder_of_parts(opened, stack, tmp_path):
    notes = tmp_path / "t.csv.parts" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    options = {"out": tmp_path / "t.csv", "overwrite": True}
    one_line(
        "t.csv.parts: holds notes.txt, which is no part",
        lambda: predict(opened, stack[0], **options),
    )
    assert notes.read_text() == "mine"


def test_changed_files_are_other_inputs(opened, zoo, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(12):
        source = zoo.data / "val" / "no" / f"{k % 8}.npy"
        (folder / f"{k}.npy").write_bytes(source.read_bytes())

    def stop(done, total):
        raise KeyboardInterrupt

    options = {"batch_size": 4, "out": tmp_path / "t.parquet"}
    with pytest.raises(PredictionStopped):
        predict(opened, folder, progress=stop, **options)
    os.utime(folder / "9.npy", ns=(1, 1))
    one_line("inputs_sha256", lambda: predict(opened, folder, **options))
    predict(opened, folder, overwrite=True, **options)
    assert pq.read_metadata(tmp_path / "t.parquet").num_rows == 12


KILLED = """
import os, signal, sys
import numpy as np
from lenszoo import predict
from lenszoo.inference import streaming
streaming.PART_ROWS = 8
die = lambda done, total: done == 20 and os.kill(os.getpid(), signal.SIGKILL)
predict(sys.argv[1], sys.argv[2], batch_size=4, out=sys.argv[3], progress=die)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_after_kill_9_the_same_call_goes_on_from_the_last_part(zoo, stack, tmp_path):
    images, out = tmp_path / "images.npy", tmp_path / "t.parquet"
    np.save(images, stack[0])
    command = [sys.executable, "-c", KILLED, str(zoo.run), str(images), str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    cut = tmp_path / "t.parquet.parts" / "000000000008.parquet"
    cut.write_bytes(cut.read_bytes()[:-9])  # as a machine that lost power may leave it
    told = []
    options = {"batch_size": 4, "progress": lambda done, total: told.append(done)}
    predict(zoo.run, images, out=out, **options)
    assert told[0] == 12
    assert pq.read_table(out).equals(predict(zoo.run, images, batch_size=4))
