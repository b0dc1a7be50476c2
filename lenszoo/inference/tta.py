"""Test-time augmentation over the symmetry group of the square: quarter turns and flips.

The logits are averaged, so that a column of logits has one meaning with and without it. Their
softmax is the geometric mean of the eight probabilities, and unlike log-probabilities they do not
saturate at 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenszoo.data.augment import D4_SIZE, d4
from lenszoo.errors import LenszooError
from lenszoo.inference.loaded_model import OpenedModel


def tta_logits(model: Any, images: np.ndarray, batch_size: int = 128) -> NDArray[np.float32]:
    """Average a classifier's logits over the eight quarter turns and flips of each image.

    The answer is exactly the same for an image and any of its turns and flips: the eight logits
    are sorted before they are added, so that not even rounding tells them apart.

    Args:
        model: a classifier that answers logits, ``(batch, classes)``.
        images: (n, H, W, bands) float32, H = W.
        batch_size: images a step.

    Returns:
        (n, classes) float32; NaN for images that are not finite.

    Raises:
        LenszooError: there are no images, or they are not square or not (n, H, W, bands).

    Example:
        >>> from lenszoo import load_model
        >>> from lenszoo.simulation import sample
        >>> from lenszoo.evaluation import tta_logits
        >>> sky = sample("common_test_sim", 2, seed=1)
        >>> model = load_model("resnet18_slim.common_test_sim_v2")
        >>> tta_logits(model, sky.images).shape
        (2, 3)
    """
    if len(images) == 0:
        raise LenszooError("There are no images to average over.")
    starts = range(0, len(images), batch_size)
    return np.concatenate(
        [_mean(model.predict_on_batch, images[start : start + batch_size]) for start in starts]
    )


class AugmentedModel:
    """A model that answers with the mean over turns and flips of each image.

    A table beside the images stays as it is.

    Args:
        opened: the classifier.
        model: what answers in its place; by default itself.
        features: it answers features; else logits.

    Raises:
        LenszooError: the model takes no images.
    """

    def __init__(self, opened: OpenedModel, model: Any = None, features: bool = False) -> None:
        if "images" not in opened.takes:
            raise LenszooError(f"{opened.name} looks at a table, which has no turns and flips.")
        self._model = opened.model if model is None else model
        self._read: Callable[[Any], Any] = np.asarray if features else opened.logits
        self.weights = opened.model.weights
        width = self._model.output_shape[-1] if features else len(opened.classes)
        self.output_shape = (None, width)

    def predict_on_batch(self, inputs: Any) -> np.ndarray:
        """Return answers (n, width) float32 to images (n, H, W, bands), or to images and table.

        Raises:
            LenszooError: the images are not square.
        """
        beside = inputs if isinstance(inputs, dict) else None
        predict = self._model.predict_on_batch

        def answer(images: np.ndarray) -> np.ndarray:
            return self._read(predict(images if beside is None else beside | {"images": images}))

        return _mean(answer, inputs if beside is None else beside["images"])


def _mean(answer: Callable[[np.ndarray], Any], images: np.ndarray) -> NDArray[np.float32]:
    """Average the answers to a batch over the group D4, in float64."""
    if images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise LenszooError(
            f"Test-time augmentation needs square images (n, H, W, bands), not {images.shape}: "
            "crop them, or do without."
        )
    looks = [
        np.asarray(answer(d4(images, np.full(len(images), element))), np.float64)
        for element in range(D4_SIZE)
    ]
    return np.sort(np.stack(looks), axis=0).mean(axis=0).astype(np.float32)
