"""From a training run's ``.weights.h5`` to the files that are published: small and repeatable.

Kernels (float32, two axes or more) become float16, which halves the file and moves logits by about
1e-3. In eight bits, large kernels are rounded to 255 values or fewer for each output channel too,
and compressed, which halves it again. Vectors and scalars (biases, BatchNorm statistics) stay
float32: they are small, and a running variance may be smaller than float16 can hold. Either is a
plain HDF5 file of Keras. Needs h5py and numpy only.
"""

import io
import warnings
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from lenszoo import files as _files
from lenszoo.errors import LenszooError

PART_BYTES = 16 << 20
"""Files above this size are published in parts."""

_LEFT_OUT = "optimizer"


STEPS = 127
"""Values on either side of 0 of a kernel of one output channel, in eight bits."""

_SMALLEST = 4096  # weights of a kernel that is worth compressing
_LEAST_STEP = -24  # power of two: float16 holds no smaller number


def pack_weights(src: str | Path, dst: str | Path, bits: Literal[8, 16] = 16) -> Path:
    """Write a ``.weights.h5`` file for publication and return its path.

    float32 tensors with two axes or more become float16; all other tensors and every attribute stay
    as they are. The optimizer's state, which Keras saves beside the weights of a compiled model, is
    left out. Equal content gives equal bytes, whenever and in whatever order it was written; in
    eight bits, with one version of zlib.

    Args:
        src: a file of ``model.save_weights``.
        dst: the file to write; it appears whole or not at all, and may be ``src`` itself.
        bits: 16, or 8: kernels of 4,096 weights or more are multiples of a power of two that is the
            largest weight of an output channel (the last axis) over 127, or above.

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
        _copy_group(source, target, src, bits)
    with _files.replacing(dst) as (_, stream):
        stream.write(image.getbuffer())
    return dst


def _copy_group(source: h5py.Group, target: h5py.Group, src: Path, bits: int) -> None:
    """Copy attributes, tensors and groups in the order of their names."""
    _copy_attributes(source, target)
    for name in sorted(source):
        if source.name == "/" and name == _LEFT_OUT:
            continue
        if not isinstance(source.get(name, getlink=True), h5py.HardLink):
            raise LenszooError(f"Cannot pack {src}: {source.name}/{name} is a link, not a tensor.")
        item = source[name]
        if isinstance(item, h5py.Group):
            _copy_group(item, target.create_group(name), src, bits)
        elif isinstance(item, h5py.Dataset):
            try:
                values = item[()]
            except OSError as error:
                raise LenszooError(f"Cannot pack {src}: {item.name} is damaged.") from error
            dtype, how = item.dtype, {}
            if dtype in (np.float32, np.float16):
                if bits == 8 and values.ndim > 1 and values.size >= _SMALLEST:
                    values, how = in_steps(values), _COMPRESSED | {"chunks": values.shape}
                values = _halved(values, f"{item.name} of {src}")
                dtype = values.dtype
            copy = target.create_dataset(name, data=values, dtype=dtype, track_times=False, **how)
            _copy_attributes(item, copy)


_COMPRESSED: dict[str, Any] = {"compression": "gzip", "compression_opts": 6, "shuffle": True}


def in_steps(kernel: np.ndarray) -> np.ndarray:
    """Round a kernel to 255 values or fewer for each output channel, float32.

    That is its last axis, and the one before in kernels of depthwise convolutions.

    >>> in_steps(np.array([[1.0, 0.3], [0.511, -0.1]])).tolist()  # steps of 1/64 and 1/256
    [[1.0, 0.30078125], [0.515625, -0.1015625]]
    """
    kernel = np.asarray(kernel, np.float32)
    if not np.isfinite(kernel).all():
        return kernel  # refused by whoever halves it
    inner = kernel.ndim - (2 if kernel.shape[-1] == 1 else 1)  # depthwise kernels end in (C, 1)
    largest = np.abs(kernel).max(axis=tuple(range(inner)))
    power = np.ceil(np.log2(np.maximum(largest, np.finfo(np.float32).tiny) / STEPS))
    step = np.exp2(np.maximum(power, _LEAST_STEP)).astype(np.float32)
    return np.rint(kernel / step) * step


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
