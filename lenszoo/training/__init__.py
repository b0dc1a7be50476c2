"""One train() and one exact resume for all tasks; recipes say what to train."""

from lenszoo.training.crossval import cross_validate
from lenszoo.training.logistic_head import LogisticHead
from lenszoo.training.loop import TrainingResult, train
from lenszoo.training.probe import (
    FrozenScore,
    cross_validate_frozen,
    frozen_features,
    label_efficiency,
    nested_subsets,
)
from lenszoo.training.recipe import Recipe

__all__ = [
    "FrozenScore",
    "LogisticHead",
    "Recipe",
    "TrainingResult",
    "cross_validate",
    "cross_validate_frozen",
    "frozen_features",
    "label_efficiency",
    "nested_subsets",
    "train",
]
