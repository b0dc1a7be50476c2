"""Pieces of tf.data graphs: tensors in the memory of the CPU, maps, and no tuner."""

import contextlib
import gc
from typing import Any

import numpy as np

from lenszoo.chatter import without_chatter
from lenszoo.data.aligned import is_aligned
from lenszoo.errors import LenszooError

LARGE = 2**26  # bytes


def tensorflow() -> Any:
    """Return TensorFlow, which leaves the GPU to the backend that computes.

    Raises:
        LenszooError: it is not installed.
    """
    try:
        with without_chatter():
            import tensorflow as tf
    except ImportError as error:
        raise LenszooError(
            "image_dataset needs TensorFlow, which is not installed: pip install "
            "'tensorflow>=2.21', or take lenszoo.data.batches.Batches of index.load(), which do"
            " without."
        ) from error
    import keras

    if keras.config.backend() != "tensorflow":
        # TensorFlow would take the whole GPU from the backend that computes on it. It refuses
        # when it was already at work, and then it has the GPU already.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    return tf


def to_tensor(tf: Any, array: np.ndarray) -> Any:
    """Return an array as a tensor in the memory of the CPU."""
    with tf.device("/CPU:0"):  # tf.data runs on the CPU: on a GPU this would be copied back
        return tf.convert_to_tensor(array)


def share_memory(tf: Any, images: np.ndarray) -> Any:
    """Return images as a float32 tensor, without a copy where alignment allows it."""
    if images.size and is_aligned(images):
        return tf.experimental.dlpack.from_dlpack(images.__dlpack__())
    if images.nbytes > LARGE:
        gc.collect()  # the graph of the epoch before, a cycle, would still hold its copy
    return to_tensor(tf, np.asarray(images, np.float32))


def map_graph(tf: Any, dataset: Any, function: Any, threads: int | None = None) -> Any:
    """Map a function of graph operations only, which need not be rewritten by autograph."""
    return dataset.map(tf.autograph.experimental.do_not_convert(function), threads)


def untuned(dataset: Any) -> Any:
    """Return the same ``tf.data.Dataset``, whose parallelism TensorFlow leaves as it is.

    Its tuner sleeps twice as long each time, up to a minute, and an iterator that ends may wait for
    it (TensorFlow 2.21): a pass could take up to twice its time.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
