"""Score a released classifier on real images, which lie in an npz file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as metrics
from lenszoo.simulation import get_preset
from lenszoo.tasks.base import Task
from lenszoo.tasks.classify.task import ClassifyTask, predict_logits


def takes_real_images(task: type[Task]) -> bool:
    """Tell whether a task's models can be scored on images with classes alone."""
    return issubclass(task, ClassifyTask)


def score_real(
    model: keras.Model,
    preset: str,
    file: Path,
    merge: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, float]:
    """Score a classifier on real images.

    Args:
        model: of the classes of the preset.
        preset: the sky it was trained on.
        file: npz with ``x`` (n, H, W, bands) and ``label`` (n,), names of classes.
        merge: classes of the preset that the file may tell apart, each with their names there.

    Raises:
        LenszooError: no such arrays, an unknown class, or no image of one.
    """
    classes = list(get_preset(preset).classes)
    merged = {part: name for name, parts in (merge or {}).items() for part in parts}
    try:
        with np.load(file, allow_pickle=False) as held:
            images, names = held["x"], [merged.get(str(n), str(n)) for n in held["label"]]
    except Exception as error:  # a damaged archive raises almost anything
        raise LenszooError(f"{file}: give an npz with x and label ({error}).") from error
    if not names or not set(names) <= set(classes):
        raise LenszooError(f"{file}: labels beside {', '.join(classes)} of {preset}.")
    if lacking := [name for name in classes if name not in names]:
        raise LenszooError(f"{file}: no image of {lacking[0]!r}; an AUC needs every class.")
    if images.shape != (len(names), *model.input_shape[1:]):
        raise LenszooError(
            f"{file}: x of shape {images.shape} for {len(names)} labels and a model of "
            f"{model.input_shape[1:]}."
        )
    truth = np.array([classes.index(name) for name in names])
    answers = predict_logits(model, images)
    return {
        "n": len(truth),
        "macro_ovr_auc": metrics.roc_auc(truth, answers),
        "accuracy": metrics.accuracy(truth, answers),
    }
