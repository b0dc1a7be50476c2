"""Batches that are prepared while the step before them runs."""

import keras

_THREADS = 2  # with one, Keras prepares nothing ahead of the step that needs it


class ThreadedDataset(keras.utils.PyDataset):
    """A Keras dataset whose batches two threads prepare, for ``fit`` on any backend.

    The batches of one object are the same each time they are asked for.
    """

    def __init__(self) -> None:
        super().__init__(workers=_THREADS, use_multiprocessing=False, max_queue_size=8)
