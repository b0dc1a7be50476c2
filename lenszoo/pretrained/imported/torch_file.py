"""Read a state_dict that PyTorch wrote (``pytorch_model.bin``, ``.pth``), without PyTorch.

Such a file is a zip: ``data.pkl`` says which tensor is which part of which storage, ``data/0``,
``data/1`` ... hold the numbers. A pickle is a program; here the few names that a state_dict needs
lead to the plain functions below, every other name is refused before it is imported, and each
tensor is checked to lie inside its storage.
"""

import collections
import math
import sys
import zipfile
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.pickled import BoundedUnpickler
from lenszoo.errors import LenszooError

_BRAIN = "BFloat16Storage"  # the upper half of a float32
_TYPES: dict[str, Any] = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    _BRAIN: np.uint16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
_INDEX = "/data.pkl"


def is_torch(archive: zipfile.ZipFile) -> bool:
    """Whether a zip is a file of PyTorch."""
    return any(name.endswith(_INDEX) for name in archive.namelist())


def read_torch(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Return every tensor of a state_dict by name; brain floats become float32.

    Of a checkpoint of PyTorch Lightning that is its entry ``state_dict``.

    Raises:
        LenszooError: the file holds more than tensors by name, or asks for code.
        Exception: of any kind where the file is damaged.
    """
    index = next(name for name in archive.namelist() if name.endswith(_INDEX))
    folder = index.removesuffix(_INDEX)
    if _big_endian(archive, folder):
        raise LenszooError("it was written on a big-endian machine")
    content = _Unpickler(archive, folder, archive.read(index)).load()
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content:
        raise LenszooError("it holds no tensors by name: save model.state_dict()")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            raise LenszooError(f"{name!r} is no tensor: save model.state_dict() alone")
    return dict(content)


def _big_endian(archive: zipfile.ZipFile, folder: str) -> bool:
    """Files say so since PyTorch 2.1; all before were little-endian, as this reader is."""
    name = f"{folder}/byteorder"
    order = archive.read(name) if name in archive.namelist() else b"little"
    return order != b"little" or sys.byteorder != "little"


class _Storage(NamedTuple):
    """Numbers that tensors are parts of."""

    values: np.ndarray


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> np.ndarray:
    """The part of a storage that a tensor is, as ``torch._utils._rebuild_tensor_v2`` takes it."""
    values, size = storage.values, math.prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    inside = size == 0 or (0 <= offset <= last < len(values) and size <= len(values))
    if not inside or min((*shape, *strides), default=0) < 0:
        raise ValueError(f"a tensor {shape} lies outside of its {len(values)} numbers")
    if size == 0:
        return np.empty(shape, values.dtype)
    steps = [step * values.itemsize for step in strides]
    # no copy: a file of many tensors may have one storage
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps, writeable=False)


def _parameter(tensor: np.ndarray, *_: Any) -> np.ndarray:
    return tensor


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): name for name in _TYPES},
}


class _Unpickler(BoundedUnpickler):
    stateful = (collections.OrderedDict,)

    def __init__(self, archive: zipfile.ZipFile, folder: str, program: bytes) -> None:
        super().__init__(program)
        self._archive, self._folder = archive, folder
        self._read: dict[str, _Storage] = {}

    def give_state(self, instance: Any, state: Any) -> None:
        """Leave out the versions of layers, which are all the state that PyTorch writes."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name that state_dicts use; refuse everything else."""
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise LenszooError(
                f"refused, it wants {module}.{name}, which is no tensor; nothing of it was run. Of "
                "a whole checkpoint save the state_dict alone, where you trust it"
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        """Return a storage: ``("storage", type, key, device, numbers)``."""
        _, kind, key, _, count = pid
        if not isinstance(key, str) or not isinstance(kind, str):
            raise ValueError("a storage has no name")
        if key not in self._read:
            raw = self._archive.read(f"{self._folder}/data/{key}")
            values = np.frombuffer(raw, _TYPES[kind])
            if len(values) != count:
                raise ValueError(f"storage {key} has {len(values)} numbers, not {count}")
            if kind == _BRAIN:
                values = (values.astype(np.uint32) << 16).view(np.float32)
            self._read[key] = _Storage(values)
        return self._read[key]
