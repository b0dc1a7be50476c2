"""Optimizers and learning-rate schedules from a recipe."""

import functools
import logging
import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from lenszoo.tasks.muon import KernelMuon
from lenszoo.tasks.recipe_tables import Optimizer

log = logging.getLogger("lenszoo")

# a regular expression for the names of variables that are no kernels
_NO_KERNEL = "^(?!.*kernel)"
# and for those of the last layers
_LAST = "logits|predict"


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
        first_step: where in the run the optimizer's own step 0 is.
    """

    def __init__(
        self,
        shape: str,
        high: float,
        low: float = 0.0,
        total_steps: int = 1,
        cycle_steps: float = 1.0,
        warmup_steps: int = 0,
        first_step: int = 0,
    ):
        super().__init__()
        self.shape, self.high, self.low = shape, high, low
        self.total_steps, self.cycle_steps, self.warmup_steps = (
            total_steps,
            cycle_steps,
            warmup_steps,
        )
        self.first_step = first_step

    def __call__(self, step):
        """The rate at a step."""
        step = ops.cast(step, "float32") + self.first_step
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
        names = ("shape", "high", "low", "total_steps", "cycle_steps", "warmup_steps", "first_step")
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="lenszoo")
class LayerwiseAdam(keras.optimizers.Adam):
    """Adam with decoupled weight decay, each variable at a share of the learning rate.

    The share multiplies step and decay. Scaling gradients would do nothing: Adam divides by their
    size. (Kingma & Ba 2014, arXiv:1412.6980; Loshchilov & Hutter 2017, arXiv:1711.05101)

    Args:
        rates: share by ``variable.path``; 1 where absent.
        **kwargs: as for ``keras.optimizers.Adam``.
    """

    def __init__(self, *, rates: Mapping[str, float] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rates = dict(rates or {})
        self._shares: list[float] = []

    def build(self, variables: Any) -> None:
        """Make the moments of ``variables`` and look up their shares."""
        super().build(variables)
        self._shares = [float(self.rates.get(v.path, 1.0)) for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Decay the variable, then move it, both at its own rate."""
        rate = learning_rate * self._shares[self._get_variable_index(variable)]
        if self.weight_decay and self._use_weight_decay(variable):
            decay = ops.cast(rate * self.weight_decay, variable.dtype)
            self.assign_sub(variable, ops.multiply(variable, decay))
        super().update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables: Any) -> None:
        """Leave the decay to ``update_step``, which knows each variable's rate."""

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "rates": dict(self.rates)}


def build_optimizer(
    recipe: Optimizer,
    epochs: int,
    steps_per_epoch: int,
    *,
    first_epoch: int = 0,
    rates: Mapping[str, float] | None = None,
) -> keras.optimizers.Optimizer:
    """The optimizer of a recipe for a run of ``epochs`` times ``steps_per_epoch`` steps.

    Weight decay is for kernels: biases, scales, class tokens and tables of positions have none.

    Args:
        recipe: the recipe's table ``optimizer``.
        epochs: epochs of the run.
        steps_per_epoch: steps of an epoch.
        first_epoch: epoch (0-based) in which this optimizer takes over.
        rates: share of the learning rate by ``variable.path``, where they differ.
    """
    steps = epochs * steps_per_epoch
    if recipe.warmup_steps >= steps and not first_epoch:
        log.warning(
            "optimizer.warmup_steps %d: the run has %d steps, too few to reach learning_rate; "
            "warm up over fewer.", recipe.warmup_steps, steps,
        )  # fmt: skip
    rate = LearningRate(
        recipe.schedule,
        recipe.learning_rate,
        recipe.min_learning_rate,
        total_steps=steps,
        cycle_steps=max(1.0, recipe.cycle_epochs * steps_per_epoch),
        warmup_steps=recipe.warmup_steps,
        first_step=first_epoch * steps_per_epoch,
    )
    settings: dict[str, Any] = {
        "learning_rate": rate,
        "weight_decay": recipe.weight_decay,
        "global_clipnorm": recipe.clip_norm,
    }
    kinds = {
        "adamw": keras.optimizers.AdamW,
        "adam": keras.optimizers.Adam,
        "muon": functools.partial(KernelMuon, exclude_layers=[_LAST]),
    }
    kind = functools.partial(LayerwiseAdam, rates=rates) if rates else kinds[recipe.name]
    optimizer = kind(**settings)
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=[_NO_KERNEL])
    return optimizer
