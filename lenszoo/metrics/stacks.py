"""Stacks of images, (n, H, W, bands), checked and processed in chunks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.masked import unmasked

Floats = NDArray[np.float64]

CHUNK_PIXELS = 250_000  # float64 values that a cache holds


def check_stack(images: ArrayLike, name: str) -> NDArray[Any]:
    """Check a stack of images and return it as an array; a memory map is not read.

    Args:
        images: shape (n, H, W, bands).
        name: name of the images, for the message.

    Raises:
        LenszooError: another number of axes, nothing in them, or no numbers.
    """
    stack = np.asanyarray(images)
    if stack.ndim != 4 or 0 in stack.shape or stack.dtype.kind not in "fiub":
        raise LenszooError(
            f"The {name} have shape {stack.shape} and type {stack.dtype}; pass numbers of shape "
            "(n, height, width, bands)."
        )
    return stack


def check_finite(images: ArrayLike, name: str) -> None:
    """Raise LenszooError, with the first row, if images (n, H, W, bands) hold NaN or inf."""
    stack = check_stack(images, name)
    for rows in chunks(stack.shape):
        finite(stack[rows], name, rows.start)


def chunks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Split the rows of a stack of this shape into chunks."""
    step = max(1, CHUNK_PIXELS // int(np.prod(shape[1:])))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def finite(part: NDArray[Any], name: str, start: int) -> NDArray[Any]:
    """Check a chunk for NaN and inf; return it as float32, or float64 where it needs that."""
    part = unmasked(part)
    values = np.asarray(part, np.result_type(part, np.float32))
    # a sum is quicker to check than its terms
    bad = ~np.isfinite(values.sum(axis=(1, 2, 3), dtype=np.float64))
    if bad.any():
        raise LenszooError(
            f"Row {start + int(bad.argmax())} of the {name} holds NaN or inf pixels: leave it out, "
            "or fill them."
        )
    return values


def pairs(
    first: ArrayLike, second: ArrayLike, names: tuple[str, str]
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Iterate over two stacks of one shape together, chunk by chunk."""
    a, b = check_stack(first, names[0]), check_stack(second, names[1])
    if a.shape != b.shape:
        raise LenszooError(
            f"The {names[0]} have shape {a.shape}, the {names[1]} {b.shape}: pass two stacks of "
            "one shape (n, height, width, bands)."
        )
    for rows in chunks(a.shape):
        yield finite(a[rows], names[0], rows.start), finite(b[rows], names[1], rows.start)
