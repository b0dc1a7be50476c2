"""Arrays on a 64-byte boundary, which TensorFlow shares uncopied."""

import math
from collections.abc import Sequence

import numpy as np

from lenszoo.data.checks import row_numbers
from lenszoo.errors import LenszooError

BOUNDARY = 64  # bytes
CHUNK = 256  # images copied at once


def is_aligned(array: np.ndarray) -> bool:
    """Tell whether TensorFlow can share an array: float32, in one piece and on the boundary."""
    flags = array.flags
    plain = array.dtype == np.float32 and flags.c_contiguous and flags.writeable
    return plain and array.ctypes.data % BOUNDARY == 0


def aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    """Return an empty float32 array on the boundary.

    Raises:
        LenszooError: it does not fit into memory.
    """
    nbytes = 4 * math.prod(shape)
    try:
        raw = np.empty(nbytes + BOUNDARY, np.uint8)
    except MemoryError:
        raise LenszooError(
            f"{shape[0]} images of {shape[1:]} need {nbytes / 2**30:.1f} GiB of memory; "
            "read fewer at once, or stream them with image_dataset(..., cache=False)."
        ) from None
    start = -raw.ctypes.data % BOUNDARY
    return raw[start : start + nbytes].view(np.float32).reshape(shape)


def aligned_take(images: np.ndarray, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return ``images[rows]``, where they are float32 on the boundary."""
    rows = row_numbers(rows, len(images), "images")
    if images.dtype != np.float32:
        return images[rows]
    out = aligned_empty((len(rows), *images.shape[1:]))
    for start in range(0, len(rows), CHUNK):  # no second copy of them all
        part = slice(start, start + CHUNK)
        out[part] = images[rows[part]]
    return out
