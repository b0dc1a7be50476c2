"""One train() and one exact resume for all tasks; recipes say what to train."""

from lenszoo.training.crossval import cross_validate
from lenszoo.training.loop import TrainingResult, train
from lenszoo.training.recipe import Recipe

__all__ = ["Recipe", "TrainingResult", "cross_validate", "train"]
