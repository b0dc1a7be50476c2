"""The ``.npy`` format: a strict, fast reader that never unpickles.

A header is parsed once for every distinct header text; thousands of files of one dataset share it.
"""

import functools
import io
import math
import os
import threading
from dataclasses import dataclass

import numpy as np

from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line, unreadable

MAX_BANDS = 10
"""The most bands an image may have; it tells the band axis of a 3-D array from rows and columns."""

BANDS_FIRST = (1, 2, 0)
"""Order of axes that brings (bands, H, W) to (H, W, bands)."""

# A header is padded to 64 bytes and describes one array; this is hundreds of times that.
_MAX_HEADER = 2**16
_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True)
class NpyHeader:
    """Header of an ``.npy`` file, and how its array becomes (H, W, bands).

    ``array.reshape(hwc_shape).transpose(hwc_axes)`` is the image.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool
    offset: int
    hwc_shape: tuple[int, int, int]
    hwc_axes: tuple[int, int, int]

    @property
    def nbytes(self) -> int:
        """Size in bytes of the array, without the header."""
        return math.prod(self.shape) * self.dtype.itemsize


def image_layout(shape: tuple[int, ...]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the 3-D shape and the axis order that bring an array to (H, W, bands).

    The rule: 2-D is (H, W). In 3-D the shorter end of the shape is the band axis, (C, H, W) or
    (H, W, C), with at most ten bands: DeepLense's (1, 150, 150) is one band. A leading axis of
    length 1 in 4-D (a batch of one image) is dropped.

    Raises:
        ValueError: when the rule gives no answer; the message is a phrase, not a sentence.
    """
    if any(type(n) is not int or n < 1 for n in shape):  # True would be a 1 to NumPy
        raise ValueError(f"shape {shape} holds no pixels")
    inner = shape[1:] if len(shape) == 4 and shape[0] == 1 else shape
    if len(inner) == 2:
        return (inner[0], inner[1], 1), (0, 1, 2)
    if len(inner) != 3:
        raise ValueError(f"shape {shape} is not one image: (H, W), (C, H, W) or (H, W, C)")
    first, middle, last = inner
    if min(first, last) > MAX_BANDS:
        raise ValueError(f"shape {shape} has no axis of at most {MAX_BANDS} bands")
    if first == last:
        raise ValueError(f"shape {shape} may be (C, H, W) as well as (H, W, C)")
    return (first, middle, last), (BANDS_FIRST if first < last else (0, 1, 2))


def as_stored(pixels: np.ndarray, shape: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    """Bring (H, W, bands) to the order of axes of the array that was read.

    Args:
        pixels: the image, of any size.
        shape: of the array that was read.
        axes: the order that :func:`image_layout` gave for it.
    """
    if len(shape) == 2:
        return pixels[..., 0]
    stored = pixels.transpose(np.argsort(axes))
    return stored[None] if len(shape) == 4 else stored


def read_npy(path: str | os.PathLike[str], out: np.ndarray | None = None) -> np.ndarray:
    """Read one image from an ``.npy`` file.

    Any real number type is accepted and cast to float32; values are kept as they are. The layout
    follows :func:`image_layout`.

    Args:
        path: the file.
        out: a float32 array (H, W, bands) that is filled and returned, if the image has its shape.

    Returns:
        float32 array (H, W, bands).

    Raises:
        LenszooError: the file is missing, truncated, not ``.npy``, pickled, empty, or no image.
    """
    name = os.fspath(path)
    try:
        view = _decode(_read_bytes(name), name)
    except OSError as error:
        raise unreadable(name, error) from error
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf: the checks count it
        if out is None or out.shape != view.shape:
            return view.astype(np.float32, order="C")
        out[...] = view
    return out


def read_header(path: str | os.PathLike[str]) -> NpyHeader:
    """Read the header of an ``.npy`` file alone.

    Raises:
        LenszooError: as :func:`read_npy`, except for a truncated array.
    """
    with open_regular(path) as stream:
        return parse_header(stream.read(_MAX_HEADER), os.fspath(path))


# Reading into a buffer that stays is four times faster than into new memory for every file: the
# system clears new memory page by page.
_buffers = threading.local()
_KEPT_BYTES = 2**23


def _read_bytes(name: str) -> memoryview:
    """Return the bytes of a file, in memory that the next call of this thread overwrites."""
    with open_regular(name) as stream:
        size = os.fstat(stream.fileno()).st_size
        buffer = getattr(_buffers, "bytes", b"")
        if len(buffer) < size:
            buffer = bytearray(size)
            if size <= _KEPT_BYTES:
                _buffers.bytes = buffer
        view, have = memoryview(buffer)[:size], 0
        while have < size and (n := stream.readinto(view[have:])):
            have += n
        return view[:have]


def _decode(raw: memoryview, name: str) -> np.ndarray:
    """Return the (H, W, bands) view into the bytes of an ``.npy`` file, in the file's own dtype."""
    header = parse_header(raw, name)
    have = len(raw) - header.offset
    if have < header.nbytes:
        raise LenszooError(
            f"{name}: truncated, {len(raw)} of {header.offset + header.nbytes} bytes; "
            "copy or make it again."
        )
    if have > header.nbytes:
        raise LenszooError(
            f"{name}: {have - header.nbytes} bytes follow the array; "
            "store one array of shape (H, W, bands) in each file."
        )
    array = np.frombuffer(raw, header.dtype, offset=header.offset)
    array = array.reshape(header.shape, order="F" if header.fortran_order else "C")
    return array.reshape(header.hwc_shape).transpose(header.hwc_axes)


def parse_header(raw: bytes | memoryview, name: str) -> NpyHeader:
    """Parse the header at the start of ``raw``, the bytes of the file called ``name``.

    Raises:
        LenszooError: as :func:`read_npy` does, except for a truncated array.
    """
    if raw[:6] != _MAGIC:
        if raw[:1] == b"\x80":
            raise _pickled(name)
        if not raw:
            raise LenszooError(f"{name}: the file is empty; copy or make it again.")
        raise LenszooError(f"{name}: not an .npy file (it starts with {bytes(raw[:6])!r}).")
    version = tuple(raw[6:8])
    if len(version) < 2:
        raise LenszooError(f"{name}: truncated within its header; copy or make it again.")
    if version not in ((1, 0), (2, 0)):
        raise LenszooError(f"{name}: .npy format {version} is not read; save it with numpy.save.")
    wide = 2 * version[0]
    offset = 8 + wide + int.from_bytes(raw[8 : 8 + wide], "little")
    if len(raw) < max(8 + wide, offset):
        raise LenszooError(f"{name}: truncated within its header; copy or make it again.")
    try:
        return _parse(bytes(raw[:offset]))
    except _PickledError:
        raise _pickled(name) from None
    except Exception as error:  # Python's parser raises nearly anything, MemoryError too
        raise LenszooError(f"{name}: {one_line(error)}.") from error


class _PickledError(ValueError):
    """The array holds Python objects."""


@functools.lru_cache(maxsize=256)
def _parse(header: bytes) -> NpyHeader:
    stream = io.BytesIO(header)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version == (2, 0):
        read = np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read(stream)
    if dtype.hasobject:
        raise _PickledError
    if dtype.kind not in "fiub":
        raise ValueError(f"values of type {dtype} are not pixels; store real numbers")
    hwc_shape, hwc_axes = image_layout(shape)
    return NpyHeader(shape, dtype, fortran_order, len(header), hwc_shape, hwc_axes)


def _pickled(name: str) -> LenszooError:
    return LenszooError(
        f"{name}: holds pickled Python objects, which can run code when read; "
        f"`lenszoo convert {name} OUT` reads NumPy arrays from it safely."
    )
