"""Read published files: safetensors, NumPy's npz and PyTorch's state_dict; never run a pickle."""

import io
import math
from pathlib import Path

import numpy as np

from lenszoo.data.untrusted import open_zip
from lenszoo.errors import LenszooError, one_line
from lenszoo.files import has_file
from lenszoo.pretrained.imported.torch_file import is_torch, read_torch

SUFFIXES = (".safetensors", ".npz", ".bin", ".pth", ".pt", ".ckpt")
_ZIP = b"PK\x03\x04"
_OLD_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")  # so began files before PyTorch 1.6


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Return every tensor of a file by name; its content tells which of the three it is.

    Raises:
        LenszooError: when the file is missing, damaged, or holds Python objects.
    """
    if not has_file(path):
        raise LenszooError(f"There is no file {path}.")
    with path.open("rb") as stream:
        start = stream.read(len(_OLD_TORCH))
    try:
        if start == _OLD_TORCH:
            raise LenszooError("it was written by PyTorch before 1.6: save it again with a newer")
        if start.startswith(_ZIP):
            with open_zip(path) as archive:
                if is_torch(archive):
                    return read_torch(archive)
                return {
                    name.removesuffix(".npy"): _read_npy(archive.read(name), name)
                    for name in archive.namelist()
                }
        from safetensors.numpy import load_file

        return load_file(path)
    except LenszooError as error:
        message = str(error)
        raise LenszooError(message if str(path) in message else f"{path}: {message}.") from error
    except Exception as error:  # safetensors, zipfile and NumPy have no common class of errors
        raise LenszooError(f"Cannot read {path}: {one_line(error)}. Get it again.") from error


def _read_npy(raw: bytes, name: str) -> np.ndarray:
    """Return the array of a member of an npz; memory is not asked for before its size is right."""
    stream = io.BytesIO(raw)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.kind not in "fiub":
        raise LenszooError(f"{name} holds values of type {dtype}, not real numbers")
    size, have = math.prod(shape) * dtype.itemsize, len(raw) - stream.tell()
    if size != have:
        raise LenszooError(f"{name} claims {size:,} bytes and has {have:,}")
    values = np.frombuffer(raw, dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if fortran else "C")
