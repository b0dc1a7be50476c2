"""Images decoded from files inside a TensorFlow graph, for sets larger than memory."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.checks import OnBad, apply_policy, check_shape
from lenszoo.data.graph import map_graph, to_tensor
from lenszoo.data.index import DatasetIndex
from lenszoo.data.npy import read_header
from lenszoo.data.readers import image_name, read_image
from lenszoo.errors import LenszooError

logger = logging.getLogger("lenszoo")

_GRAPH_DTYPES = frozenset(
    ("uint8", "uint16", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
)


def first_shape(index: DatasetIndex) -> tuple[int, int, int]:
    """Return (H, W, bands) of the first image; raise LenszooError where it cannot be read."""
    if not len(index):
        raise LenszooError(f"{index.source}: there are no images to read.")
    height, width, bands = read_image(index.paths[0]).shape
    return height, width, bands


def stream_batches(
    tf: Any,
    rows: Any,
    index: DatasetIndex,
    shape: tuple[int, int, int],
    on_bad: OnBad,
    batch_size: int,
    drop_remainder: bool,
) -> Any:
    """Return a dataset of batches (images, rows, keep) read from files; ``keep`` is all true.

    Sound ``.npy`` files that agree with the first one's header are decoded in the graph. Any other
    file goes through :func:`read_image`, which reads it or says what is wrong.
    """

    def unread(row: Any) -> tuple[Any, Any, Any]:
        return tf.zeros(shape), row, tf.constant(False)

    decode = _file_decoder(tf, index, shape) or unread
    mend_batch = _mender(index, shape, on_bad)

    def mend(images: Any, rows: Any, sound: Any) -> tuple[Any, Any, Any]:
        mended, keep = tf.cond(
            tf.reduce_all(sound),
            lambda: [images, sound],
            lambda: tf.numpy_function(mend_batch, (images, rows, sound), (tf.float32, tf.bool)),
        )
        return tf.ensure_shape(mended, images.shape), rows, tf.ensure_shape(keep, sound.shape)

    skip = on_bad == "skip"
    dataset = map_graph(tf, rows, decode, os.cpu_count() or 1)
    dataset = dataset.batch(batch_size, drop_remainder and not skip)
    dataset = map_graph(tf, dataset, mend)
    if skip:
        dataset = dataset.unbatch().filter(lambda _image, _row, keep: keep)
        dataset = dataset.batch(batch_size, drop_remainder)
    return dataset


def _file_decoder(tf: Any, index: DatasetIndex, shape: tuple[int, int, int]) -> Any | None:
    """Return a graph function row -> (image, row, sound); None if files need another reader.

    ``sound`` is True only for a file that has the first one's length and header, and surely no
    bad pixel.
    """
    names = [str(path) for path in index.paths if isinstance(path, Path)]
    if len(names) < len(index) or not all(name.lower().endswith(".npy") for name in names):
        return None
    for name in names:
        if not os.path.exists(name):  # noqa: PTH110 -- tens of thousands of them
            raise LenszooError(f"{name}: no such file.")
    header = read_header(names[0])
    with Path(names[0]).open("rb") as stream:
        text = stream.read(header.offset)
    dtype = header.dtype
    if dtype.name not in _GRAPH_DTYPES or header.fortran_order or header.offset % dtype.itemsize:
        return None
    total = header.offset + header.nbytes
    skipped, little = header.offset // dtype.itemsize, dtype.str[0] != ">"
    files = to_tensor(tf, np.array([os.fsencode(name) for name in names], object))

    def decode(row: Any) -> tuple[Any, Any, Any]:
        raw = tf.io.read_file(files[row])
        whole = (tf.strings.length(raw) == total) & (tf.strings.substr(raw, 0, len(text)) == text)
        # fixed_length pads or cuts a file of another length, which is not used then.
        values = tf.io.decode_raw(raw, dtype.name, little, fixed_length=total)[skipped:]
        values = tf.cast(values, tf.float32)
        if shape[2] == 1:
            image = tf.reshape(values, shape)  # the same order in memory: no transposition
        else:
            image = tf.transpose(tf.reshape(values, header.hwc_shape), header.hwc_axes)
        # A sum is finite only if every pixel is, and a band in which some pixels differ is not
        # constant. A few are looked at; what seems flat by them is left to the full check.
        pixels = tf.reshape(image, (-1, shape[2]))
        some = pixels[:: max(1, shape[0] * shape[1] // 256)]
        finite = tf.math.is_finite(tf.reduce_sum(pixels, 0))
        varied = tf.reduce_min(some, 0) < tf.reduce_max(some, 0)
        return tf.ensure_shape(image, shape), row, whole & tf.reduce_all(finite & varied)

    return decode


def _mender(index: DatasetIndex, shape: tuple[int, int, int], on_bad: OnBad) -> Any:
    """Return a function that reads the unsound images of a batch again, with all checks."""
    warned: list[str] = []

    def mend(
        images: np.ndarray, rows: np.ndarray, sound: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        images, keep = images.copy(), np.ones(len(rows), bool)
        for i in np.flatnonzero(~sound):
            path = index.paths[rows[i]]
            name = image_name(path)
            image = read_image(path)
            check_shape(image.shape, name, shape, image_name(index.paths[0]))
            kept, counts = apply_policy(image[None], [name], on_bad)
            images[i], keep[i] = image, kept[0]
            if counts[0] and not warned:
                warned.append(name)
                logger.warning("%s is bad (on_bad=%r); further ones are not named", name, on_bad)
        return images, keep

    return mend
