import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from limited import full_disk
from PIL import Image

from lenszoo.data import DatasetIndex, read_image, read_images, read_pairs
from lenszoo.errors import LenszooError
from lenszoo.simulation import SPLIT_START, get_preset, sample, write, write_dataset
from lenszoo.simulation.observe import Instrument

TINY = dataclasses.replace(
    get_preset("common_test_sim"), instrument=Instrument(20, 0.3, psf_fwhm=0.6)
)
SIZE = 128 + 20 * 20 * 8  # bytes of its .npy file

# argv: folder
WRITE = """
import dataclasses, sys
from lenszoo.simulation import get_preset, write_dataset
from lenszoo.simulation.observe import Instrument
tiny = dataclasses.replace(
    get_preset("common_test_sim"), instrument=Instrument(20, 0.3, psf_fwhm=0.6)
)
write_dataset(tiny, sys.argv[1], n_train=20000, n_val=7, seed=4)
"""


def files(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.suffix in (".npy", ".png")
    }


def one_line(caught, *parts):
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(write, "CHUNK", 6)


def test_layout_of_deeplense(tmp_path, small_chunks):
    summary = write_dataset(TINY, tmp_path / "set", n_train=13, n_val=4, seed=4)
    assert summary.counts == {
        "train": {"no": 5, "sphere": 4, "vort": 4},
        "val": {"no": 1, "sphere": 2, "vort": 1},
    }
    assert summary.written == 17
    assert {p.name for p in summary.path.iterdir()} == {
        "train",
        "val",
        "truth.parquet",
        "dataset.json",
    }
    names = {p.name for p in (summary.path / "train" / "no").iterdir()}
    assert names == {f"{k}.npy" for k in range(1, 6)}
    first = np.load(summary.path / "train" / "sphere" / "1.npy")
    assert first.shape == (1, 20, 20) and first.dtype == np.float64
    np.testing.assert_array_equal(first[0], sample(TINY, 2, seed=4).images[1, ..., 0])


def test_files_truth_and_index_agree(tmp_path, small_chunks):
    write_dataset(TINY, tmp_path, n_train=13, n_val=5, seed=4, strength=2.0)
    table = pq.read_table(tmp_path / "truth.parquet")
    rows = table.to_pylist()
    assert [row["split"] for row in rows] == ["train"] * 13 + ["val"] * 5
    for split, n in (("train", 13), ("val", 5)):
        drawn = sample(TINY, n, seed=4, start=SPLIT_START[split], strength=2.0)
        own = [row for row in rows if row["split"] == split]
        images, _, _ = read_images([tmp_path / row["path"] for row in own])
        np.testing.assert_array_equal(images, drawn.images)
        assert [row["label"] for row in own] == drawn.labels.tolist()
        assert [row["scene"] for row in own] == drawn.truth["scene"].tolist()
        for row, x, theta_e in zip(
            own, drawn.truth["point_x"], drawn.truth["einstein_radius"], strict=True
        ):
            assert row["class"] == Path(row["path"]).parent.name
            assert row["seed"] == 4 and row["einstein_radius"] == theta_e
            np.testing.assert_array_equal(row["point_x"], x)
        index = DatasetIndex.from_directory(tmp_path / split)
        assert len(index) == n
        assert index.class_names == ("no", "sphere", "vort")
    facts = json.loads((tmp_path / "dataset.json").read_text())
    assert json.loads(table.schema.metadata[b"lenszoo"]) == facts
    assert facts["preset"] == TINY.name and facts["strength"] == 2.0


def test_png_keeps_sixteen_bits(tmp_path):
    write_dataset(TINY, tmp_path, n_train=3, n_val=0, seed=4, format="png")
    drawn = sample(TINY, 3, seed=4).images
    path = tmp_path / "train" / "vort" / "1.png"
    with Image.open(path) as image:
        assert image.mode.startswith("I;16")
    assert np.abs(read_image(path) - drawn[2]).max() <= 0.51 / 65535
    assert not list((tmp_path / "val" / "no").iterdir())


def test_progress_reaches_the_end(tmp_path, small_chunks):
    told = []
    write_dataset(
        TINY, tmp_path, n_train=13, n_val=2, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(6, 15), (12, 15), (13, 15), (15, 15)]


# --- interrupted, damaged, repeated ---


def test_killed_in_the_middle_and_gone_on_with(tmp_path, monkeypatch):
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(out)],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 300
    while len(list(out.glob("train/*/*.npy"))) < 500:
        assert process.poll() is None, process.stderr.read()[-2000:]
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    left = {p: p.stat().st_ino for p in out.glob("*/*/*.npy")}
    assert 500 <= len(left) < 20_000
    assert all(p.stat().st_size == SIZE for p in left)
    assert not (out / "truth.parquet").exists()

    # the same call with fewer images, so that it ends: only the record needs to know
    record = out / "dataset.json"
    facts = json.loads(record.read_text())
    n = len(left) // 240 * 240 + 300
    record.write_text(json.dumps(facts | {"splits": {"train": n, "val": 7}}))
    summary = write_dataset(TINY, out, n_train=n, n_val=7, seed=4)
    assert summary.written == n + 7 - len(left)
    assert {p: p.stat().st_ino for p in left} == left
    assert not [p for p in out.rglob("*") if p.name.startswith(".")]

    whole = tmp_path / "whole"
    write_dataset(TINY, whole, n_train=n, n_val=7, seed=4)
    assert files(out) == files(whole)
    assert pq.read_table(out / "truth.parquet").equals(pq.read_table(whole / "truth.parquet"))


def test_a_failure_inside_a_chunk_is_mended(tmp_path, small_chunks, monkeypatch):
    real, calls = write._write_image, []

    def failing(image, path):
        calls.append(path)
        if len(calls) == 9:
            raise KeyboardInterrupt
        real(image, path)

    monkeypatch.setattr(write, "_write_image", failing)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(TINY, tmp_path / "a", n_train=12, n_val=3)
    monkeypatch.setattr(write, "_write_image", real)
    assert write_dataset(TINY, tmp_path / "a", n_train=12, n_val=3).written == 15 - 8
    write_dataset(TINY, tmp_path / "b", n_train=12, n_val=3)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_finished_dataset_is_left_alone_or_restored(tmp_path, small_chunks):
    write_dataset(TINY, tmp_path, n_train=12, n_val=3)
    before, truth = files(tmp_path), (tmp_path / "truth.parquet").read_bytes()
    assert write_dataset(TINY, tmp_path, n_train=12, n_val=3).written == 0
    (tmp_path / "train" / "no" / "2.npy").unlink()
    (tmp_path / "val" / "vort" / "1.npy").write_bytes(b"")
    assert write_dataset(TINY, tmp_path, n_train=12, n_val=3).written == 2
    assert files(tmp_path) == before
    assert (tmp_path / "truth.parquet").read_bytes() == truth


# --- bad input ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed 0, not 1"),
        ({"n_train": 4}, "'train': 4"),
        ({"strength": 2.0}, "strength"),
        ({"format": "png"}, "format npy, not png"),
        ({"preset": "deeplense_model_2"}, "not deeplense_model_2"),
    ],
)
def test_another_dataset_is_not_touched(tmp_path, change, message):
    arguments = {"preset": TINY, "out": tmp_path, "n_train": 3, "n_val": 0}
    write_dataset(**arguments)
    before = files(tmp_path)
    with pytest.raises(LenszooError) as caught:
        write_dataset(**(arguments | change))
    one_line(caught, str(tmp_path), "another dataset", message)
    assert files(tmp_path) == before


def test_a_folder_of_something_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(LenszooError) as caught:
        write_dataset(TINY, tmp_path, n_train=3, n_val=0)
    one_line(caught, str(tmp_path), "not empty")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", ["{", "[]", '{"preset": "x"}'])
def test_a_damaged_record_is_one_line(tmp_path, content):
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(LenszooError) as caught:
        write_dataset(TINY, tmp_path, n_train=3, n_val=0)
    one_line(caught, "dataset.json is damaged")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preset": "comon_test_sim"}, "Did you mean 'common_test_sim'"),
        ({"format": "jpg"}, "Unknown image format 'jpg'"),
        ({"n_train": -1}, "n_train=-1"),
        ({"n_train": 0}, "n_train=0 and n_val=0"),
        ({"seed": -1}, "negative"),
        ({"strength": -1.0}, "strength"),
        (
            {"preset": dataclasses.replace(TINY, minmax=False), "format": "png"},
            "not in [0, 1]",
        ),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(tmp_path, change, message):
    arguments = {"preset": TINY, "out": tmp_path / "new", "n_train": 3, "n_val": 0}
    with pytest.raises(LenszooError) as caught:
        write_dataset(**(arguments | change))
    one_line(caught, message)
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/lenszoo")):
        with pytest.raises(LenszooError) as caught:
            write_dataset(TINY, out, n_train=3, n_val=0)
        one_line(caught, f"Cannot write {out}")


def test_a_full_disk_loses_nothing_that_was_written(tmp_path):
    """A limit on the size of files stands for a full disk."""
    with full_disk(SIZE - 1), pytest.raises(LenszooError) as caught:
        write_dataset(TINY, tmp_path, n_train=3, n_val=0)
    one_line(caught, f"Cannot write {tmp_path}", "the same call goes on")
    assert not files(tmp_path)
    assert write_dataset(TINY, tmp_path, n_train=3, n_val=0).written == 3


def test_pairs_go_into_folders_that_match_by_name(tmp_path):
    tiny = dataclasses.replace(
        get_preset("sr_75_150"), instrument=Instrument(20, 0.3, psf_fwhm=0.6, supersampling=2)
    )
    summary = write_dataset(tiny, tmp_path / "sky", n_train=5, n_val=3, seed=4)
    assert summary.written == 3 * 8
    drawn = sample(tiny, 5, 4, SPLIT_START["train"])
    pairs = read_pairs(tmp_path / "sky/train/low", tmp_path / "sky/train/high")
    np.testing.assert_allclose(pairs.images, drawn.images, atol=1e-6)
    np.testing.assert_allclose(pairs.targets, drawn.targets, atol=1e-6)
    truth = read_image(tmp_path / "sky/train/noiseless/3.npy")
    np.testing.assert_allclose(truth, drawn.noiseless[2], atol=1e-6)
    (tmp_path / "sky/val/high/2.npy").unlink()
    assert write_dataset(tiny, tmp_path / "sky", n_train=5, n_val=3, seed=4).written == 1
    assert pq.read_table(summary.truth)["path"].to_pylist()[0] == "train/low/1.npy"
    with pytest.raises(LenszooError, match="are not in \\[0, 1\\], as PNG needs"):
        write_dataset(tiny, tmp_path / "png", n_train=1, n_val=1, format="png")
