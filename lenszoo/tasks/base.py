"""Task: what training, evaluation and releases need of each kind of training."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import keras

from lenszoo.data import Dataset
from lenszoo.data.checks import OnBad
from lenszoo.errors import LenszooError, unknown
from lenszoo.inference.preparing import Preparing
from lenszoo.pretrained.loading import model_config
from lenszoo.provenance import provenance
from lenszoo.reporting.report import Report
from lenszoo.simulation import get_preset
from lenszoo.tasks.blocks import add_lora, freeze, layer_rates
from lenszoo.tasks.compute import jit
from lenszoo.tasks.optimizers import build_optimizer
from lenszoo.tasks.parts import Part
from lenszoo.tasks.recipes import RecipeBase
from lenszoo.tasks.sources import draw_split
from lenszoo.tasks.warm_start import weights_of

Bands = Sequence[str] | None


@dataclass(frozen=True)
class Options:
    """Options of an evaluation, see :func:`lenszoo.evaluate`; None stands for a task's default."""

    batch_size: int | None = None
    on_bad: OnBad | None = None
    classes: Sequence[str] | None = None
    resize: bool = False
    bands: Sequence[int] | None = None
    tta: bool = False
    seed: int = 0
    progress: Callable[[int, int], None] | None = None
    preparing: Preparing = field(default_factory=Preparing)

    def refuse(self, purpose: str, *names: str) -> None:
        """Raise LenszooError where an option is set that a task does not know."""
        for name in names:
            if getattr(self, name):
                name = next(iter(self.preparing)) if name == "preparing" else name
                raise LenszooError(f"{name}= does not apply to a model that {purpose}.")


def phases_of(recipe: RecipeBase) -> tuple[int, ...]:
    """Epochs (0-based) at which a phase of a recipe's training begins."""
    return (0, recipe.unfreeze_after) if recipe.unfreeze_after else (0,)


class Task(ABC):
    """One kind of training, with the score of its models.

    An instance is a training: the recipe, its data and the model set-up. Class methods draw or read
    examples and score any trained model on them, the same for the report of a training, for
    ``lenszoo.evaluate`` and for releases.

    Attributes:
        recipe: the recipe.
        source: training examples and those that score them, with ``validation``, ``test`` (or
            None) and ``describe``.
        monitor: the validation score that picks the best epoch; higher is better.
        steps_per_epoch: steps of one epoch.
        devices: devices that share its batches.
        phases: epochs (0-based, the first is 0) at which a phase begins. Each phase has a set of
            trainable layers and an optimizer of its own.
        noun: examples in a heading, such as "images".
        scenes: simulated examples that weights are released with a score on.
        published: keys of a report's metrics that the manifest keeps.
        intervals: keys of the 95 % intervals that it keeps.
        baselines: keys of the baselines that stand beside them.
        fold_scores: keys of the scores that a cross-validation averages.
        finds_lenses: its reports are for a survey with a share of lenses, a ``prevalence``.
    """

    recipe: Any
    source: Any
    monitor: ClassVar[str] = "val_auc"
    steps_per_epoch: int
    devices: int = 1
    phases: tuple[int, ...] = (0,)
    _frozen: Sequence[keras.layers.Layer] = ()
    noun: ClassVar[str] = "images"
    scenes: ClassVar[int] = 7500
    published: ClassVar[tuple[str, ...]] = ()
    intervals: ClassVar[tuple[str, ...]] = ()
    baselines: ClassVar[tuple[str, ...]] = ()
    fold_scores: ClassVar[tuple[str, ...]] = ()
    finds_lenses: ClassVar[bool] = False

    # --- training -----------------------------------------------------------------------------

    @abstractmethod
    def build(self) -> keras.Model:
        """Build the model in its starting state, not compiled."""

    @abstractmethod
    def epoch(self, epoch: int) -> Any:
        """Return the input of ``fit`` in epoch ``epoch`` (0-based), always the same one."""

    @abstractmethod
    def validate(self, model: keras.Model) -> dict[str, float]:
        """Score ``answers(model)`` on the validation examples, ``monitor`` among the scores."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Describe data and classes for ``run.json``, as plain JSON; ``task`` among the keys."""

    @classmethod
    def folds(cls, recipe: Any, count: int) -> "Iterator[Task]":
        """Yield the training of each fold of a cross-validation.

        Raises:
            LenszooError: the task has none, or the recipe's data are not files.
        """
        raise LenszooError(f"There is no cross-validation for task {recipe.task}.")

    def loss(self) -> dict[str, Any]:
        """Return ``loss`` and ``metrics`` of ``model.compile``; none for a model with its own."""
        return {}

    def compile(self, model: keras.Model, epoch: int) -> None:
        """Compile the model for the phase of an epoch, frozen as it says, with a fresh optimizer.

        Called on the result of ``build`` for the phase of the first epoch that this process trains
        or restores, then at the beginning of each later phase.
        """
        recipe, start = self.recipe, max(p for p in self.phases if p <= epoch)
        if start:
            for layer in self._frozen:
                layer.trainable = True
        elif recipe.freeze is not None:
            self._frozen = freeze(model, recipe.freeze)
        elif recipe.lora is not None:
            add_lora(model, recipe.lora)
        decay = recipe.optimizer.layer_decay
        rates = layer_rates(model, decay) if decay < 1 else None
        self._compile(model, first_epoch=start, rates=rates)

    def _compile(self, model: keras.Model, **schedule: Any) -> None:
        recipe: RecipeBase = self.recipe
        optimizer = build_optimizer(
            recipe.optimizer, recipe.epochs, self.steps_per_epoch, **schedule
        )
        model.compile(optimizer=optimizer, jit_compile=jit(recipe.jit_compile), **self.loss())

    def answers(self, model: keras.Model) -> keras.Model:
        """Return the model that is validated and saved: the trained one, or an average of it."""
        return model

    @functools.cached_property
    def validation(self) -> Any:
        """The validation examples."""
        return self.source.validation()

    def held_out(self) -> tuple[str, Any]:
        """Return the split to report on and its examples: test, else validation."""
        if self.source.test:
            return "test", self.source.test()
        return "validation", self.validation

    def about(self) -> dict[str, Any]:
        """Further provenance of the report of a training."""
        return {}

    def beside(self, model: keras.Model, data: Any) -> dict[str, Any]:
        """Further arguments of ``score`` for the report of a training."""
        return {}

    def report(
        self, model: keras.Model, history: list[dict[str, Any]], folder: Path
    ) -> dict[str, Any]:
        """Write the report of the best model into ``folder`` and return its metrics."""
        report = self.report_on(model, *self.held_out(), history)
        report.save(folder)
        return report.metrics

    def part(self, split: str) -> Any:
        """Return the examples of a part of the data: ``train``, ``val`` or ``test``.

        Of a sky with fresh scenes every epoch the training examples are those of the first.

        Raises:
            LenszooError: there is no such part.
        """
        makers = {
            "train": getattr(self.source, "first", None),
            "val": lambda: self.validation,
            "test": self.source.test,
        }
        if split not in makers:
            raise unknown("part of a run's data (split)", split, makers)
        maker = makers[split]
        if maker is None:
            raise LenszooError(
                f"This run has no {split} part: of data in files a part trains (train) and a part "
                "validates (val)."
            )
        return maker()

    def report_on(
        self,
        model: keras.Model,
        split: str,
        data: Any,
        history: list[dict[str, Any]] | None,
        **more: Any,
    ) -> Report:
        """Score a model that this training made on a part of its data."""
        about = {"model": model_config(model)["model"], "data": self.source.describe}
        report = self.score(
            model,
            data,
            history=history,
            title=f"{self.recipe.model} on {len(data.ids):,} {split} {self.noun}",
            provenance=provenance(self.recipe.seed)
            | about
            | {"split": split, "start": self.start or None, "devices": self.devices}
            | self.about(),
            seed=self.recipe.seed,
            **self.beside(model, data),
            **more,
        )
        report.notes = [*report.notes, *getattr(self.source, "notes", ())]
        if split == "validation":
            temperature = " and set the temperature" if report.metrics.get("calibrated") else ""
            report.notes.append(
                f"These images chose the best epoch{temperature}: the scores are a little too good "
                "for others."
            )
        return report

    @classmethod
    def images_an_epoch(cls, recipe: Any) -> int:
        """Count the simulated images that the steps of an epoch are given, repeats included."""
        return recipe.data.images

    @property
    def parts_of_data(self) -> dict[str, Part]:
        """The examples of each part of data in files; empty for a simulated sky."""
        return getattr(self.source, "parts", {})

    @functools.cached_property
    def start(self) -> dict[str, Any]:
        """Name and sha256 of each of the weights that the training starts or learns from."""
        return weights_of(self.recipe)

    # --- scores -------------------------------------------------------------------------------

    @classmethod
    def sample(
        cls, model: keras.Model, preset: str, n: int, seed: int, bands: Bands = None
    ) -> Dataset:
        """Draw n examples of the test split of a simulated sky, for this model.

        Args:
            model: the model that is to be scored.
            preset: name of the sky.
            n: number of examples.
            seed: of the scenes.
            bands: names of the bands that the model looks at; by default all.
        """
        return draw_split(get_preset(preset), "test", n, seed)

    @classmethod
    @abstractmethod
    def score(cls, model: keras.Model, data: Any, **about: Any) -> Report:
        """Score a model on examples: the one place where the task's report is put together.

        Args:
            model: the model.
            data: examples with labels or targets, from ``sample`` or a recipe's data.
            **about: ``title``, ``history``, ``provenance`` and ``seed`` of the report.
        """

    @classmethod
    @abstractmethod
    def figure(cls, model: keras.Model, data: Any) -> float:
        """Compute the headline figure alone."""

    @classmethod
    @abstractmethod
    def evaluate(cls, model: Any, data: Any, options: Options, **about: Any) -> Report:
        """Read the examples of a user, a path among them, and ``score`` the model on them."""

    @classmethod
    def release(cls, report: Report) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the figures of a report that the manifest keeps, and those of its baselines."""
        metrics = report.metrics
        test = {key: metrics[key] for key in cls.published}
        if cls.intervals:
            intervals = metrics["intervals"] or {}  # none of too few examples
            test["intervals"] = {key: intervals.get(key) for key in cls.intervals}
        return test, {key: metrics[key] for key in cls.baselines}
