"""Pickled DeepLenseSim files are converted; a pickle that wants more is refused unrun."""

import os
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

from lenszoo.data import DatasetIndex, convert, read_image
from lenszoo.data.convert import read_pair
from lenszoo.errors import LenszooError

IMAGE = np.random.default_rng(0).random((10, 12)) * 40
MASS = 3.5e-23


def _axion(path: Path, image=IMAGE, mass: object = MASS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.array([image, mass], dtype=object), allow_pickle=True)
    return path


def _refused(read, message: str) -> str:
    with pytest.raises(LenszooError) as caught:
        read()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("mass", [MASS, np.float64(MASS), np.float32(MASS), np.array([MASS])])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "u2"])
def test_pair_comes_back_as_it_was(tmp_path, mass, dtype):
    image, found = read_pair(_axion(tmp_path / "a.npy", IMAGE.astype(dtype), mass))
    np.testing.assert_array_equal(image[0], IMAGE.astype(dtype))
    assert image.dtype == np.float64
    assert image.shape == (1, 10, 12)
    assert found == pytest.approx(MASS, rel=1e-6)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_bare_pickles_of_every_protocol(tmp_path, protocol, order):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([np.asarray(IMAGE, order=order), MASS], protocol=protocol))
    image, mass = read_pair(path)
    np.testing.assert_array_equal(image[0], IMAGE)
    assert mass == MASS


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_module_names_of_numpy_1_and_2(tmp_path, module):
    content = pickle.dumps([IMAGE, np.float64(MASS)], protocol=3)
    written = b"numpy._core.multiarray" if b"numpy._core" in content else b"numpy.core.multiarray"
    (tmp_path / "a.pkl").write_bytes(content.replace(written, module))
    image, mass = read_pair(tmp_path / "a.pkl")
    np.testing.assert_array_equal(image[0], IMAGE)
    assert mass == MASS


class _Payload:
    """What an attacker's pickle does: call os.system when it is read."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("wrap", ["npy", "bare", "inside"])
def test_a_payload_is_refused_and_does_not_run(tmp_path, wrap):
    proof = tmp_path / "ran"
    payload = _Payload(f"touch {proof}")
    path = tmp_path / "a.npy"
    if wrap == "bare":
        path.write_bytes(pickle.dumps(payload))
    else:
        items = [payload, 1.0] if wrap == "npy" else [IMAGE, payload]
        array = np.empty(2, object)
        array[:] = items
        np.save(path, array, allow_pickle=True)
    text = _refused(lambda: convert(path, tmp_path / "out"), "refused, this pickle wants")
    assert "system" in text
    assert "a.npy" in text
    assert not proof.exists()
    # The payload is real: the ordinary unpickler runs it.
    np.load(path, allow_pickle=True) if wrap != "bare" else pickle.loads(path.read_bytes())
    assert proof.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins.eval", "numpy.load", "numpy.ndarray.tofile", "numpy.core.multiarray.fromfile"],
)
def test_nothing_but_the_parts_of_arrays_is_found(tmp_path, name):
    module, attribute = name.rsplit(".", 1) if "ndarray" not in name else ("numpy", name[6:])
    program = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode()
    program += b"\x8c" + bytes([len(attribute)]) + attribute.encode() + b"\x93)R."
    pickletools.dis(program, out=(tmp_path / "listing").open("w"))  # a well-formed pickle
    (tmp_path / "a.pkl").write_bytes(program)
    assert name in _refused(lambda: read_pair(tmp_path / "a.pkl"), "refused")


def test_object_flags_cannot_be_forged(tmp_path):
    """A dtype whose pickled state hides that it holds pointers must not become an array."""
    honest = pickle.dumps([np.array([1, None], object), 1.0], protocol=4)
    forged = honest.replace(b"K?t", b"K\x00t").replace(b"]\x94(K\x01Ne", b"C\x10" + b"A" * 16)
    assert forged != honest
    (tmp_path / "a.pkl").write_bytes(forged)
    _refused(lambda: read_pair(tmp_path / "a.pkl"), "a.pkl: ")


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
