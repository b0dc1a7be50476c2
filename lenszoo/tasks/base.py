"""What ``train()`` needs to know of a task: its model, data, validation and report."""

from pathlib import Path
from typing import Any, Protocol

import keras

from lenszoo.tasks.recipes import RecipeBase


class Task(Protocol):
    """One kind of training. ``train()`` has the only loop; a task supplies what differs.

    Attributes:
        monitor: the validation score that picks the best epoch; higher is better.
        steps_per_epoch: steps of one epoch.
        phases: epochs (0-based, the first is 0) at which a phase begins. Each phase has a set of
            trainable layers and an optimizer of its own.
    """

    @property
    def recipe(self) -> RecipeBase:
        """The recipe."""

    monitor: str
    steps_per_epoch: int
    phases: tuple[int, ...]

    def build(self) -> keras.Model:
        """The model in its starting state, not compiled."""

    def compile(self, model: keras.Model, epoch: int) -> None:
        """Compile the model for the phase of an epoch, with a fresh optimizer.

        Called on what ``build`` gave for the phase of the first epoch that this process trains or
        restores, then at the beginning of each later phase.
        """

    def epoch(self, epoch: int) -> Any:
        """What ``fit`` takes in epoch ``epoch`` (0-based): the same each time it is asked."""

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Exact validation scores of ``answers(model)``, ``monitor`` among them."""

    def answers(self, model: keras.Model) -> keras.Model:
        """The model that is validated and saved: what is trained, or an average of it."""

    def identity(self) -> dict[str, Any]:
        """What ``run.json`` says of the data and classes; plain JSON."""

    def report(
        self, model: keras.Model, history: list[dict[str, Any]], folder: Path
    ) -> dict[str, Any]:
        """Write the report of the best model into ``folder`` and return its metrics."""
