"""From a training run's ``.weights.h5`` to the files that are published: small and repeatable.

Kernels (float32, two axes or more) become float16, which halves the file and moves logits by about
1e-3. Vectors and scalars (biases, BatchNorm statistics) stay float32: they are small, and a running
variance may be smaller than float16 can hold. Needs h5py and numpy only.
"""

import io
import warnings
from pathlib import Path

import h5py
import numpy as np

from lenszoo import files as _files
from lenszoo.errors import LenszooError

PART_BYTES = 16 << 20
"""Files above this size are published in parts."""

_LEFT_OUT = "optimizer"


def pack_weights(src: str | Path, dst: str | Path) -> Path:
    """Write a ``.weights.h5`` file for publication and return its path.

    float32 tensors with two axes or more become float16; all other tensors and every attribute stay
    as they are. The optimizer's state, which Keras saves beside the weights of a compiled model, is
    left out. Equal content gives equal bytes, whenever and in whatever order it was written.

    Args:
        src: a file of ``model.save_weights``.
        dst: the file to write; it appears whole or not at all, and may be ``src`` itself.

    Raises:
        LenszooError: when ``src`` is no HDF5 file or holds links to elsewhere, when a value is not
            finite or too large for float16, or when ``dst`` cannot be written.
    """
    src, dst = Path(src), Path(dst)
    try:
        source = h5py.File(src, "r")
    except OSError as error:
        reason = "there is no such file" if not src.exists() else "it is no readable HDF5 file"
        raise LenszooError(f"Cannot pack {src}: {reason}.") from error
    # The oldest format keeps no times in groups, and names go in by order: nothing of the moment
    # of writing, nor of the HDF5 version's own defaults, gets into the file. It is made in memory,
    # because HDF5 does not survive a full disk.
    image = io.BytesIO()
    with source, h5py.File(image, "w", libver="earliest") as target:
        _copy_group(source, target, src)
    with _files.replacing(dst) as (_, stream):
        stream.write(image.getbuffer())
    return dst


def _copy_group(source: h5py.Group, target: h5py.Group, src: Path) -> None:
    """Copy attributes, tensors and groups in the order of their names."""
    _copy_attributes(source, target)
    for name in sorted(source):
        if source.name == "/" and name == _LEFT_OUT:
            continue
        if not isinstance(source.get(name, getlink=True), h5py.HardLink):
            raise LenszooError(f"Cannot pack {src}: {source.name}/{name} is a link, not a tensor.")
        item = source[name]
        if isinstance(item, h5py.Group):
            _copy_group(item, target.create_group(name), src)
        elif isinstance(item, h5py.Dataset):
            try:
                values = item[()]
            except OSError as error:
                raise LenszooError(f"Cannot pack {src}: {item.name} is damaged.") from error
            dtype = item.dtype
            if dtype == np.float32:
                values = _halved(values, f"{item.name} of {src}")
                dtype = values.dtype
            copy = target.create_dataset(name, data=values, dtype=dtype, track_times=False)
            _copy_attributes(item, copy)


def _copy_attributes(source: h5py.Group | h5py.Dataset, target: h5py.Group | h5py.Dataset) -> None:
    for name in sorted(source.attrs):
        target.attrs[name] = source.attrs[name]


def _halved(values: np.ndarray, what: str) -> np.ndarray:
    """Return kernels as float16 and vectors as they are; refuse what does not survive."""
    values = np.asarray(values)
    if not np.isfinite(values).all():
        raise LenszooError(f"Cannot pack {what}: it holds NaN or infinity.")
    if values.ndim < 2:
        return values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the overflow is reported below
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        largest = float(np.abs(values).max())
        raise LenszooError(f"Cannot pack {what}: {largest:g} is too large for float16 (65504).")
    return half


def split_file(
    path: str | Path, part_bytes: int = PART_BYTES, folder: str | Path | None = None
) -> list[Path]:
    """Cut a file into parts of at most ``part_bytes`` and return their paths in order.

    Parts are called ``NAME.part1of3`` and so on. A file that is small enough stays as it is and is
    returned alone.

    Args:
        path: the file; it is left in place.
        part_bytes: the largest part.
        folder: where the parts go; by default beside the file.

    Raises:
        LenszooError: when the file cannot be read, is empty, or a part cannot be written.
    """
    path = Path(path)
    if part_bytes < 1:
        raise LenszooError(f"part_bytes is {part_bytes}: give at least 1.")
    try:
        size = path.stat().st_size
        if size == 0:
            raise LenszooError(f"Cannot split {path}: it is empty.")
        if size <= part_bytes:
            return [path]
        count = -(-size // part_bytes)
        place = path.parent if folder is None else Path(folder)
        parts = [place / f"{path.name}.part{i + 1}of{count}" for i in range(count)]
        with path.open("rb") as source:
            for part in parts:
                block = source.read(part_bytes)
                with _files.replacing(part) as (_, stream):
                    stream.write(block)
    except OSError as error:
        raise LenszooError(f"Cannot split {path}: {error.strerror or error}.") from error
    return parts
