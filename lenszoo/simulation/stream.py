"""Streams of simulated images without a disk: a Keras PyDataset, and as a tf.data.Dataset."""

from typing import Any

import keras
import numpy as np

from lenszoo.data.augment import d4
from lenszoo.data.pipeline import d4_elements
from lenszoo.errors import LenszooError
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import get_preset
from lenszoo.simulation.sample import sample_scenes

THREADS = 2  # with one, Keras renders nothing ahead of the step that needs it


class SimulatedDataset(keras.utils.PyDataset):
    """Batches of freshly simulated images, for ``model.fit`` on any backend.

    The batches of one object are always the same: scenes ``start .. start + n - 1`` of ``seed``, in
    order. Give every epoch a start of its own for images that never repeat.

    Args:
        preset: a name from ``list_presets()``.
        n: images in all; the last batch may be short.
        seed: seed of the scenes.
        batch_size: images a batch.
        start: index of the first scene.
        strength: multiplies the mass of the substructure.
        augment: ``"d4"`` turns and flips each image at random, in a way fixed by seed and scene.

    Yields:
        images (batch, H, W, 1) float32 and labels (batch,) int32.

    Raises:
        LenszooError: unknown preset, n or batch_size below 1.
    """

    def __init__(
        self,
        preset: str | Preset,
        n: int,
        seed: int = 0,
        batch_size: int = 64,
        start: int = 0,
        strength: float = 1.0,
        augment: str | None = None,
    ):
        super().__init__(workers=THREADS, use_multiprocessing=False, max_queue_size=8)
        if n < 1 or batch_size < 1:
            raise LenszooError(f"n and batch_size must be at least 1, not {n} and {batch_size}.")
        if augment not in (None, "d4"):
            raise LenszooError(f"augment must be 'd4' or None, not {augment!r}.")
        self.preset = get_preset(preset)
        self.n, self.seed, self.batch_size = n, seed, batch_size
        self.start, self.strength, self.augment = start, strength, augment

    def __len__(self) -> int:
        """Batches."""
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index``: images and labels."""
        first = self.start + index * self.batch_size
        last = min(first + self.batch_size, self.start + self.n)
        batch = sample_scenes(self.preset, range(first, last), self.seed, self.strength)
        images = batch.images
        if self.augment:
            images = d4(images, d4_elements(len(images), self.seed, first))
        return images, batch.labels


def stream(dataset: SimulatedDataset) -> Any:
    """The same batches as a ``tf.data.Dataset``; needs TensorFlow, works with any Keras backend."""
    import tensorflow as tf

    def batches():
        for index in range(len(dataset)):
            yield dataset[index]

    signature = (
        tf.TensorSpec((None, *dataset.preset.image_shape), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)
