"""Pickled DeepLenseSim files are converted; a pickle that wants more is refused unrun."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import DatasetIndex, convert, read_image
from lenszoo.data.convert import read_pair

IMAGE = np.random.default_rng(0).random((10, 12)) * 40
MASS = 3.5e-23


def _axion(path: Path, image=IMAGE, mass: object = MASS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.array([image, mass], dtype=object), allow_pickle=True)
    return path


def _refused(read, message: str) -> str:
    return one_line(message, read)


@pytest.mark.parametrize("mass", [MASS, np.float64(MASS), np.float32(MASS), np.array([MASS])])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "u2"])
def test_pair_comes_back_as_it_was(tmp_path, mass, dtype):
    image, found = read_pair(_axion(tmp_path / "a.npy", IMAGE.astype(dtype), mass))
    np.testing.assert_array_equal(image[0], IMAGE.astype(dtype))
    assert image.dtype == np.float64
    assert image.shape == (1, 10, 12)
    assert found == pytest.approx(MASS, rel=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([IMAGE, MASS])[:-200], "damaged pickle"),
        (pickle.dumps([1.0, MASS]), "expected an image"),
        (pickle.dumps([IMAGE, "heavy"]), "is no number"),
        (pickle.dumps([IMAGE, MASS, 1]), "expected an image"),
        (pickle.dumps({"image": IMAGE}), "expected an image"),
        (pickle.dumps([np.zeros(5), MASS]), "shape (5,)"),
        (b"", "neither a pickle nor an .npy file"),
        (b"hello", "neither a pickle nor an .npy file"),
    ],
)
def test_files_that_hold_no_pair(tmp_path, content, message):
    (tmp_path / "a.npy").write_bytes(content)
    text = _refused(lambda: convert(tmp_path / "a.npy", tmp_path / "out"), message)
    assert "a.npy" in text
    assert not list((tmp_path / "out").glob("*"))


def test_a_folder_becomes_a_dataset(tmp_path):
    source, out = tmp_path / "sim", tmp_path / "out"
    for i in range(3):
        _axion(source / "axion" / f"{i}.npy", IMAGE + i, MASS * (i + 1))
        (source / "no_sub").mkdir(exist_ok=True)
        np.save(source / "no_sub" / f"{i}.npy", IMAGE)
    done = convert(source, out)
    assert len(done.written) == 6
    assert not done.skipped
    saved = np.load(out / "axion" / "1.npy", allow_pickle=False)
    assert saved.dtype == np.float64
    np.testing.assert_array_equal(saved, (IMAGE + 1)[None])
    index = DatasetIndex.from_directory(out, classes=("no", "sphere", "vort"))
    assert index.labels.tolist() == [0] * 3 + [2] * 3
    assert read_image(index.paths[0]).shape == (10, 12, 1)
    lines = done.table.read_text().splitlines()
    assert lines[0] == "id,path,axion_mass"
    assert f"axion/1.npy,axion/1.npy,{MASS * 2!r}" in lines
    assert "no_sub/1.npy,no_sub/1.npy," in lines
    assert len(DatasetIndex.from_csv(done.table, label_column=None)) == 6
    assert not list(out.rglob("*.part"))


def test_what_was_converted_is_no_source(tmp_path, monkeypatch):
    (tmp_path / "sim" / "no").mkdir(parents=True)
    np.save(tmp_path / "sim" / "no" / "a.npy", IMAGE)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        convert(tmp_path / "sim", "sim/out")
    assert [path.name for path in (tmp_path / "sim").rglob("*.npy")] == ["a.npy"] * 2


def test_what_exists_is_left_alone_unless_asked(tmp_path):
    source, out = tmp_path / "sim", tmp_path / "out"
    _axion(source / "1.npy")
    convert(source, out)
    before = (out / "1.npy").stat().st_mtime_ns
    table = (out / "masses.csv").read_text()
    (out / "masses.csv").unlink()  # as after an interruption between images and table
    _axion(source / "2.npy", mass=2 * MASS)
    done = convert(source, out)
    assert [p.name for p in done.written] == ["2.npy"]
    assert [p.name for p in done.skipped] == ["1.npy"]
    assert (out / "1.npy").stat().st_mtime_ns == before
    assert set(table.splitlines()) < set((out / "masses.csv").read_text().splitlines())
    _axion(source / "1.npy", IMAGE * 2)
    assert len(convert(source, out, overwrite=True).written) == 2
    np.testing.assert_array_equal(np.load(out / "1.npy")[0], IMAGE * 2)


def test_a_bad_file_does_not_lose_what_is_done(tmp_path):
    source, out = tmp_path / "sim", tmp_path / "out"
    _axion(source / "1.npy")
    (source / "2.npy").write_bytes(b"rubbish")
    _refused(lambda: convert(source, out), "2.npy")
    np.testing.assert_array_equal(np.load(out / "1.npy")[0], IMAGE)
    assert repr(MASS) in (out / "masses.csv").read_text()
    _axion(source / "2.npy")
    done = convert(source, out)
    assert [p.name for p in done.written] == ["2.npy"]
    assert [p.name for p in done.skipped] == ["1.npy"]


def test_bad_folders(tmp_path):
    source = _axion(tmp_path / "sim" / "1.npy").parent
    _refused(lambda: convert(tmp_path / "none", tmp_path / "out"), "no such file or folder")
    _refused(lambda: convert(source, source), "the folder that is read")
    _refused(lambda: convert(source / "1.npy", source), "the folder that is read")
    (tmp_path / "empty").mkdir()
    _refused(lambda: convert(tmp_path / "empty", tmp_path / "out"), "to convert in this folder")
    (tmp_path / "file").write_text("")
    _refused(lambda: convert(source, tmp_path / "file" / "out"), "Cannot write")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "masses.csv").write_text("a,b\n1,2\n")
    _refused(lambda: convert(source, tmp_path / "out"), "not a table that this made")
    (source / "1.pkl").write_bytes(b"")
    _refused(lambda: convert(source, tmp_path / "other"), "written over")


def test_an_image_of_0_bytes_is_written_anew(tmp_path):
    _axion(tmp_path / "in" / "a.npy")
    convert(tmp_path / "in", tmp_path / "out")
    (tmp_path / "out" / "a.npy").write_bytes(b"")
    assert len(convert(tmp_path / "in", tmp_path / "out").written) == 1
    assert np.load(tmp_path / "out" / "a.npy").shape == (1, 10, 12)
