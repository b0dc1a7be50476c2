"""Images and logits of other looks, collected for a report while a model predicts."""

import keras
import numpy as np

from lenszoo.data.aligned import aligned_empty
from lenszoo.inference.answers import answer
from lenszoo.inference.candidates import Candidates
from lenszoo.inference.inputs import Batch
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.tta import AugmentedModel
from lenszoo.models.lens_finder import BRANCHES, branch
from lenszoo.pretrained.members import members

LOOKS = "eight looks"


class Gathered:
    """Images and other looks at them, filled batch by batch.

    Attributes:
        images: (n, H, W, bands) as the model was given them, or None for a table alone.
        looks: logits (n, classes) by name, NaN where there are none: of a lens finder each branch
            alone, and with tta the mean over turns and flips.
        members: logits (n, classes) of each member of an ensemble of lens finders, by its name.
    """

    def __init__(
        self, opened: OpenedModel, candidates: Candidates, batch_size: int, tta: bool
    ) -> None:
        self._opened, self._size = opened, min(batch_size, len(candidates))
        self._branches = {}
        if opened.finds_lenses and len(opened.takes) == 2:
            self._branches = {
                f"{use} only": (branch(opened.model, use), part) for use, part in BRANCHES.items()
            }
        self._augmented = AugmentedModel(opened) if tta else None
        names = [*self._branches, *([LOOKS] if tta else [])]
        self._members = members_of(opened)
        shape = (len(candidates), len(opened.classes))
        self.looks, self.members = (
            {name: np.full(shape, np.nan, np.float32) for name in each}
            for each in (names, self._members)
        )
        self.images = None
        if candidates.images is not None:
            height, width, bands = candidates.images.fit.shape
            self.images = aligned_empty((len(candidates), height or 1, width or 1, bands))

    def collect(self, rows: np.ndarray, batch: Batch) -> None:
        """Keep the images of a batch, and the logits of the other looks at it."""
        if self.images is not None:
            self.images[rows] = batch.images
        if not len(rows):
            return
        for name, (model, part) in self._branches.items():
            answers = answer(model, batch.inputs[part], self._size)
            self.looks[name][rows] = self._opened.logits(answers)
        for name, model in self._members.items():
            answers = answer(model, batch.inputs, self._size)
            self.members[name][rows] = self._opened.logits(answers)
        if self._augmented is not None:
            self.looks[LOOKS][rows] = answer(self._augmented, batch.inputs, self._size)


def members_of(opened: OpenedModel) -> dict[str, keras.Model]:
    """The members of an ensemble of lens finders, by name; none of any other model."""
    models = members(opened.model) if opened.finds_lenses else []
    names = opened.provenance["weights"]
    if not isinstance(names, list) or len(set(names)) != len(models):
        names = [f"member {k + 1}" for k in range(len(models))]
    return dict(zip(names, models, strict=True))
