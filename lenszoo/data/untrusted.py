"""HDF5 files and zip archives of strangers: opened here alone, and checked before they are read."""

import contextlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from lenszoo.errors import LenszooError, one_line

READ_ERRORS = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError, AttributeError),
    *(ArithmeticError, MemoryError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""Errors of h5py, zipfile and Keras on files that are damaged or hold something else."""

_MAX_RATIO, _SLACK = 100, 2**20
"""Weights compress little: content beyond this ratio to its stored size, and a MiB, is refused."""
_MAX_NODES, _MAX_DEPTH = 20_000, 50
MAX_JSON = 2**23
"""The most bytes of a member that says what the others are: a configuration, a table of tensors."""


@contextlib.contextmanager
def open_hdf5(path: Path, content: io.BytesIO | None = None) -> Iterator[h5py.File]:
    """Open a file to read, after a look at each of its nodes.

    Args:
        path: the file; errors name it.
        content: the HDF5 itself where it is not the file, such as a member of an archive.

    Raises:
        LenszooError: the file is damaged or no HDF5; it links to other files or places, which
            would read any file of the user's; tensors claim far more than the file stores, are
            the same under several names, or hold no real numbers.
    """
    try:
        size = len(content.getbuffer()) if content else path.stat().st_size
        with h5py.File(content or path, "r") as file:
            _check_ratio(f"{path}", _check_nodes(file, path), size)
            yield file
    except LenszooError:
        raise
    except READ_ERRORS as error:
        raise LenszooError(
            f"{path} is damaged or no HDF5 file ({one_line(error)}): get or make it again."
        ) from error


def _check_nodes(file: h5py.File, path: Path) -> int:
    """Look at each node once, and return the bytes that the tensors claim together."""
    total, groups, seen = 0, [file], {h5py.h5o.get_info(file.id).addr}
    while groups:
        group = groups.pop()
        if len(seen) + len(group) > _MAX_NODES or group.name.count("/") > _MAX_DEPTH:
            raise LenszooError(
                f"{path}: more than {_MAX_NODES:,} nodes or {_MAX_DEPTH} groups in each other, "
                "which are not weights: refused."
            )
        for name in group:
            where = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise LenszooError(f"{path}: {where} is a link, not a tensor: refused.")
            node = group[name]
            address = h5py.h5o.get_info(node.id).addr
            if address in seen:  # in a circle, or to be read many times
                raise LenszooError(f"{path}: {where} is a link to another node: refused.")
            seen.add(address)
            if isinstance(node, h5py.Group):
                groups.append(node)
            elif isinstance(node, h5py.Dataset):
                if node.external or node.is_virtual:
                    raise LenszooError(f"{path}: {where} lies in another file: refused.")
                short = (
                    node.dtype.kind == "V" and node.dtype.names is None and node.dtype.itemsize <= 2
                )
                if node.dtype.kind not in "fiub" and not short:  # Keras' 8 and 16-bit floats
                    raise LenszooError(
                        f"{path}: {where} holds values of type {node.dtype}, not real numbers: "
                        "refused."
                    )
                _check_ratio(f"{path}: {where}", node.nbytes, node.id.get_storage_size())
                total += node.nbytes
    return total


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive to read, after a look at the size of each of its members.

    Raises:
        LenszooError: the members claim far more than the archive stores, or one is a text that is
            too long, packed by an unusual method, or there twice.
        OSError, zipfile.BadZipFile: the file cannot be read, or is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            where = f"{path}: {member.filename}"
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise LenszooError(f"{where} is packed by an unusual method: refused.")
            _check_ratio(where, member.file_size, member.compress_size)
            if member.filename.endswith((".json", ".pkl")) and member.file_size > MAX_JSON:
                raise LenszooError(
                    f"{where} has {member.file_size:,} bytes, at most {MAX_JSON:,} are read: "
                    "refused."
                )
        # members may lie on top of each other
        _check_ratio(f"{path}", sum(m.file_size for m in members), path.stat().st_size)
        if len({member.filename for member in members}) < len(members):
            raise LenszooError(f"{path}: two of its members have one name: refused.")
        yield archive


def _check_ratio(where: str, size: int, stored: int) -> None:
    if size > _MAX_RATIO * stored + _SLACK:
        raise LenszooError(f"{where} claims {size:,} bytes and stores {stored:,}: refused.")
