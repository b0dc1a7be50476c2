"""Rows of arrays that are stored in chunks, such as those of HDF5 and Zarr."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_KEPT = 2  # chunks of rows
_MOST = 2**28  # bytes of one


class Arrays(NamedTuple):
    """The arrays of a file: their shapes, and a function that opens one."""

    shapes: dict[str, tuple[int, ...]]
    open: Callable[[str], Any]


class ChunkedArray:
    """An array (n, ...) of a file, which stays open as long as it; its last chunks are kept.

    Without that, each row that is asked for would unpack the whole chunk again.

    Args:
        array: of h5py or Zarr.
        rows: rows of a chunk; 1 keeps nothing.
        file: is held as long as the array.
    """

    def __init__(self, array: Any, rows: int, file: Any) -> None:
        self._array, self._rows, self._file = array, rows, file
        self.shape, self.dtype = tuple(map(int, array.shape)), array.dtype
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: Any) -> Any:
        if self._rows == 1 or not isinstance(row, int | np.integer):
            return self._array[row]
        chunk, place = divmod(int(row), self._rows)
        with self._lock:
            if chunk not in self._kept:
                start = chunk * self._rows
                self._kept[chunk] = np.asarray(self._array[start : start + self._rows])
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(chunk)
            return self._kept[chunk][place]


def by_chunks(array: Any, file: Any) -> ChunkedArray:
    """Return an array of h5py or Zarr whose rows are read chunk by chunk.

    Args:
        array: has ``shape``, ``dtype`` and ``chunks``; these are None where it lies in one piece.
        file: is held as long as the array.
    """
    rows = int(array.chunks[0]) if array.chunks else 1
    size = np.dtype(array.dtype).itemsize * rows * int(np.prod(array.shape[1:], dtype=np.int64))
    return ChunkedArray(array, rows if size <= _MOST else 1, file)
