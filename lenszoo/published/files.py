"""Read published files: safetensors and NumPy's npz, never a pickle."""

from pathlib import Path

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.saving import one_line

SUFFIXES = (".safetensors", ".npz")
_ZIP = b"PK\x03\x04"


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Return every tensor of a file by name; its content tells which of the two it is.

    Raises:
        LenszooError: when the file is missing, damaged, or holds Python objects.
    """
    if not path.is_file():
        raise LenszooError(f"There is no file {path}.")
    try:
        with path.open("rb") as stream:
            zipped = stream.read(len(_ZIP)) == _ZIP
        if zipped:
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        from safetensors.numpy import load_file

        return load_file(path)
    except Exception as error:  # safetensors, zipfile and NumPy have no common class of errors
        raise LenszooError(f"Cannot read {path}: {one_line(error)}. Get it again.") from error
