"""One train() and one exact resume for all tasks; recipes say what to train."""

from lenszoo.tasks.pretext.linear_head import LogisticHead
from lenszoo.tasks.pretext.probe import (
    FrozenScore,
    cross_validate_frozen,
    frozen_features,
    label_efficiency,
    nested_subsets,
)
from lenszoo.tasks.recipes import Recipe
from lenszoo.training.crossval import cross_validate
from lenszoo.training.loop import TrainingResult, train

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


def __dir__() -> list[str]:
    """Return the public names, which Tab completes, without the modules below."""
    return __all__
