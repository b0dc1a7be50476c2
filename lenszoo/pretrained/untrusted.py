"""HDF5 files and zip archives of strangers: opened here alone, and checked before they are read."""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py

from lenszoo.errors import LenszooError, one_line

READ_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile)
"""Errors of h5py, zipfile and Keras on files that are damaged or hold something else."""

_MAX_RATIO, _SLACK = 100, 2**20
"""Weights compress little: content beyond this ratio to its stored size, and a MiB, is refused."""


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
            _check_ratio(f"{path}: {where}", node.nbytes, node.id.get_storage_size())


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive to read, after a look at the size of each of its members.

    Raises:
        LenszooError: a member claims far more than the archive stores.
        OSError, zipfile.BadZipFile: the file cannot be read, or is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            _check_ratio(f"{path}: {member.filename}", member.file_size, member.compress_size)
        yield archive


def _check_ratio(where: str, size: int, stored: int) -> None:
    if size > _MAX_RATIO * stored + _SLACK:
        raise LenszooError(f"{where} claims {size:,} bytes and stores {stored:,}: refused.")
