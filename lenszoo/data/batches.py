"""Batches of an epoch for ``fit``: tf.data on the TensorFlow backend, threads on any other."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from lenszoo.data.augment import check_square, d4
from lenszoo.data.dataset import Dataset, as_inputs
from lenszoo.data.epochs import d4_elements, epoch_order
from lenszoo.data.patches import training_pairs
from lenszoo.errors import LenszooError, unknown, whole_number

_THREADS = 2  # with one, Keras prepares nothing ahead of the step that needs it


class ThreadedDataset(keras.utils.PyDataset):
    """A Keras dataset whose batches two threads prepare, for ``fit`` on any backend.

    The batches of one object are the same each time they are asked for.
    """

    def __init__(self) -> None:
        super().__init__(workers=_THREADS, use_multiprocessing=False, max_queue_size=8)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


class Batches(ThreadedDataset):
    """Batches of a dataset in memory, in the order and the turns of one epoch.

    Give every epoch batches of its own. Of pairs (a dataset with ``targets``) a batch holds patches
    of the images and of the targets, both of a pair turned alike.

    Args:
        dataset: images, a table or both, and labels or targets; without either, images alone.
        batch_size: objects a batch; the last may be short.
        seed, epoch: what order, turns and patches depend on; no seed keeps the order.
        augment: ``"d4"`` turns and flips each image at random; a table knows no direction.
        patch, patches: of pairs, as for :func:`lenszoo.data.patches.training_pairs`.
        answers: a function from labels (n,) to what the loss compares with; by default the labels.

    Yields:
        what a model takes (images, a table, or both by name), with the answers or the targets.

    Raises:
        LenszooError: an argument out of range, or turns of images that are not square.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        seed: int | None = None,
        epoch: int = 0,
        augment: str | None = None,
        patch: int | None = None,
        patches: int = 1,
        answers: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        super().__init__()
        check_arguments(batch_size, seed, augment)
        self.dataset, self.batch_size, self.seed, self.epoch = dataset, batch_size, seed, epoch
        n = len(dataset)
        self.order = np.arange(n) if seed is None else epoch_order(n, seed, epoch)
        self.cut: dict[str, Any] = {"patch": patch, "patches": patches, "augment": augment}
        self.turns: np.ndarray | None = None
        pairs = dataset.targets is not None
        if augment is not None and seed is not None and dataset.images is not None and not pairs:
            check_square(dataset.images.shape[1:3])
            self.turns = d4_elements(n, seed, epoch)
        self.answers: np.ndarray | None = None
        if dataset.labels is not None:
            self.answers = np.asarray(dataset.labels, np.int32)
            self.answers = self.answers if answers is None else answers(self.answers)

    def __len__(self) -> int:
        """Batches."""
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        """Batch ``index``."""
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images, targets = self.dataset.images, self.dataset.targets
        if images is not None:
            images = images[rows]
            if targets is not None:
                # each batch draws from a stream of its own
                seed, epoch = self.seed or 0, self.epoch * len(self) + index
                return training_pairs(images, targets[rows], **self.cut, seed=seed, epoch=epoch)
            if self.turns is not None:
                images = d4(images, self.turns[rows])
        inputs = as_inputs(images, self.dataset.table[rows])
        return inputs if self.answers is None else (inputs, self.answers[rows])


def feed(batches: Any) -> Any:
    """Return what ``fit`` takes fastest: of :class:`Batches` on TensorFlow a ``tf.data.Dataset``.

    Pairs, and batches that are no :class:`Batches`, are returned as they are.
    """
    in_memory = isinstance(batches, Batches) and batches.dataset.targets is None
    if not in_memory or keras.config.backend() != "tensorflow":
        return batches
    from lenszoo.data.tf_data import batches_in_graph

    return batches_in_graph(batches)


def check_arguments(batch_size: int, seed: int | None, augment: str | None) -> None:
    """Raise LenszooError where batches cannot be made like that."""
    whole_number("batch_size", batch_size)
    if augment not in (None, "d4"):
        raise unknown("augmentation", str(augment), ["d4"])
    if augment and seed is None:
        raise LenszooError("augment= draws at random: pass shuffle_seed= as well.")
