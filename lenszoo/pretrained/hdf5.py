"""HDF5 files: opened in this place alone, and checked first, as they may come from strangers."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import h5py

from lenszoo.errors import LenszooError, one_line

READ_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError)
"""Errors that h5py and Keras raise on files that are damaged or hold something else."""

_MAX_RATIO = 100
"""A tensor of float32 that compresses better than this holds no trained weights."""


@contextlib.contextmanager
def open_hdf5(path: Path, content: io.BytesIO | None = None) -> Iterator[h5py.File]:
    """Open a file to read, after a look at each of its nodes.

    Args:
        path: the file; errors name it.
        content: the HDF5 itself where it is not the file, such as a member of an archive.

    Raises:
        LenszooError: the file is damaged or no HDF5; it links to other files or places, which
            would read any file of the user's; or a tensor claims far more than the file stores.
    """
    try:
        with h5py.File(content or path, "r") as file:
            _check_nodes(file, path)
            yield file
    except LenszooError:
        raise
    except READ_ERRORS as error:
        raise LenszooError(
            f"{path} is damaged or no HDF5 file ({one_line(error)}): get or make it again."
        ) from error


def _check_nodes(group: h5py.Group, path: Path) -> None:
    for name in group:
        where = f"{group.name.rstrip('/')}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise LenszooError(f"{path}: {where} is a link, not a tensor: refused.")
        node = group[name]
        if isinstance(node, h5py.Group):
            _check_nodes(node, path)
        elif isinstance(node, h5py.Dataset):
            if node.external or node.is_virtual:
                raise LenszooError(f"{path}: {where} lies in another file: refused.")
            if node.nbytes > _MAX_RATIO * node.id.get_storage_size() + 2**20:
                raise LenszooError(
                    f"{path}: {where} claims {node.nbytes:,} bytes and stores "
                    f"{node.id.get_storage_size():,}: refused."
                )
