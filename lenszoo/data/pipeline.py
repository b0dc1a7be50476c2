"""From an index to batches: arrays for any backend, and a tf.data pipeline.

The order and the augmentation of an epoch are drawn on the host from (seed, epoch), never while the
data flow. So a fresh dataset for epoch e is the same in every process, at any batch size and in any
number of threads, and an interrupted training resumes exactly. Loops without TensorFlow get the
same batches from :func:`load_arrays`, :func:`epoch_order`, :func:`d4_elements` and ``d4``.
"""

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.augment import D4_SIZE, check_square, d4_tensor
from lenszoo.data.checks import OnBad, apply_policy, check_policy, check_shape
from lenszoo.data.index import DatasetIndex
from lenszoo.data.npy import parse_header
from lenszoo.data.readers import image_name, read_image, read_images
from lenszoo.data.untuned import untuned
from lenszoo.errors import LenszooError, unknown

logger = logging.getLogger("lenszoo")

_ORDER, _D4, _PATCH = 0, 1, 2  # the independent random streams of an epoch
_DONE = {
    "skip": "left out",
    "zero": "bad pixels set to 0",
    "fill": "NaN and infinite pixels filled with the median of their band",
}
_GRAPH_DTYPES = frozenset(
    ("uint8", "uint16", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
)


class LoadedImages(NamedTuple):
    """The images of an index in memory; see :func:`load_arrays`."""

    images: np.ndarray
    labels: np.ndarray | None
    bad_counts: np.ndarray
    kept: np.ndarray


def load_arrays(
    index: DatasetIndex, on_bad: OnBad = "raise", size: tuple[int, ...] | None = None
) -> LoadedImages:
    """Read and check all images of an index, in parallel, without TensorFlow.

    Args:
        index: N images.
        on_bad: "raise", "zero", "fill" or "skip" for NaN, infinite and constant images.
        size: the expected (H, W) or (H, W, bands).

    Returns:
        ``images`` (M, H, W, bands) float32; ``labels`` (M,) int32 or None; ``bad_counts`` (N,)
        int64, the bad pixels of every image; ``kept`` (M,) int64, positions in the index
        (M < N only under "skip").

    Raises:
        LenszooError: a file is unreadable (not under "skip"), of another shape, or bad under
            "raise".
    """
    images, kept, bad_counts = read_images(index.paths, size, on_bad)
    n_bad = int((bad_counts > 0).sum())
    if n_bad:
        first = index.ids[int(np.flatnonzero(bad_counts)[0])]
        done = _DONE[on_bad]
        logger.warning("%d of %d images are bad: %s (first: %s)", n_bad, len(index), done, first)
    labels = None if index.labels is None else index.labels[kept]
    return LoadedImages(images, labels, bad_counts, kept)


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order (n,) int64 in which epoch ``epoch`` of ``seed`` visits n images."""
    return randomness(seed, epoch, _ORDER).permutation(n)


def d4_elements(n: int, seed: int, epoch: int) -> np.ndarray:
    """Return (n,) int32 in 0..7: the element of D4 for each of n images in an epoch.

    Element i belongs to image i of the index, wherever the shuffle puts it.
    """
    return randomness(seed, epoch, _D4).integers(0, D4_SIZE, n, dtype=np.int32)


def patch_corners(
    n: int, patches: int, spare: tuple[int, int], seed: int, epoch: int
) -> np.ndarray:
    """Return (n, patches, 2) int64: upper left corners of patches in each of n images.

    Row and column are uniform in 0..spare, the pixels by which the image is larger than a patch.
    """
    room = np.asarray(spare) + 1
    return randomness(seed, epoch, _PATCH).integers(0, room, (n, patches, 2))


def randomness(*key: int) -> np.random.Generator:
    """Return the random numbers of a key: a seed, then an epoch, a purpose and the like.

    Raises:
        LenszooError: a negative number.
    """
    if min(key) < 0:
        raise LenszooError(f"Seeds and epochs are not negative: {', '.join(map(str, key))}.")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def image_dataset(
    source: DatasetIndex | tuple,
    *,
    batch_size: int,
    shuffle_seed: int | None = None,
    epoch: int = 0,
    augment: str | None = None,
    cache: bool = True,
    on_bad: OnBad = "raise",
    drop_remainder: bool = False,
) -> Any:
    """Make a ``tf.data.Dataset`` of (images, labels), for one pass over the images.

    Images are float32 (B, H, W, bands) and labels int32 (B,); without labels, images alone. It
    feeds ``fit`` on the TensorFlow and on the JAX backend.

    With ``cache=True`` all files are read, checked and held in memory before this returns, so bad
    input raises here. To make datasets for many epochs, read once: ``image_dataset(load_arrays(
    index), ...)`` shares the memory. With ``cache=False`` files are decoded inside the graph while
    the data flow, for sets larger than memory: bad input then ends the loop with a TensorFlow
    error, which :func:`plain_errors` turns back into the one line it was.

    Args:
        source: an index, or images and labels in memory (from :func:`load_arrays`, or a tuple
            (images, labels); these are not checked again).
        batch_size: images in a batch.
        shuffle_seed: shuffles, differently in every epoch; None keeps the order.
        epoch: which epoch of the seed this is.
        augment: "d4" turns and mirrors each image at random (needs ``shuffle_seed``).
        cache: read everything into memory first.
        on_bad: policy for NaN, infinite and constant images.
        drop_remainder: leave out a last, smaller batch.

    Raises:
        LenszooError: TensorFlow is not installed, an argument is out of range, or the data are bad.
    """
    _check_arguments(batch_size, shuffle_seed, augment, on_bad)
    tf = _tensorflow()
    streamed = source if isinstance(source, DatasetIndex) and not cache else None
    if streamed is not None:
        n, labels = len(streamed), streamed.labels
    else:
        loaded = load_arrays(source, on_bad) if isinstance(source, DatasetIndex) else source
        n, labels = len(loaded[0]), loaded[1]
    order = np.arange(n) if shuffle_seed is None else epoch_order(n, shuffle_seed, epoch)
    rows = tf.data.Dataset.from_tensor_slices(_tensor(tf, order))
    if streamed is not None:
        shape = _first_shape(streamed)
        dataset = _stream(tf, rows, streamed, shape, on_bad, batch_size, drop_remainder)
    else:
        shape, memory = loaded[0].shape[1:], _share(tf, loaded[0])
        dataset = rows.batch(batch_size, drop_remainder)
        dataset = _map(tf, dataset, lambda rows: (tf.gather(memory, rows), rows))
    elements = None
    if augment is not None and shuffle_seed is not None:
        check_square(shape)
        elements = _tensor(tf, d4_elements(n, shuffle_seed, epoch))
    targets = None if labels is None else _tensor(tf, np.asarray(labels, np.int32))

    def finish(images: Any, rows: Any, _keep: Any = None) -> Any:
        if elements is not None:
            images = d4_tensor(tf, images, tf.gather(elements, rows))
        return images if targets is None else (images, tf.gather(targets, rows))

    # Turning images is worth more than one thread; looking up labels is not.
    dataset = _map(tf, dataset, finish, None if elements is None else tf.data.AUTOTUNE)
    return untuned(dataset.prefetch(tf.data.AUTOTUNE))


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a LenszooError that TensorFlow wrapped in its own error back into itself.

    Wrap the loop (or ``fit``) that consumes an ``image_dataset(..., cache=False)``.
    """
    try:
        yield
    except LenszooError:
        raise
    except Exception as error:
        wrapped = re.search(r"LenszooError: (.+)", str(error))
        if wrapped is None:
            raise
        raise LenszooError(wrapped[1].strip()) from error


def _check_arguments(
    batch_size: int, shuffle_seed: int | None, augment: str | None, on_bad: str
) -> None:
    check_policy(on_bad)
    if batch_size < 1:
        raise LenszooError(f"batch_size must be at least 1, not {batch_size}.")
    if augment not in (None, "d4"):
        raise unknown("augmentation", str(augment), ["d4"])
    if augment and shuffle_seed is None:
        raise LenszooError("augment= draws at random: pass shuffle_seed= as well.")


def _tensorflow() -> Any:
    try:
        import tensorflow as tf
    except ImportError as error:
        raise LenszooError(
            "image_dataset needs TensorFlow, which is not installed: pip install "
            "'tensorflow>=2.21', or read the images with load_arrays, which does without."
        ) from error
    import keras

    if keras.config.backend() != "tensorflow":
        # TensorFlow would take the whole GPU from the backend that computes on it. It refuses
        # when it was already at work, and then it has the GPU already.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    return tf


def _tensor(tf: Any, array: np.ndarray) -> Any:
    with tf.device("/CPU:0"):  # tf.data runs on the CPU: on a GPU this would be copied back
        return tf.convert_to_tensor(array)


def _share(tf: Any, images: np.ndarray) -> Any:
    """Return images as a float32 tensor, without a copy where alignment allows it."""
    plain = images.dtype == np.float32 and images.flags.c_contiguous and images.flags.writeable
    if plain and images.size and images.ctypes.data % 64 == 0:
        return tf.experimental.dlpack.from_dlpack(images.__dlpack__())
    return _tensor(tf, np.asarray(images, np.float32))


def _first_shape(index: DatasetIndex) -> tuple[int, int, int]:
    if not len(index):
        raise LenszooError(f"{index.source}: there are no images to read.")
    height, width, bands = read_image(index.paths[0]).shape
    return height, width, bands


def _stream(
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
    dataset = _map(tf, rows, decode, os.cpu_count() or 1)
    dataset = dataset.batch(batch_size, drop_remainder and not skip)
    dataset = _map(tf, dataset, mend)
    if skip:
        dataset = dataset.unbatch().filter(lambda _image, _row, keep: keep)
        dataset = dataset.batch(batch_size, drop_remainder)
    return dataset


def _map(tf: Any, dataset: Any, function: Any, threads: int | None = None) -> Any:
    """Map a function of graph operations only, which need not be rewritten by autograph."""
    return dataset.map(tf.autograph.experimental.do_not_convert(function), threads)


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
    with Path(names[0]).open("rb") as stream:
        start = stream.read(16384)
    header = parse_header(start, names[0])
    dtype = header.dtype
    if dtype.name not in _GRAPH_DTYPES or header.fortran_order or header.offset % dtype.itemsize:
        return None
    text, total = start[: header.offset], header.offset + header.nbytes
    skipped, little = header.offset // dtype.itemsize, dtype.str[0] != ">"
    files = _tensor(tf, np.array([os.fsencode(name) for name in names], object))

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
    told: list[str] = []

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
            if counts[0] and not told:
                told.append(name)
                logger.warning("%s is bad (on_bad=%r); further ones are not named", name, on_bad)
        return images, keep

    return mend
