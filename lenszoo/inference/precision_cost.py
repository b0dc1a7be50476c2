"""Cost of another precision: what the AUC on simulated scenes of the weights' sky loses by it."""

import logging
import operator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lenszoo.data.dataset import as_inputs
from lenszoo.data.names import LENS_CLASSES
from lenszoo.errors import LenszooError
from lenszoo.inference.answers import Answerer, answer
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.metrics.classification import roc_auc
from lenszoo.simulation import SPLIT_START, sample, sample_cutouts

log = logging.getLogger("lenszoo")

SCENES = 2000
"""Scenes that a cost is measured on, of which the classes have equal shares."""
SEED = 2026
"""Seed of the scenes; they are of the test split, which no training sees."""

_BATCH = 64


@dataclass(frozen=True)
class Cost:
    """AUC in float32 and in another precision, on the same scenes.

    Attributes:
        auc_float32: macro one-vs-rest ROC-AUC of the answers of Keras in float32.
        auc: that of the other answers.
        logit_difference: largest difference of a logit.
        preset: the sky.
        scenes: their number.
        seed: of the scenes, of the test split.
    """

    auc_float32: float
    auc: float
    logit_difference: float
    preset: str
    scenes: int
    seed: int

    @property
    def loss(self) -> float:
        """Loss of AUC; negative where it gains."""
        return self.auc_float32 - self.auc

    def __str__(self) -> str:
        return (
            f"AUC {self.auc:.5f} where float32 has {self.auc_float32:.5f}, on {self.scenes:,} "
            f"scenes of {self.preset}"
        )


@dataclass(frozen=True)
class Scenes:
    """Simulated scenes of the sky that weights learned on, with the answers in float32.

    Attributes:
        opened: the model.
        inputs: as the model takes them.
        labels: (n,) positions of the classes.
        logits: (n, classes) of Keras.
    """

    opened: OpenedModel
    inputs: Any
    labels: np.ndarray
    logits: np.ndarray

    def cost(self, model: Answerer) -> Cost:
        """Measure what the answers of another engine or precision to the scenes cost.

        Raises:
            LenszooError: one of them is not finite.
        """
        assert self.opened.preset is not None
        logits = self.opened.logits(answer_all(model, self.inputs))
        if not np.isfinite(logits).all():
            raise LenszooError(f"{self.opened.name}: an answer to a simulated scene is not finite.")
        return Cost(
            roc_auc(self.labels, self.logits),
            roc_auc(self.labels, logits),
            float(np.abs(logits - self.logits).max()),
            self.opened.preset,
            len(self.labels),
            SEED,
        )


def draw_scenes(opened: OpenedModel, purpose: str, count: int | None = None) -> Scenes:
    """Simulate scenes that weights were not trained on, and answer to them in float32.

    Args:
        opened: a classifier or lens finder that learned on a simulated sky.
        purpose: what cannot be had without, in the error.
        count: scenes, by default :data:`SCENES`.

    Raises:
        LenszooError: the weights learned on no simulated sky, on another problem than to tell its
            classes, or on images of another size.
    """
    count = SCENES if count is None else count
    if opened.preset is None:
        raise LenszooError(
            f"{opened.name} did not learn on one simulated sky, so nobody can measure what "
            f"{purpose} costs it: stay with float32."
        )
    log.info("Simulating %s scenes of %s, to measure what %s costs.", f"{count:,}", opened.preset,
             purpose)  # fmt: skip
    inputs, labels, classes = draw(opened, count)
    named = inputs if isinstance(inputs, dict) else {next(iter(opened.takes)): inputs}
    shapes = {name: array.shape[1:] for name, array in named.items()}
    if tuple(classes) != opened.classes or shapes != opened.takes:
        raise LenszooError(
            f"{opened.name} answers something else than the classes of {opened.preset} "
            f"({', '.join(classes)}), so nobody can measure what {purpose} costs it: stay with "
            "float32."
        )
    logits = opened.logits(answer_all(opened.model, inputs))
    return Scenes(opened, inputs, labels, logits)


def draw(
    opened: OpenedModel, count: int, split: str = "test"
) -> tuple[Any, np.ndarray, tuple[str, ...]]:
    """Return inputs, labels and classes of the first scenes of a split of the weights' sky."""
    assert opened.preset is not None
    if not opened.finds_lenses:
        sky = sample(opened.preset, count, SEED, SPLIT_START[split])
        return sky.images, sky.labels, sky.class_names
    columns = opened.columns if "table" in opened.takes else ()
    cutouts = sample_cutouts(
        opened.preset, count, SEED, split, bands=opened.bands or None, columns=columns
    )
    inputs = as_inputs(cutouts.images if "images" in opened.takes else None, cutouts.table)
    return inputs, np.asarray(cutouts.labels), LENS_CLASSES


def answer_all(model: Answerer, inputs: Any) -> np.ndarray:
    """Answer to all inputs in batches of one shape, (n, outputs) float32."""
    rows = len(keras.tree.flatten(inputs)[0])
    parts = []
    for start in range(0, rows, _BATCH):
        rest = slice(start, start + _BATCH)
        batch = keras.tree.map_structure(operator.itemgetter(rest), inputs)
        parts.append(answer(model, batch, min(_BATCH, rows)))
    return np.concatenate(parts)
