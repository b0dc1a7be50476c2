"""Freed memory kept through a training, whatever TensorFlow sets."""

from typing import Any

import keras

from lenszoo.allocator import keep_freed_memory


class KeepFreedMemory(keras.callbacks.Callback):
    """Keep what a step frees, see :func:`lenszoo.allocator.keep_freed_memory`.

    Each time TensorFlow begins to read from a Python generator, as Keras does in every epoch, it
    has glibc map every block above 128 KiB on its own, and unmap it when it is freed, if Python is
    3.11 (``ApplyPython311MemoryPatch`` of its ``GeneratorDataset``). So each step says it anew.
    """

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set glibc, which takes microseconds."""
        keep_freed_memory()
