"""Streams of simulated images without a disk: a Keras PyDataset, and as a tf.data.Dataset."""

from typing import Any

import numpy as np

from lenszoo.data.augment import d4
from lenszoo.data.batches import ThreadedDataset
from lenszoo.data.epochs import d4_elements, epoch_order
from lenszoo.data.patches import training_pairs
from lenszoo.data.tf_data import from_batches
from lenszoo.errors import LenszooError, whole_number
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import get_preset
from lenszoo.simulation.sample import check_draw, sample_scenes


class SimulatedDataset(ThreadedDataset):
    """Batches of freshly simulated images, for ``model.fit`` on any backend.

    The batches of one object are always the same: scenes ``start .. start + n - 1`` of ``seed``, in
    order. Give every epoch a start of its own for images that never repeat, or the same start and
    its number to see the same images again.

    Args:
        preset: a name from ``list_presets()``.
        n: images in all; the last batch may be short.
        seed: seed of the scenes.
        batch_size: images a batch.
        start: index of the first scene.
        strength: multiplies the mass of the substructure.
        augment: ``"d4"`` turns and flips each image at random, in a way fixed by seed and scene.
        patch: of a sky of pairs, side in pixels of patches cut out of the images at random places,
            likewise fixed; None takes whole images.
        patches: patches of each image.
        epoch: how often these scenes were seen before; from 1 on they come in another order, and
            their turns and patches are others.

    Yields:
        images (batch, H, W, 1) float32 and labels (batch,) int32. Of a sky of pairs, images and
        targets (batch, factor * H, factor * W, 1) float32 instead; with patches, H and W are
        ``patch`` and the batch is ``patches`` times as long.

    Raises:
        LenszooError: unknown preset, n or batch_size below 1, patches of a sky without pairs, or
            larger than its images; a strength of a sky without substructure.

    Example:
        >>> from lenszoo.simulation import SimulatedDataset
        >>> batches = SimulatedDataset("common_test_sim", 8, batch_size=4, seed=1)
        >>> images, labels = batches[0]
        >>> len(batches), tuple(images.shape)
        (2, (4, 150, 150, 1))
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
        patch: int | None = None,
        patches: int = 1,
        epoch: int = 0,
    ):
        super().__init__()
        whole_number("n", n)
        whole_number("batch_size", batch_size)
        if augment not in (None, "d4"):
            raise LenszooError(f"augment must be 'd4' or None, not {augment!r}.")
        self.preset = get_preset(preset)
        check_draw(self.preset, seed, strength)
        self.n, self.seed, self.batch_size = n, seed, batch_size
        self.start, self.strength, self.augment = start, strength, augment
        self.patch, self.patches = patch, patches
        self.order = epoch_order(n, seed, epoch) if epoch else np.arange(n)
        # turns and patches go by the number that a batch of scenes never seen would have
        self.drawn = start + epoch * n
        if patch is not None and self.preset.factor == 1:
            raise LenszooError(f"Patches are cut out of pairs; {self.preset.name} has none.")

    def __len__(self) -> int:
        """Batches."""
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index``: images and labels."""
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        batch = sample_scenes(self.preset, self.start + rows, self.seed, self.strength)
        drawn = self.drawn + index * self.batch_size
        if batch.targets is not None:
            return training_pairs(
                batch.images,
                batch.targets,
                patch=self.patch,
                patches=self.patches,
                augment=self.augment,
                seed=self.seed,
                epoch=drawn,
            )
        images = batch.images
        if self.augment:
            images = d4(images, d4_elements(len(images), self.seed, drawn))
        return images, batch.labels

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of what a batch holds: of an image, and of its label or its target."""
        low, factor = self.preset.image_shape, self.preset.factor
        if self.patch is not None:
            low = (self.patch, self.patch, low[2])
        return low, (factor * low[0], factor * low[1], low[2]) if factor > 1 else ()


def stream(dataset: SimulatedDataset) -> Any:
    """The same batches as a ``tf.data.Dataset``; needs TensorFlow, works with any Keras backend.

    Example:
        >>> from lenszoo.simulation import SimulatedDataset, stream
        >>> batches = stream(SimulatedDataset("common_test_sim", 8, batch_size=4, seed=1))
        >>> next(iter(batches))[0].shape
        TensorShape([4, 150, 150, 1])
    """
    import tensorflow as tf

    image, answer = dataset.shapes
    signature = (
        tf.TensorSpec((None, *image), tf.float32),
        tf.TensorSpec((None, *answer), tf.float32 if answer else tf.int32),
    )
    return from_batches(dataset, signature)
