"""One train() and one exact resume for all tasks; recipes say what to train."""

from lenszoo.training.loop import TrainingResult, train
from lenszoo.training.recipe import Recipe

__all__ = ["Recipe", "TrainingResult", "train"]
