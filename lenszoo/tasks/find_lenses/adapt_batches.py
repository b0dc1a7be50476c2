"""Batches of two skies at once: source with labels, target with some labels and without."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data import Cutouts
from lenszoo.data.augment import D4_SIZE, d4
from lenszoo.data.batches import ThreadedDataset
from lenszoo.data.dataset import UNLABELLED, as_inputs
from lenszoo.data.epochs import randomness
from lenszoo.tasks.find_lenses.batches import as_targets
from lenszoo.tasks.find_lenses.recipe import Consistency

_HIDE, _ORDER, _LOOK = 0, 1, 2  # independent random streams
_MAD_TO_SIGMA = 1.4826


class Parts(NamedTuple):
    """Rows of a batch, in this order; a part may be empty.

    Attributes:
        source: labelled ones of the source.
        labelled: labelled ones of the target.
        unlabelled: those of the target whose labels nobody sees.
    """

    source: int
    labelled: int
    unlabelled: int

    @property
    def supervised(self) -> int:
        """Rows with a label; they come first."""
        return self.source + self.labelled


def hide_labels(cutouts: Cutouts, fraction: float, seed: int) -> Cutouts:
    """Take the labels of most candidates away, class by class, and what a simulation knows of them.

    Args:
        cutouts: labelled ones.
        fraction: share of each class that keeps its label, at least one where it is not 0. Of two
            fractions the labels of the smaller are among those of the larger.
        seed: of the choice.

    Returns:
        The same candidates, -1 for a label that was taken away.
    """
    labels = cutouts.known_labels()
    kept = np.full_like(labels, UNLABELLED)
    rng = randomness(seed, _HIDE)
    for label in range(len(cutouts.class_names)):
        rows = rng.permutation(np.flatnonzero(labels == label))
        kept[rows[: max(round(fraction * len(rows)), int(fraction > 0))]] = label
    return replace(cutouts, labels=kept, truth=None)


def sky_noise(images: np.ndarray) -> np.ndarray:
    """(bands,) noise of sky-subtracted images, from neighbouring pixels along their upper edges."""
    steps = np.diff(images[:, 0], axis=1).reshape(-1, images.shape[-1])
    return (_MAD_TO_SIGMA / np.sqrt(2.0) * np.median(np.abs(steps), 0)).astype(np.float32)


class AdaptBatches(ThreadedDataset):
    """Batches of fixed size for one epoch; the same ones each time they are asked for.

    Batch ``i`` is ``(x, y)``. ``x`` is what a lens finder takes, its rows those of ``parts``.
    ``y["labels"]`` (supervised rows, 1) float32 holds the labels of the first rows; there are none
    of the others, so that no loss can look at them. Where a method compares views, the unlabelled
    rows of ``x`` are strong views, and ``y["weak"]`` holds weak views of the same candidates.

    A weak view is turned and flipped (D4), a strong one also moved by whole pixels (what leaves on
    one side comes in on the other, so that the noise stays as it is), scaled in flux and given
    noise of its own; its table is jittered.

    Args:
        source: all of the source, labelled; None where the batches hold none.
        target: all of the target's training candidates, -1 where labels are hidden, see
            :func:`hide_labels`. Where every one is labelled, all serve as unlabelled ones too.
        parts: rows of a batch.
        steps: batches.
        seed, epoch: what order and views depend on.
        augment: ``"d4"`` or None.
        views: how strong views are made; None for weak ones only.
    """

    def __init__(
        self,
        source: Cutouts | None,
        target: Cutouts,
        parts: Parts,
        *,
        steps: int,
        seed: int,
        epoch: int,
        augment: str | None,
        views: Consistency | None = None,
    ):
        super().__init__()
        self.parts, self.steps, self.augment, self.views = parts, steps, augment, views
        self.key = (seed, epoch)
        shown = np.flatnonzero(target.known_labels() != UNLABELLED)
        hidden = np.flatnonzero(target.known_labels() == UNLABELLED)
        pools = (
            (source, np.arange(len(source) if source else 0)),
            (target, shown),
            (target, hidden if len(hidden) else shown),
        )
        self.streams = [
            (cutouts, self._order(rows, count, part))
            for part, ((cutouts, rows), count) in enumerate(zip(pools, parts, strict=True))
            if count and cutouts is not None
        ]
        self.labels = [cutouts.known_labels() for cutouts, _ in self.streams]
        if views is not None:
            self.noise = sky_noise(target.images) if target.images is not None else np.zeros(1)
            self.spread = np.nan_to_num(_deviation(target.table))

    def _order(self, rows: np.ndarray, count: int, part: int) -> np.ndarray:
        """(steps, count) positions: the rows shuffled, and shuffled anew when they are used up."""
        rng, length = randomness(*self.key, _ORDER, part), self.steps * count
        rounds = [rng.permutation(rows) for _ in range(-(-length // max(1, len(rows))))]
        return np.concatenate([rows[:0], *rounds])[:length].reshape(self.steps, count)

    def __len__(self) -> int:
        """Batches."""
        return self.steps

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        """Batch ``index``."""
        rng = randomness(*self.key, _LOOK, index)
        images: list[np.ndarray | None] = []
        tables: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        y: dict[str, Any] = {}
        for (cutouts, order), labelled in zip(self.streams, self.labels, strict=True):
            rows = order[index]
            seen = None if cutouts.images is None else cutouts.images[rows]
            table = cutouts.table[rows]
            supervised = sum(len(part) for part in labels) < self.parts.supervised
            if supervised:
                labels.append(labelled[rows])
            elif self.views is not None:
                y["weak"] = as_inputs(self._turned(seen, rng), table)
                seen, table = self._strong(seen, table, rng)
            images.append(self._turned(seen, rng))
            tables.append(table)
        y["labels"] = as_targets(np.concatenate(labels or [np.empty(0, np.int32)]))
        return as_inputs(_joined(images), np.concatenate(tables)), y

    def _turned(self, images: np.ndarray | None, rng: np.random.Generator) -> np.ndarray | None:
        if images is None or self.augment is None:
            return images
        return d4(images, rng.integers(0, D4_SIZE, len(images)))

    def _strong(
        self, images: np.ndarray | None, table: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """Another look at the same candidates."""
        views = self.views
        assert views is not None
        jitter = rng.standard_normal(table.shape, np.float32) * self.spread
        table = table + np.float32(views.jitter) * jitter
        if images is None:
            return None, table
        n = len(images)
        images = _moved(images, rng.integers(-views.shift, views.shift + 1, (n, 2)))
        images *= np.exp(rng.normal(0.0, views.flux, (n, 1, 1, 1))).astype(np.float32)
        sigma = (rng.uniform(0.0, views.noise, (n, 1, 1, 1)) * self.noise).astype(np.float32)
        return images + sigma * rng.standard_normal(images.shape, np.float32), table


def _joined(images: list[np.ndarray | None]) -> np.ndarray | None:
    present = [stack for stack in images if stack is not None]
    return np.concatenate(present) if present else None


def _moved(images: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Images (n, H, W, C) rolled by (n, 2) pixels, each by its own."""
    n, height, width, _ = images.shape
    rows = (np.arange(height) - steps[:, :1]) % height
    columns = (np.arange(width) - steps[:, 1:]) % width
    return images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _deviation(table: np.ndarray) -> np.ndarray:
    """(columns,) float32 standard deviation of the known values; NaN for an empty column."""
    values = np.where(np.isfinite(table), table, np.nan)
    count = np.maximum(np.isfinite(values).sum(0), 1)
    mean = np.nansum(values, 0) / count
    return np.sqrt(np.nansum((values - mean) ** 2, 0) / count).astype(np.float32)
