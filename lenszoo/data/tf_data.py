"""tf.data pipelines: batches from memory, from files, and of any Keras dataset.

Order and turns of an epoch are those of :mod:`lenszoo.data.epochs`, as in every other loop.
"""

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.augment import d4_tensor
from lenszoo.data.checks import OnBad, apply_policy, check_policy
from lenszoo.data.dataset import Dataset, as_inputs
from lenszoo.data.formats import split_hdu
from lenszoo.data.graph import map_graph, share_memory, tensorflow, to_tensor, untuned
from lenszoo.data.index import DatasetIndex
from lenszoo.data.readers import ImageNames, image_name, read_image, read_into
from lenszoo.errors import LenszooError

logger = logging.getLogger("lenszoo")


def image_dataset(
    source: DatasetIndex | Dataset | tuple,
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
    feeds ``fit`` on the TensorFlow and on the JAX backend; without TensorFlow,
    :class:`lenszoo.data.batches.Batches` of ``index.load()`` are the same batches.

    With ``cache=True`` all files are read, checked and held in memory before this returns, so bad
    input raises here. To make datasets for many epochs, read once: ``image_dataset(index.load(),
    ...)`` shares the memory. With ``cache=False`` files are read while the data flow, for
    sets larger than memory: bad input then ends the loop with a TensorFlow error, which
    :func:`plain_errors` turns back into the one line it was.

    Args:
        source: an index, a dataset in memory, or a tuple (images, labels); what is in memory is not
            checked again.
        batch_size: images in a batch.
        shuffle_seed: shuffles, differently in every epoch; None keeps the order.
        epoch: which epoch of the seed this is.
        augment: "d4" turns and mirrors each image at random (needs ``shuffle_seed``).
        cache: read everything into memory first.
        on_bad: policy for NaN, infinite and constant images.
        drop_remainder: leave out a last, smaller batch.

    Raises:
        LenszooError: TensorFlow is not installed, an argument is out of range, or the data are bad.

    Example:
        >>> from lenszoo.data import DatasetIndex, image_dataset
        >>> from lenszoo.simulation import write_dataset
        >>> summary = write_dataset("common_test_sim", "sky", n_train=6, n_val=3)
        >>> batches = image_dataset(DatasetIndex.from_directory("sky/train"), batch_size=3)
        >>> images, labels = next(iter(batches))
        >>> tuple(images.shape)
        (3, 150, 150, 1)
    """
    from lenszoo.data.batches import Batches, check_arguments

    check_policy(on_bad)
    check_arguments(batch_size, shuffle_seed, augment)
    tf = tensorflow()
    shuffle: dict[str, Any] = {"seed": shuffle_seed, "epoch": epoch, "augment": augment}
    if not isinstance(source, DatasetIndex) or cache:
        loaded = source.load(on_bad) if isinstance(source, DatasetIndex) else source
        if isinstance(loaded, tuple):
            loaded = Dataset(("",) * len(loaded[0]), loaded[0], labels=loaded[1])
        return batches_in_graph(Batches(loaded, batch_size, **shuffle), drop_remainder)
    shape = _check_files(source)
    # order, turns and labels, without pixels
    blank = np.broadcast_to(np.float32(0), (len(source), *shape))
    rows = Batches(Dataset(source.ids, blank, labels=source.labels), batch_size, **shuffle)
    dataset = _stream(tf, rows, source, on_bad, drop_remainder)
    return _finish(tf, dataset, rows)


def _check_files(index: DatasetIndex) -> tuple[int, int, int]:
    """Return (H, W, bands) of the first image, once all files are there."""
    if not len(index):
        raise LenszooError(f"{index.source}: there are no images to read.")
    for path in index.paths:
        if isinstance(path, Path) and not os.path.exists(split_hdu(str(path))[0]):  # noqa: PTH110
            raise LenszooError(f"{path}: no such file.")
    height, width, bands = read_image(index.paths[0]).shape
    return height, width, bands


def _stream(tf: Any, batches: Any, index: DatasetIndex, on_bad: OnBad, drop_remainder: bool) -> Any:
    """Return a dataset of batches (images, rows, keep) read from files; ``keep`` is all true."""
    shape = batches.dataset.images.shape[1:]
    warned: list[str] = []

    def read(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = np.empty((len(rows), *shape), np.float32)
        paths = [index.paths[row] for row in rows]
        for image, path in zip(images, paths, strict=True):
            read_into(image, path, index.paths[0], on_bad)
        keep, counts = apply_policy(images, ImageNames(paths), on_bad)
        if counts.any() and not warned:
            warned.append(image_name(paths[int(counts.argmax())]))
            logger.warning("%s is bad (on_bad=%r); further ones are not named", warned[0], on_bad)
        return images, keep

    def load(rows: Any) -> tuple[Any, Any, Any]:
        images, keep = tf.numpy_function(read, (rows,), (tf.float32, tf.bool))
        return tf.ensure_shape(images, (None, *shape)), rows, tf.ensure_shape(keep, (None,))

    skip = on_bad == "skip"
    dataset = tf.data.Dataset.from_tensor_slices(to_tensor(tf, batches.order))
    dataset = dataset.batch(batches.batch_size, drop_remainder and not skip)
    dataset = map_graph(tf, dataset, load, os.cpu_count() or 1)
    if skip:
        dataset = dataset.unbatch().filter(lambda _image, _row, keep: keep)
        dataset = dataset.batch(batches.batch_size, drop_remainder)
    return dataset


def batches_in_graph(batches: Any, drop_remainder: bool = False) -> Any:
    """Return ``Batches`` of a dataset in memory as a ``tf.data.Dataset``, whose graph makes them.

    Its memory is shared with TensorFlow where its alignment allows it.
    """
    tf = tensorflow()
    dataset = tf.data.Dataset.from_tensor_slices(to_tensor(tf, batches.order))
    dataset = dataset.batch(batches.batch_size, drop_remainder)
    images = batches.dataset.images
    if images is not None:
        memory = share_memory(tf, images)
        dataset = map_graph(tf, dataset, lambda rows: (tf.gather(memory, rows), rows))
    else:
        dataset = map_graph(tf, dataset, lambda rows: (None, rows))
    return _finish(tf, dataset, batches)


def from_batches(dataset: Any, signature: Any) -> Any:
    """Return the batches of a Keras dataset as a ``tf.data.Dataset``, prepared two ahead.

    Args:
        dataset: a ``PyDataset``, whose batches, in order.
        signature: a ``tf.TensorSpec`` for each part of a batch.
    """
    tf = tensorflow()

    def batches() -> Iterator[Any]:
        for index in range(len(dataset)):
            yield dataset[index]

    made = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return untuned(made.prefetch(2))


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a LenszooError that TensorFlow wrapped in its own error back into itself.

    Wrap the loop (or ``fit``) that consumes an ``image_dataset(..., cache=False)``.

    Example:
        >>> from lenszoo.data import plain_errors
        >>> with plain_errors():
        ...     total = 1 + 1
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


def _finish(tf: Any, dataset: Any, batches: Any) -> Any:
    """Turn the images of (images, rows, ...), and put table and answers beside them."""
    turns = None if batches.turns is None else to_tensor(tf, batches.turns)
    answers = None if batches.answers is None else to_tensor(tf, batches.answers)
    columns = batches.dataset.table.shape[1]
    table = to_tensor(tf, batches.dataset.table) if columns else None

    def finish(images: Any, rows: Any, _keep: Any = None) -> Any:
        if turns is not None:
            images = d4_tensor(tf, images, tf.gather(turns, rows))
        inputs = as_inputs(images, None if table is None else tf.gather(table, rows))
        return inputs if answers is None else (inputs, tf.gather(answers, rows))

    # Turning images is worth more than one thread; looking up labels is not.
    dataset = map_graph(tf, dataset, finish, None if turns is None else tf.data.AUTOTUNE)
    return untuned(dataset.prefetch(tf.data.AUTOTUNE))
