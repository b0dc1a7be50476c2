"""Linear heads on a trained backbone and on random ones, against the number of labels."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import pyarrow as pa

from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import build_model, model_config
from lenszoo.tasks.pretext.probe import LABEL_COUNTS, cross_validate_frozen, label_efficiency

DRAWS = 3  # of the labels
FOLD_LABELS = 215  # as many as the reference systems were given
OWN = "these weights"


class LinearHeads(NamedTuple):
    """Scores of linear heads.

    Attributes:
        own: ``n`` test images, the largest number of ``labels``, ``draws``, ``probe_auc`` with
            that number, the mean and deviation ``by_labels``, and ``five_fold`` cross-validation.
        random: of random backbones: ``starts``, ``by_labels`` and ``five_fold``.
    """

    own: dict[str, Any]
    random: dict[str, Any]


def random_start(model: keras.Model, seed: int) -> keras.Model:
    """Build the network of a model again, with random weights."""
    config = model_config(model)
    keras.utils.set_random_seed(seed)
    return build_model(
        config["model"],
        input_shape=tuple(config["input_shape"]),
        num_classes=config["num_classes"],
        **config["options"],
    )


def linear_heads(
    own: np.ndarray, others: Sequence[np.ndarray], labels: np.ndarray, seed: int
) -> LinearHeads | None:
    """Fit heads on two thirds of the images and score them on the last third.

    Args:
        own: (n, d) features of the backbone.
        others: those of random backbones.
        labels: (n,) classes.
        seed: of the folds.

    Returns:
        The scores; None where two thirds of the images are fewer than the least number of labels.
    """
    counts, cut = _counts(labels)
    if not counts:
        return None
    backbones = {OWN: own} | {f"random {k + 1}": each for k, each in enumerate(others)}
    table = label_efficiency(
        {name: (each[:cut], each[cut:]) for name, each in backbones.items()},
        labels[:cut],
        labels[cut:],
        counts=counts,
        seeds=DRAWS,
    )
    is_own = np.asarray(table["candidate"]) == OWN
    few = slice(FOLD_LABELS)

    def five_fold(features: np.ndarray) -> dict[str, float]:
        folds = cross_validate_frozen(features[few], labels[few], seed=seed)
        return {"labels": len(labels[few]), "mean": folds.mean, "spread": folds.spread}

    by_labels = _by_labels(table, is_own, counts)
    figures = {
        "n": len(labels) - cut,
        "labels": counts[-1],
        "draws": DRAWS,
        "probe_auc": by_labels[str(counts[-1])]["mean"],
        "by_labels": by_labels,
        "five_fold": five_fold(own),
    }
    random = {
        "starts": len(others),
        "by_labels": _by_labels(table, ~is_own, counts),
        "five_fold": [five_fold(each) for each in others],
    }
    return LinearHeads(figures, random)


def head_auc(features: np.ndarray, labels: np.ndarray | None) -> float:
    """ROC-AUC of a head with the most labels, as ``probe_auc`` of :func:`linear_heads`.

    Raises:
        LenszooError: no labels, or too few images.
    """
    counts, cut = _counts(labels) if labels is not None else ([], 0)
    if labels is None or not counts:
        raise LenszooError(
            "A backbone is scored by linear heads on labelled images, two thirds of which are at "
            f"least {min(LABEL_COUNTS)}: give more."
        )
    pair = (features[:cut], features[cut:])
    table = label_efficiency(
        {OWN: pair}, labels[:cut], labels[cut:], counts=counts[-1:], seeds=DRAWS
    )
    return float(np.mean(table["auc"]))


def _counts(labels: np.ndarray) -> tuple[list[int], int]:
    """Numbers of labels to fit with, and of images to draw them from."""
    cut = 2 * len(labels) // 3
    return [count for count in LABEL_COUNTS if count <= cut], cut


def _by_labels(
    table: pa.Table, rows: np.ndarray, counts: Sequence[int]
) -> dict[str, dict[str, float]]:
    labels, aucs = np.asarray(table["labels"]), np.asarray(table["auc"])
    drawn = {count: aucs[rows & (labels == count)] for count in counts}
    return {
        str(count): {"mean": float(each.mean()), "std": float(each.std(ddof=1))}
        for count, each in drawn.items()
    }
