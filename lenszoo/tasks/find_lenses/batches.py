"""Batches of lens candidates for ``fit`` on any backend."""

from typing import Any

import numpy as np

from lenszoo.data import Cutouts
from lenszoo.data.augment import check_square, d4
from lenszoo.data.dataset import as_inputs
from lenszoo.data.pipeline import d4_elements, epoch_order
from lenszoo.data.threaded import ThreadedDataset
from lenszoo.simulation import SimulatedDataset
from lenszoo.simulation.cutouts import measured_table, take_bands


def as_targets(labels: np.ndarray) -> np.ndarray:
    """Labels as (n, 1) float32, the shape of a lens finder's answers."""
    return labels.astype(np.float32)[:, None]


class HeldBatches(ThreadedDataset):
    """Shuffled batches of candidates in memory; the same ones each time they are asked for.

    Args:
        cutouts: all of them, labelled.
        batch_size: candidates a batch; the last may be short.
        seed, epoch: what order and turns depend on.
        augment: ``"d4"`` turns and flips each image at random; the table knows no direction.
    """

    def __init__(
        self, cutouts: Cutouts, batch_size: int, seed: int, epoch: int, augment: str | None
    ):
        super().__init__()
        self.cutouts, self.batch_size = cutouts, batch_size
        self.targets = as_targets(cutouts.known_labels())
        self.order = epoch_order(len(cutouts), seed, epoch)
        self.turns = None
        if augment and cutouts.images is not None:
            check_square(cutouts.images.shape[1:3])
            self.turns = d4_elements(len(cutouts), seed, epoch)

    def __len__(self) -> int:
        """Batches."""
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, np.ndarray]:
        """Batch ``index``: what a lens finder takes, and labels (batch, 1) float32."""
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images = None if self.cutouts.images is None else self.cutouts.images[rows]
        if images is not None and self.turns is not None:
            images = d4(images, self.turns[rows])
        return as_inputs(images, self.cutouts.table[rows]), self.targets[rows]


class StreamedBatches(ThreadedDataset):
    """Batches of a simulated sky, never repeated, their tables measured on the way.

    Args:
        stream: the images and labels.
        bands: names of the bands that are looked at.
        columns: measured columns of the table; none for none.
        images: False leaves the images out once they are measured.
    """

    def __init__(
        self,
        stream: SimulatedDataset,
        bands: tuple[str, ...],
        columns: tuple[str, ...],
        images: bool = True,
    ):
        super().__init__()
        self.stream, self.bands, self.columns, self.images = stream, bands, columns, images

    def __len__(self) -> int:
        """Batches."""
        return len(self.stream)

    def __getitem__(self, index: int) -> tuple[Any, np.ndarray]:
        """Batch ``index``, as of :class:`HeldBatches`."""
        images, labels = self.stream[index]
        images = take_bands(self.stream.preset, images, self.bands)
        table = measured_table(self.stream.preset, images, self.bands, self.columns)
        return as_inputs(images if self.images else None, table), as_targets(labels)
