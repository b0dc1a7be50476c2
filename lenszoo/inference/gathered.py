"""Images and logits of other looks, collected for a report while a model predicts."""

import functools
from collections.abc import Callable

import keras
import numpy as np

from lenszoo.data.readers import aligned_empty
from lenszoo.inference.candidates import Candidates
from lenszoo.inference.inputs import Batch
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.predictor import answer
from lenszoo.inference.tta import AugmentedModel
from lenszoo.models.lens_finder import BRANCHES, branch

LOOKS = "eight looks"


class Gathered:
    """Images and other looks at them, filled batch by batch.

    Attributes:
        images: (n, H, W, bands) as the model was given them, or None for a table alone.
        looks: logits (n, classes) by name, NaN where there are none: of a lens finder each branch
            alone, and with tta the mean over turns and flips.
    """

    def __init__(
        self, opened: OpenedModel, candidates: Candidates, batch_size: int, tta: bool
    ) -> None:
        self.images = None
        if candidates.images is not None:
            height, width, bands = candidates.images.fit.shape
            self.images = aligned_empty((len(candidates), height or 1, width or 1, bands))
        size = min(batch_size, len(candidates))
        self._ways = _ways(opened, size, tta)
        shape = (len(candidates), len(opened.classes))
        self.looks = {name: np.full(shape, np.nan, np.float32) for name in self._ways}

    def collect(self, rows: np.ndarray, batch: Batch) -> None:
        """Keep the images of a batch and look at them in the other ways."""
        if self.images is not None:
            self.images[rows] = batch.images
        if len(rows):
            for name, look in self._ways.items():
                self.looks[name][rows] = look(batch)


def _ways(opened: OpenedModel, size: int, tta: bool) -> dict[str, Callable[[Batch], np.ndarray]]:
    ways: dict[str, Callable[[Batch], np.ndarray]] = {}
    takes = opened.takes
    if opened.finds_lenses and len(takes) == 2:
        for use, taken in BRANCHES.items():
            alone = branch(opened.model, use)
            ways[f"{use} only"] = functools.partial(_alone, opened, alone, taken, size)
    if tta:
        ways[LOOKS] = functools.partial(_turned, AugmentedModel(opened), size)
    return ways


def _alone(
    opened: OpenedModel, model: keras.Model, taken: str, size: int, batch: Batch
) -> np.ndarray:
    return opened.logits(answer(model, batch.inputs[taken], size))


def _turned(looks: AugmentedModel, size: int, batch: Batch) -> np.ndarray:
    return answer(looks, batch.inputs, size)
