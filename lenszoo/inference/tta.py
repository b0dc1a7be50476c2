"""Test-time augmentation over the symmetry group of the square."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenszoo.data.augment import D4_SIZE, d4
from lenszoo.errors import LenszooError


def tta_logits(model: Any, images: np.ndarray, batch_size: int = 128) -> NDArray[np.float32]:
    """Average a classifier's log-softmax over the eight quarter turns and flips of each image.

    The answer is exactly the same for an image and any of its turns and flips: the eight answers
    are put in order before they are added, so that not even rounding tells them apart.

    Args:
        model: a classifier that answers logits, ``(batch, classes)``.
        images: (n, H, W, bands) float32, H = W.
        batch_size: images a step.

    Returns:
        (n, classes) float32: the mean of the log-softmax, logits whose softmax is the geometric
        mean of the eight probabilities; (n, 1), the mean logit, of a model of one logit. NaN for
        images that are not finite.

    Raises:
        LenszooError: the images are not square, or not (n, H, W, bands).
    """
    if images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise LenszooError(
            f"Test-time augmentation needs square images (n, H, W, bands), not {images.shape}: "
            "crop them, or do without."
        )
    means = [
        _mean(model, images[start : start + batch_size])
        for start in range(0, len(images), batch_size)
    ]
    if not means:
        raise LenszooError("There are no images to average over.")
    return np.concatenate(means)


def _mean(model: Any, images: np.ndarray) -> NDArray[np.float32]:
    """The mean over D4 of a batch."""
    answers = []
    for element in range(D4_SIZE):
        turned = d4(images, np.full(len(images), element))
        answers.append(_log_softmax(model.predict_on_batch(turned)))
    return np.sort(np.stack(answers), axis=0).mean(axis=0).astype(np.float32)


def _log_softmax(logits: Any) -> NDArray[np.float64]:
    """In float64; NaN stays NaN, where ``metrics.log_softmax`` refuses it."""
    values = np.asarray(logits, np.float64)
    if values.shape[1] == 1:  # stands for [0, logit], whose log-odds is the logit itself
        return values
    values = values - values.max(axis=1, keepdims=True)
    return values - np.log(np.exp(values).sum(axis=1, keepdims=True))
