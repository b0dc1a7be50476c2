"""Optimizers and learning-rate schedules from a recipe."""

import math

import keras
from keras import ops

from lenszoo.training.recipe import Optimizer


@keras.saving.register_keras_serializable(package="lenszoo")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Cosine, cyclic or constant rate with a linear warm-up.

    A function of the step alone, so that it needs no state of its own to resume.

    Args:
        shape: ``"cosine"`` (half a period from ``high`` to ``low``), ``"cyclic"`` (triangles
            between ``low`` and ``high``, Smith 2017, arXiv:1506.01186) or ``"constant"``.
        high: highest rate.
        low: lowest rate.
        total_steps: steps of the run.
        cycle_steps: steps of one triangle.
        warmup_steps: steps of the rise from zero.
    """

    def __init__(
        self,
        shape: str,
        high: float,
        low: float = 0.0,
        total_steps: int = 1,
        cycle_steps: float = 1.0,
        warmup_steps: int = 0,
    ):
        super().__init__()
        self.shape, self.high, self.low = shape, high, low
        self.total_steps, self.cycle_steps, self.warmup_steps = (
            total_steps,
            cycle_steps,
            warmup_steps,
        )

    def __call__(self, step):
        """The rate at a step."""
        step = ops.cast(step, "float32")
        after = step - self.warmup_steps
        if self.shape == "cosine":
            done = ops.clip(after / max(1, self.total_steps - self.warmup_steps), 0.0, 1.0)
            share = 0.5 * (1.0 + ops.cos(math.pi * done))
        elif self.shape == "cyclic":
            phase = ops.maximum(after, 0.0) / self.cycle_steps
            share = 1.0 - ops.abs(2.0 * (phase - ops.floor(phase)) - 1.0)
        else:
            share = ops.ones_like(step)
        rate = self.low + (self.high - self.low) * share
        if not self.warmup_steps:
            return rate
        start = self.low if self.shape == "cyclic" else self.high
        return ops.where(after < 0, start * (step + 1.0) / self.warmup_steps, rate)

    def get_config(self):
        """Arguments of the constructor."""
        names = ("shape", "high", "low", "total_steps", "cycle_steps", "warmup_steps")
        return {name: getattr(self, name) for name in names}


def build_optimizer(
    recipe: Optimizer, epochs: int, steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    """The optimizer of a recipe for a run of ``epochs`` times ``steps_per_epoch`` steps.

    Weight decay leaves biases and BatchNorm alone.
    """
    rate = LearningRate(
        recipe.schedule,
        recipe.learning_rate,
        recipe.min_learning_rate,
        total_steps=epochs * steps_per_epoch,
        cycle_steps=max(1.0, recipe.cycle_epochs * steps_per_epoch),
        warmup_steps=recipe.warmup_steps,
    )
    kinds = {"adamw": keras.optimizers.AdamW, "adam": keras.optimizers.Adam}
    optimizer = kinds[recipe.name](
        learning_rate=rate,
        weight_decay=recipe.weight_decay,
        global_clipnorm=recipe.clip_norm,
    )
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
