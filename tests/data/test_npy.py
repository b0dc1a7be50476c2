"""The .npy reader: layouts and number types that are read, and every kind of file that is not."""

import io
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data.npy import image_layout, read_npy
from lenszoo.errors import LenszooError


def _saved(path: Path, array: np.ndarray, **options) -> Path:
    np.save(path, array, **options)
    return path


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((150, 120), (150, 120, 1)),
        ((1, 150, 120), (150, 120, 1)),
        ((1, 8, 8), (8, 8, 1)),
        ((4, 101, 99), (101, 99, 4)),
        ((101, 99, 4), (101, 99, 4)),
        ((1, 1, 64, 60), (64, 60, 1)),
        ((1, 3, 64, 60), (64, 60, 3)),
    ],
)
def test_layouts(tmp_path, shape, expected):
    array = np.random.default_rng(0).random(shape)
    image = read_npy(_saved(tmp_path / "a.npy", array))
    assert image.shape == expected
    assert image.dtype == np.float32
    inner = array.reshape(shape[-3:]) if len(shape) > 2 else array[None]
    bands_last = inner if inner.shape == expected else np.moveaxis(inner, 0, -1)
    np.testing.assert_array_equal(image, bands_last.astype(np.float32))


@pytest.mark.parametrize("shape", [(5,), (), (2, 1, 8, 8), (20, 30, 25), (4, 9, 4), (0, 8, 8)])
def test_arrays_that_are_no_image(tmp_path, shape):
    with pytest.raises(ValueError, match="shape"):
        image_layout(shape)
    one_line("a.npy: shape", lambda: read_npy(_saved(tmp_path / "a.npy", np.zeros(shape))))


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "f4", "f2", "u1", ">i2", "i8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_number_types_and_orders_agree_with_numpy(tmp_path, dtype, order):
    values = np.random.default_rng(1).integers(0, 2, (3, 11, 13)).astype(dtype, order=order)
    image = read_npy(_saved(tmp_path / "a.npy", values))
    np.testing.assert_array_equal(image, np.load(tmp_path / "a.npy").transpose(1, 2, 0))


def test_format_2_header(tmp_path):
    array = np.random.default_rng(2).random((9, 7))
    with (tmp_path / "a.npy").open("wb") as stream:
        np.lib.format.write_array(stream, array, version=(2, 0))
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy")[..., 0], array.astype(np.float32))


def test_result_is_not_overwritten_by_the_next_read(tmp_path):
    first = _saved(tmp_path / "a.npy", np.full((8, 8), 1.0))
    image = read_npy(first)
    read_npy(_saved(tmp_path / "b.npy", np.full((8, 8), 2.0)))
    assert (image == 1).all()


def test_out_is_filled_if_its_shape_fits(tmp_path):
    path = _saved(tmp_path / "a.npy", np.arange(12.0).reshape(3, 4))
    out = np.empty((3, 4, 1), np.float32)
    assert read_npy(path, out=out) is out
    assert out[2, 3, 0] == 11
    assert read_npy(path, out=np.empty((4, 4, 1), np.float32)).shape == (3, 4, 1)


def test_threads_read_into_buffers_of_their_own(tmp_path):
    paths = [_saved(tmp_path / f"{i}.npy", np.full((40, 40), float(i))) for i in range(8)]
    wrong = []

    def read(i: int) -> None:
        for _ in range(50):
            if not (read_npy(paths[i]) == i).all():
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_float64_beyond_float32_becomes_infinite_quietly(tmp_path):
    image = read_npy(_saved(tmp_path / "a.npy", np.full((3, 3), 1e300)))
    assert np.isinf(image).all()


def _npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


WHOLE = _npy_bytes(np.random.default_rng(3).random((1, 15, 15)))
PAIR = np.array([np.zeros((3, 3)), 1e-22], dtype=object)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"not a numpy file at all", "not an .npy file"),
        (WHOLE[:7], "truncated within its header"),
        (WHOLE[:60], "truncated within its header"),
        (WHOLE[:128], "truncated, 128 of 1928 bytes"),
        (WHOLE[:-1], "truncated, 1927 of 1928 bytes"),
        (WHOLE + WHOLE, "1928 bytes follow the array"),
        (WHOLE.replace(b"'shape': (1, 15, 15)", b"'shape': (1, 15, -5)"), "holds no pixels"),
        (WHOLE.replace(b"15), }   ", b"15000000)}"), "truncated"),
        (WHOLE.replace(b"'descr'", b"'dexcr'"), "a.npy: "),
        (WHOLE.replace(b"<f8", b"<c8"), "complex64 are not pixels"),
        (WHOLE.replace(b"\x01\x00v", b"\x09\x00v"), "format (9, 0)"),
        (_npy_bytes(np.array([["a", "b"]])), "are not pixels"),
        (_npy_bytes(PAIR), "lenszoo convert"),
        (pickle.dumps([np.zeros((3, 3)), 1.0]), "lenszoo convert"),
    ],
)
def test_damaged_and_foreign_files_get_one_line(tmp_path, content, message):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(LenszooError) as caught:
        read_npy(path)
    text = str(caught.value)
    assert message in text
    assert str(path) in text
    assert "\n" not in text


def test_a_pickled_file_is_never_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    np.save(tmp_path / "a.npy", np.array([Payload()], dtype=object))
    one_line("pickled", lambda: read_npy(tmp_path / "a.npy"))
    assert not (tmp_path / "ran").exists()


def test_missing_file_and_folder(tmp_path):
    one_line("no such file", lambda: read_npy(tmp_path / "none.npy"))
    (tmp_path / "folder.npy").mkdir()
    one_line("not a regular file", lambda: read_npy(tmp_path / "folder.npy"))


def test_a_header_whose_shape_is_no_number(tmp_path):
    content = _saved(tmp_path / "a.npy", np.zeros((1, 64, 64))).read_bytes()
    forged = content.replace(b"(1, 64, 64), }   ", b"(True, 64, 64), }")
    assert forged != content
    (tmp_path / "a.npy").write_bytes(forged)
    one_line("a.npy: ", lambda: read_npy(tmp_path / "a.npy"))


@pytest.mark.parametrize("text", ["(" * 3000, "-" * 8000 + "1", "{" * 500, "__import__('os')"])
def test_a_header_that_python_cannot_parse(tmp_path, text):
    header = text.encode() + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    (tmp_path / "a.npy").write_bytes(start + header + bytes(64))
    one_line("a.npy: ", lambda: read_npy(tmp_path / "a.npy"))
