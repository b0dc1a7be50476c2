"""NumPy arrays out of a pickle, of which nothing is run; the unpickler that bounds memory and time.

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
        return _build(_RecordUnpickler(raw).load(), [len(raw)])
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


# In Python: the unpickler in C makes room for as many memos as a pickle of 20 bytes claims.
_Unpickler: Any = pickle._Unpickler


class BoundedUnpickler(_Unpickler):
    """Unpickler of which subclasses say which names it knows, that never runs what a pickle brings.

    No opcode takes more memory than the pickle has bytes. Nothing that a pickle may nest without
    end is hashed: keys are text or numbers, and there are no sets. A state is only given to the
    instances in ``stateful``, so that functions and classes stay as they are.
    """

    stateful: tuple[type, ...] = ()

    def __init__(self, raw: bytes) -> None:
        super().__init__(io.BytesIO(raw))
        self._limit = len(raw)

    def _bytearray(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        if size > self._limit:
            raise ValueError(f"it claims {size:,} bytes and has {self._limit:,}")
        content = bytearray(size)
        self.readinto(content)
        self.append(content)

    def _state(self) -> None:
        if not isinstance(self.stack[-2], self.stateful):
            raise ValueError("it changes what is no part of it")
        self.give_state(self.stack[-2], self.stack.pop())

    def give_state(self, instance: Any, state: Any) -> None:
        """Give one of ``stateful`` what the pickle has for it."""
        instance.__setstate__(state)

    def _item(self) -> None:
        _check_keys(self.stack[-2:-1])
        self.load_setitem()

    def _items(self) -> None:
        _check_keys(self.stack[::2])
        self.load_setitems()

    def _refuse(self) -> None:
        raise ValueError("it holds sets or an old form of dictionaries")

    dispatch = _Unpickler.dispatch | {
        pickle.BYTEARRAY8[0]: _bytearray,
        pickle.BUILD[0]: _state,
        pickle.SETITEM[0]: _item,
        pickle.SETITEMS[0]: _items,
        pickle.DICT[0]: _refuse,
        pickle.EMPTY_SET[0]: _refuse,
        pickle.ADDITEMS[0]: _refuse,
        pickle.FROZENSET[0]: _refuse,
    }


def _check_keys(keys: list) -> None:
    if not all(isinstance(key, str | int | float | None) for key in keys):
        raise ValueError("it holds keys that are neither text nor numbers")


class _RecordUnpickler(BoundedUnpickler):
    stateful = (_Dtype, _Array)

    def find_class(self, module: str, name: str) -> Any:
        """Return the record that stands for a part of NumPy arrays; refuse everything else."""
        try:
            return _RECORDS[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None


def _build(content: Any, left: list[int], depth: int = 0) -> Any:
    """Put arrays in the place of records; ``left`` counts the items that may still come."""
    if depth > 3:
        raise ValueError("nested too deeply")
    if isinstance(content, _Array):
        content = content.build()
    if isinstance(content, list | tuple):
        left[0] -= len(content)
        if left[0] < 0:  # every item takes a byte, unless one list stands in many places
            raise ValueError("it repeats its lists")
        return [_build(item, left, depth + 1) for item in content]
    return content
