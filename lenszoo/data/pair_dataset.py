"""Batches of patches of pairs, for training."""

from typing import Any

import numpy as np

from lenszoo.data.pairs import Pairs
from lenszoo.data.patches import training_pairs
from lenszoo.data.pipeline import epoch_order
from lenszoo.data.threaded import ThreadedDataset
from lenszoo.data.untuned import from_batches


class PairDataset(ThreadedDataset):
    """Shuffled batches of random patches of pairs, for ``fit`` on any backend.

    The batches of one object are always the same; give every epoch one of its own.

    Args:
        pairs: the pairs.
        batch_size: images a batch; the last may be short.
        seed, epoch: what order, patches and turns depend on.
        patch, patches, augment: as for :func:`lenszoo.data.patches.training_pairs`.

    Yields:
        coarse and fine patches, ``batch_size * patches`` of each.
    """

    def __init__(
        self,
        pairs: Pairs,
        batch_size: int,
        *,
        seed: int = 0,
        epoch: int = 0,
        patch: int | None = None,
        patches: int = 1,
        augment: str | None = None,
    ):
        super().__init__()
        self.pairs, self.batch_size = pairs, batch_size
        self.cut: dict[str, Any] = {"patch": patch, "patches": patches, "augment": augment}
        self.seed, self.epoch = seed, epoch
        self.order = epoch_order(len(pairs.low), seed, epoch)

    def __len__(self) -> int:
        """Batches."""
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index``."""
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        # each batch draws from a stream of its own
        return training_pairs(
            self.pairs.low[rows],
            self.pairs.high[rows],
            **self.cut,
            seed=self.seed,
            epoch=self.epoch * len(self) + index,
        )


def pair_stream(dataset: PairDataset) -> Any:
    """The same batches as a ``tf.data.Dataset``; needs TensorFlow, works with any Keras backend."""
    import tensorflow as tf

    low, high = dataset[0]
    signature = tuple(tf.TensorSpec((None, *x.shape[1:]), tf.float32) for x in (low, high))
    return from_batches(dataset, signature)
