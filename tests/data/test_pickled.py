"""Pickles of arrays are read, and one that wants more is refused unrun."""

import os
import pickle
import pickletools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import convert
from lenszoo.data.convert import read_pair

IMAGE = np.random.default_rng(0).random((10, 12)) * 40
MASS = 3.5e-23


def _axion(path: Path, image=IMAGE, mass: object = MASS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.array([image, mass], dtype=object), allow_pickle=True)
    return path


def _refused(read, message: str) -> str:
    return one_line(message, read)


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


def test_a_small_pickle_may_not_claim_much_memory(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04Nr\xff\xff\xff\x0f.")  # memo 2**28, of nothing
    tracemalloc.start()
    _refused(lambda: read_pair(tmp_path / "a.pkl"), "a.pkl: ")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24


def test_object_flags_cannot_be_forged(tmp_path):
    """A dtype whose pickled state hides that it holds pointers must not become an array."""
    honest = pickle.dumps([np.array([1, None], object), 1.0], protocol=4)
    forged = honest.replace(b"K?t", b"K\x00t").replace(b"]\x94(K\x01Ne", b"C\x10" + b"A" * 16)
    assert forged != honest
    (tmp_path / "a.pkl").write_bytes(forged)
    _refused(lambda: read_pair(tmp_path / "a.pkl"), "a.pkl: ")


# arrays at 4 GB, of a byte; one list in 4 * 10**8 places; a key whose hash takes years
CLAIMS = b"\x80\x05\x96" + (4 << 30).to_bytes(8, "little") + b"x."
REPEATS = b"\x80\x04](" + b"N" * 20_000 + b"eq\x00](" + b"h\x00" * 20_000 + b"e."
NESTED = b")" + b"2\x86" * 60


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (CLAIMS, "claims 4,294,967,296 bytes"),
        (REPEATS, "repeats its lists"),
        (b"\x80\x04}" + NESTED + b"Ns.", "keys that are neither"),
        (b"\x80\x04}(" + NESTED + b"Nu.", "keys that are neither"),
        (b"\x80\x04\x8f(" + NESTED + b"\x90.", "holds sets"),
        (b"\x80\x04(" + NESTED + b"\x91.", "holds sets"),
        (b"\x80\x04(" + NESTED + b"Nd.", "holds sets or an old form"),
        (b"\x80\x04]}b.", "changes what is no part of it"),
    ],
)
def test_small_pickles_take_neither_memory_nor_time(tmp_path, program, message):
    (tmp_path / "a.pkl").write_bytes(program)
    tracemalloc.start()
    _refused(lambda: read_pair(tmp_path / "a.pkl"), message)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24


def test_a_mass_of_a_thousand_digits_is_none(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([IMAGE, 10**1000]))
    _refused(lambda: read_pair(tmp_path / "a.pkl"), "the mass beside the image is no number")
