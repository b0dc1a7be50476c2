"""Test-time augmentation: a model that looks at each image from eight sides before it answers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.tta import tta_logits


class EightLooks:
    """Answers as a model does, with the mean over the quarter turns and flips of each image.

    What it answers are logits (n, classes), see :func:`lenszoo.evaluation.tta_logits`; a table
    beside the images stays as it is.

    Raises:
        LenszooError: the model looks at no images.
    """

    def __init__(self, opened: OpenedModel) -> None:
        if "images" not in opened.takes:
            raise LenszooError(f"{opened.name} looks at a table, which has no turns and flips.")
        self._opened = opened
        self.output_shape = (None, len(opened.classes))

    def predict_on_batch(self, inputs: Any) -> np.ndarray:
        """Logits (n, classes) float32 of images (n, H, W, bands), or of ``images`` and ``table``.

        Raises:
            LenszooError: the images are not square.
        """
        both = isinstance(inputs, dict)
        images = inputs["images"] if both else inputs

        def look(turned: np.ndarray) -> np.ndarray:
            given = {**inputs, "images": turned} if both else turned
            return self._opened.logits(self._opened.model.predict_on_batch(given))

        return tta_logits(_Look(look), images, len(images))


class _Look(NamedTuple):
    """What ``tta_logits`` asks."""

    predict_on_batch: Callable[[np.ndarray], np.ndarray]
