"""Read published files: safetensors and NumPy's npz, never a pickle."""

from pathlib import Path

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.saving import one_line

SUFFIXES = (".safetensors", ".npz")


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Return every tensor of a file by name.

    Raises:
        LenszooError: when the file is missing, damaged, or holds Python objects.
    """
    if not path.is_file():
        raise LenszooError(f"There is no file {path}.")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        from safetensors.numpy import load_file

        return load_file(path)
    except Exception as error:  # safetensors, zipfile and NumPy have no common class of errors
        raise LenszooError(f"Cannot read {path}: {one_line(error)}. Get it again.") from error
