"""Batches of lens candidates for ``fit`` on any backend."""

from typing import Any

import numpy as np

from lenszoo.data.batches import ThreadedDataset
from lenszoo.data.dataset import as_inputs
from lenszoo.simulation import SimulatedDataset
from lenszoo.simulation.cutouts import measured_table, take_bands


def as_targets(labels: np.ndarray) -> np.ndarray:
    """Return labels as (n, 1) float32, the shape of a lens finder's answers."""
    return labels.astype(np.float32)[:, None]


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
        """Batch ``index``, what a lens finder takes, and labels (batch, 1) float32."""
        images, labels = self.stream[index]
        images = take_bands(self.stream.preset, images, self.bands)
        table = measured_table(self.stream.preset, images, self.bands, self.columns)
        return as_inputs(images if self.images else None, table), as_targets(labels)
