"""Problems that an image poses by itself: which way is it turned, how noisy was it made?"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.batches import ThreadedDataset
from lenszoo.data.epochs import randomness
from lenszoo.tasks.pretext.recipe import Denoising

_POSE, _HELD = 4, 5  # independent random streams


class Problem(NamedTuple):
    """A problem with as many answers as ``names``.

    Attributes:
        names: the answers, in the order of the labels.
        pose: ``pose(images, rng)`` gives changed images and the right answers (n,) int32.
        augment: what may be done to the images first.
    """

    names: tuple[str, ...]
    pose: Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
    augment: str | None


def rotation() -> Problem:
    """By which quarter turn was the image turned (Gidaris et al. 2018, arXiv:1803.07728)?

    It has an answer only on a sky with a direction; images are not turned at random beforehand.
    """

    def pose(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        turns = rng.permutation(np.arange(len(images)) % 4).astype(np.int32)
        posed = images.copy()
        for k in (1, 2, 3):
            posed[turns == k] = np.rot90(images[turns == k], k, axes=(1, 2))
        return posed, turns

    return Problem(tuple(f"{90 * k} degrees" for k in range(4)), pose, None)


def denoising(recipe: Denoising) -> Problem:
    """How strong is the Gaussian noise that was added?

    Its deviation is a share, one of ``recipe.levels``, of the image's own: the root mean square of
    all its bands about their means.
    """
    strengths = np.geomspace(recipe.weakest, recipe.strongest, recipe.levels)

    def pose(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        levels = rng.integers(0, recipe.levels, len(images), dtype=np.int32)
        own = np.sqrt(np.mean(np.var(images, axis=(1, 2)), axis=-1))
        sigma = (strengths[levels] * own).astype(np.float32)[:, None, None, None]
        return images + sigma * rng.standard_normal(images.shape, np.float32), levels

    return Problem(tuple(f"{100 * s:.3g} %" for s in strengths), pose, "d4")


class PosedBatches(ThreadedDataset):
    """Batches of a pool with problems posed: images, and the answers (batch,) int32.

    Args:
        images: batches of images; labels beside them are not looked at.
        problem: what is posed.
        seed, epoch: what the problems depend on, beside the number of the batch.
    """

    def __init__(self, images: ThreadedDataset, problem: Problem, seed: int, epoch: int):
        super().__init__()
        self.images, self.problem, self.key = images, problem, (seed, epoch, _POSE)

    def __len__(self) -> int:
        """Batches."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index``."""
        batch = self.images[index]
        images = batch[0] if isinstance(batch, tuple) else batch
        return self.problem.pose(np.asarray(images), randomness(*self.key, index))


def held_out(images: np.ndarray, problem: Problem, seed: int) -> tuple[Any, np.ndarray]:
    """Held-out images with problems posed, the same each time, and the answers."""
    return problem.pose(images, randomness(seed, _HELD))
