"""NumPy arrays out of a pickle, of which nothing is run.

A pickle is a program that names functions and calls them. Here the names that NumPy writes for its
arrays stand for plain records, which keep what they are given; every other name is refused before
it is imported. To allow NumPy's own functions instead would be shorter and unsafe: the
``__setstate__`` of its dtypes and arrays believes forged flags. Arrays are built from the records
afterwards, with every size checked.
"""

import io
import math
import pickle
import re
from typing import Any

import numpy as np

from lenszoo.errors import LenszooError, one_line


def unpickle_arrays(raw: bytes, name: str) -> Any:
    """Return what a pickle holds: an array, or a list of arrays and plain Python values.

    Args:
        raw: the pickle.
        name: the file it came from, for messages.

    Raises:
        LenszooError: the pickle is damaged, or wants anything but NumPy arrays and numbers.
    """
    try:
        return _build(_RecordUnpickler(io.BytesIO(raw)).load())
    except _RefusedError as error:
        raise LenszooError(
            f"{name}: refused, this pickle wants {error}, which is no part of a NumPy array; "
            "nothing of it was run. Convert it only where it was made, if you trust its maker."
        ) from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise LenszooError(f"{name}: damaged pickle ({one_line(error)}); make it again.") from error


class _RefusedError(Exception):
    """The pickle wants something that is no part of a NumPy array."""


class _Dtype:
    """Arguments of a dtype: a type code such as "f8", and a byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str, _align: bool = False, _copy: bool = False):
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    def number_type(self) -> np.dtype | None:
        """Return the dtype of numbers, or None for objects."""
        if self.code in ("O", "O8"):
            return None
        if not re.fullmatch(r"[fiu](1|2|4|8|16)|b1", self.code) or self.order not in tuple("<>=|"):
            raise _RefusedError(f"the type {self.code!r}")
        return np.dtype(self.order.replace("|", "=") + self.code)


class _Array:
    """Arguments of an array: ``state`` is (version, shape, dtype, is_fortran, data)."""

    __slots__ = ("state",)

    def __init__(self, *_placeholder: Any):
        self.state: tuple = ()

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def build(self) -> np.ndarray | list:
        """Return the array of numbers, or a flat list of what an object array holds."""
        _, shape, dtype, is_fortran, data = self.state
        number_type = dtype.number_type()
        if number_type is None:
            if len(data) != math.prod(shape):
                raise ValueError("the array's shape and contents differ")
            return list(data)
        return np.frombuffer(data, number_type).reshape(shape, order="F" if is_fortran else "C")


class _Scalar(_Array):
    """Arguments of a NumPy number: its dtype and bytes."""

    __slots__ = ()

    def __init__(self, dtype: _Dtype, data: bytes):
        self.state = (1, (), dtype, False, data)


class _BufferArray(_Array):
    """Arguments of an array in pickle protocol 5."""

    __slots__ = ()

    def __init__(self, data: bytes, dtype: _Dtype, shape: tuple, order: str):
        self.state = (1, shape, dtype, order == "F", data)


# NumPy's modules were called numpy.core before version 2.
_RECORDS: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): "ndarray",  # only ever an argument of _reconstruct
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _Scalar,
    ("numpy._core.multiarray", "scalar"): _Scalar,
    ("numpy.core.numeric", "_frombuffer"): _BufferArray,
    ("numpy._core.numeric", "_frombuffer"): _BufferArray,
}


# The unpickler in Python: that in C makes room for as many memos as a pickle of 20 bytes claims.
class _RecordUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return the record that stands for a part of NumPy arrays; refuse everything else."""
        try:
            return _RECORDS[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None


def _build(content: Any, depth: int = 0) -> Any:
    if depth > 3:
        raise ValueError("nested too deeply")
    if isinstance(content, _Array):
        content = content.build()
    if isinstance(content, list | tuple):
        return [_build(item, depth + 1) for item in content]
    return content
