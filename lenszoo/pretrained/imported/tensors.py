"""Read published files: safetensors, NumPy's npz and PyTorch's state_dict; never run a pickle."""

from pathlib import Path

import numpy as np

from lenszoo.errors import LenszooError, one_line
from lenszoo.pretrained.imported.torch_file import is_torch, read_torch
from lenszoo.pretrained.untrusted import open_zip

SUFFIXES = (".safetensors", ".npz", ".bin", ".pth")
_ZIP = b"PK\x03\x04"
_OLD_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")  # so began files before PyTorch 1.6


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Return every tensor of a file by name; its content tells which of the three it is.

    Raises:
        LenszooError: when the file is missing, damaged, or holds Python objects.
    """
    if not path.is_file():
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
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        from safetensors.numpy import load_file

        return load_file(path)
    except LenszooError as error:
        message = str(error)
        raise LenszooError(message if str(path) in message else f"{path}: {message}.") from error
    except Exception as error:  # safetensors, zipfile and NumPy have no common class of errors
        raise LenszooError(f"Cannot read {path}: {one_line(error)}. Get it again.") from error
