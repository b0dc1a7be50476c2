"""Stacks: many images in one file, read one by one: .npy, .npz, HDF5 and Zarr.

A file may hold several arrays; ``file.npz[images]`` and ``file.h5[group/images]`` name one. Without
a name it is the array called ``images``, or the only one.
"""

import contextlib
import os
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.chunked import Arrays, by_chunks
from lenszoo.data.npy import BANDS_FIRST, as_stored, image_layout, read_header
from lenszoo.data.part import ImagePart
from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line

IMAGES, LABELS = "images", "labels"
SUFFIXES = (".npy", ".npz", ".h5", ".hdf5", ".zarr")
"""File name endings of stacks, in lower case; a ``.npy`` may be a single image."""

_DAMAGE = (OSError, ValueError, LookupError, TypeError, RuntimeError, ArithmeticError, zlib.error)

# Bytes of an array in an .npz that may always be claimed, and for each byte that is stored.
_CLAIMED, _CLAIMED_A_BYTE = 2**28, 50


class StackRow(ImagePart):
    """One image of a stack, read when it is asked for.

    Args:
        path: the file.
        place: the array and the row, as messages call them.
        array: (n, ...) rows of pixels.
        row: which of them.
        layout: shape (H, W, bands) of an image once its axes are ordered, and their order.
    """

    def __init__(
        self, path: str, place: str, array: Any, row: int, layout: tuple[Any, Any]
    ) -> None:
        super().__init__(path, place)
        self._array, self._row, self._layout = array, row, layout

    def as_stored(self, pixels: np.ndarray) -> np.ndarray:
        """Bring pixels (H, W, bands) to the axes of the stack's rows."""
        return as_stored(pixels, self._array.shape[1:], self._layout[1])

    def stored(self) -> bytes:
        """Return the bytes of the row, by which copies of an image are known."""
        return np.ascontiguousarray(self._pixels()).tobytes()

    def _pixels(self) -> Any:
        try:
            return self._array[self._row]
        except _DAMAGE as error:  # HDF5 and Zarr read only now
            raise LenszooError(
                f"{self}: damaged ({one_line(error)}); copy or make the file again."
            ) from error

    def read(self) -> np.ndarray:
        """Read the row, float32 (H, W, bands)."""
        shape, axes = self._layout
        with np.errstate(over="ignore"):
            image = np.asarray(self._pixels()).astype(np.float32)
        return np.ascontiguousarray(image.reshape(shape).transpose(axes))


class StackRows(Sequence[StackRow]):
    """The images of a stack, each made when it is asked for.

    Args:
        path: the file.
        key: the name of the array in brackets, as messages call it; may be empty.
        array: (n, ...) rows of pixels.
        layout: as of :class:`StackRow`.
    """

    def __init__(self, path: str, key: str, array: Any, layout: tuple[Any, Any]) -> None:
        self._path, self._key, self._array, self._layout = path, key, array, layout

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[k] for k in range(*row.indices(len(self)))]
        place = range(len(self))[row]  # also from the end; an IndexError beyond it
        return StackRow(self._path, f"{self._key}[{place}]", self._array, place, self._layout)


@dataclass(frozen=True)
class Stack:
    """The images of a file.

    Attributes:
        images: one a row.
        arrays: all arrays of the file; None of an ``.npy``.
        group: the group of the images in it.
    """

    images: StackRows
    arrays: Arrays | None = None
    group: str = ""

    @property
    def labels(self) -> np.ndarray | None:
        """The array called ``labels`` beside the images, or None."""
        return self.beside(LABELS)

    @property
    def columns(self) -> list[str]:
        """Names of the arrays beside the images that hold one value a row."""
        if self.arrays is None:
            return []
        names = (name.removeprefix(self.group) for name in self.arrays.shapes)
        return [
            name for name in names if "/" not in name and self._shape(name) == (len(self.images),)
        ]

    def beside(self, name: str) -> np.ndarray | None:
        """Read an array beside the images; None where there is none."""
        if self.arrays is None or self._shape(name) is None:
            return None
        return np.asarray(self.arrays.open(self.group + name)[...])

    def _shape(self, name: str) -> tuple[int, ...] | None:
        return None if self.arrays is None else self.arrays.shapes.get(self.group + name)


def _arrays_of_npz(path: Path) -> Arrays:
    try:
        with open_regular(path) as raw, zipfile.ZipFile(raw) as archive:
            sizes = {info.filename: info for info in archive.infolist()}
            shapes = {}
            for member, info in sizes.items():
                if info.file_size > max(_CLAIMED, _CLAIMED_A_BYTE * info.compress_size):
                    raise LenszooError(
                        f"{path}: {member} unpacks to {info.file_size:,} bytes, too much for what "
                        "is stored; save it with numpy.savez, uncompressed."
                    )
                with archive.open(member) as stream:
                    version = np.lib.format.read_magic(stream)
                    read = np.lib.format.read_array_header_1_0
                    if version != (1, 0):
                        read = np.lib.format.read_array_header_2_0
                    shapes[member.removesuffix(".npy")] = read(stream)[0]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, LenszooError):
            raise
        raise LenszooError(f"{path}: damaged, or no .npz file ({one_line(error)}).") from error

    def open_array(name: str) -> Any:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return arrays[name]
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise LenszooError(f"{path}: {name} cannot be read ({one_line(error)}).") from error

    return Arrays(shapes, open_array)


def _arrays_of_hdf5(path: Path) -> Arrays:
    from lenszoo.data.untrusted import open_hdf5  # and with it h5py

    open_regular(path).close()
    kept_open = contextlib.ExitStack()  # until the stack is gone: its images are read one by one
    file = kept_open.enter_context(open_hdf5(path))
    shapes: dict[str, tuple[int, ...]] = {}
    file.visititems(
        lambda name, node: shapes.update({name: node.shape} if hasattr(node, "shape") else {})
    )
    return Arrays(shapes, lambda name: by_chunks(file[name], kept_open))


def _arrays_of_zarr(path: Path) -> Arrays:
    from lenszoo.data.zarr_store import open_zarr

    return open_zarr(path)


_READERS = (
    ((".npz",), _arrays_of_npz),
    ((".h5", ".hdf5"), _arrays_of_hdf5),
    ((".zarr",), _arrays_of_zarr),
)
_BRACKETS = re.compile(r"(.+\.(?:npz|h5|hdf5|zarr))\[([^\[\]]+)\]", re.IGNORECASE)
_ROW = re.compile(rf"(.+\.(?:{'|'.join(s[1:] for s in SUFFIXES)})(?:\[[^\[\]]+\])?)\[(\d+)\]", re.I)


def is_stack_file(name: str | os.PathLike[str]) -> bool:
    """Whether a file may be a stack by its ending; ``file.h5[images]`` too."""
    return stack_file(name).lower().endswith(SUFFIXES)


def is_store(name: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a stack which is a folder, a Zarr store."""
    return stack_file(name).lower().rstrip("/").endswith(".zarr")


def stack_file(name: str | os.PathLike[str]) -> str:
    """Return the file of a stack, without the name of an array in brackets."""
    match = _BRACKETS.fullmatch(os.fspath(name))
    return match[1] if match else os.fspath(name)


def split_row(name: str) -> tuple[str, int] | None:
    """Split ``"file.h5[images][17]"`` into stack and row; None for what is no row of a stack.

    >>> split_row("file.h5[images][17]"), split_row("file.npy[3]"), split_row("file.npy")
    (('file.h5[images]', 17), ('file.npy', 3), None)
    """
    match = _ROW.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def open_stack(name: str) -> Stack | None:
    """Open a file of many images; None for one that is no stack, such as a single image.

    An ``.npy`` is a stack when it has four axes, (n, H, W, bands) or (n, bands, H, W) with n > 1,
    or three of which none can be the bands, (n, H, W). It is mapped into memory.

    Raises:
        LenszooError: several arrays and no name, no such array, or one that is no stack of images.
    """
    match = _BRACKETS.fullmatch(name)
    path, key = (Path(match[1]), match[2]) if match else (Path(name), None)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _npy(path)
    reader = next((read for endings, read in _READERS if suffix in endings), None)
    if reader is None:
        return None
    arrays = reader(path)
    images = {each: shape for each, shape in arrays.shapes.items() if len(shape) in (3, 4)}
    if key is None:
        key = IMAGES if IMAGES in images else next(iter(images), None)
        if key is None or (key != IMAGES and len(images) > 1):
            listed = ", ".join(f"{each} {shape}" for each, shape in arrays.shapes.items())
            raise LenszooError(
                f"{path}: which array holds the images? Name it in brackets, as in "
                f"'{path.name}[images]'; there are: {listed or 'none'}."
            )
    if key not in images:
        raise LenszooError(
            f"{path}: no array {key!r} of images (n, H, W, bands); there are: "
            f"{', '.join(arrays.shapes) or 'none'}."
        )
    group = key[: key.rfind("/") + 1]
    rows = _rows(str(path), arrays.open(key), f"[{match[2]}]" if match else "")
    return Stack(rows, arrays, group)


def _npy(path: Path) -> Stack | None:
    open_regular(path).close()
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, TypeError):
        return None  # the reader of single images says what is wrong
    if array.ndim == 4 and array.shape[0] > 1:
        return Stack(_rows(str(path), array))
    if array.ndim == 3 and _is_no_image(array.shape):
        return Stack(_rows(str(path), array))
    return None


def note_bands_first(path: Any) -> str | None:
    """Say of an ``.npy`` of few planes that it is one image of many bands; None of any other image.

    In memory, an array (n, H, W) is n images of one band.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path).lower().endswith(".npy"):
        return None
    try:
        header = read_header(path)
    except LenszooError:  # reading it will tell
        return None
    count, height, width = header.hwc_shape
    if len(header.shape) != 3 or count == 1 or header.hwc_axes != BANDS_FIRST:
        return None
    return (
        f"{os.fspath(path)}: {header.shape} is read as one image of {count} bands; for {count} "
        f"images save it as {(count, height, width, 1)}."
    )


def _is_no_image(shape: tuple[int, ...]) -> bool:
    try:
        image_layout(shape)
    except ValueError:
        return min(shape) > 0 and shape[0] != shape[2]
    return False


def _rows(path: str, array: Any, key: str = "") -> StackRows:
    if not array.shape[0]:
        raise LenszooError(f"{path}{key}: shape {array.shape} holds no images.")
    if array.dtype.kind not in "fiub":
        raise LenszooError(f"{path}{key}: values of type {array.dtype} are not pixels.")
    try:
        layout = image_layout(tuple(map(int, array.shape[1:])))
    except ValueError as error:
        raise LenszooError(f"{path}{key}: its images: {error}.") from error
    return StackRows(path, key, array, layout)
