import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lenszoo.data.chunked import by_chunks


class _Counted:
    """An array in chunks of 4 rows that counts how often it is read."""

    def __init__(self, values, chunks):
        self.values, self.chunks, self.reads = values, chunks, []
        self.shape, self.dtype = values.shape, values.dtype
        self._lock = threading.Lock()

    def __getitem__(self, where):
        with self._lock:
            self.reads.append(where)
        return self.values[where]


def test_rows_in_order_read_each_chunk_once_also_by_threads():
    values = np.random.default_rng(0).normal(size=(22, 3))
    stored = _Counted(values, (4, 3))
    array = by_chunks(stored, None)
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(array.__getitem__, range(22)))
    np.testing.assert_array_equal(rows, values)
    assert len(stored.reads) == 6 and array.shape == (22, 3) and len(array) == 22


def test_rows_at_random_and_arrays_in_one_piece_are_right():
    values = np.arange(44.0).reshape(22, 2)
    for chunks in ((4, 2), (1, 2), (100, 2), None):
        array = by_chunks(_Counted(values, chunks), None)
        for row in np.random.default_rng(1).integers(0, 22, 50):
            np.testing.assert_array_equal(array[row], values[row])
        np.testing.assert_array_equal(array[...], values)
    huge = _Counted(values, (2**30, 2))  # such a chunk is not kept
    by_chunks(huge, None)[3]
    assert huge.reads == [3]
