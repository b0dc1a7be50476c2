"""Tasks: each a folder with its recipe, data, training, score and report.

A folder declares its tasks in ``TASKS`` of its ``__init__``, without importing a backend; training,
evaluation, releases and the command line look them up here and branch on no task's name.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lenszoo.errors import LenszooError, unknown

DEFAULT = "classify"
"""Task of a recipe that names none."""


class Headline(NamedTuple):
    """The figure by which two files of weights of a task are compared; higher is better.

    Attributes:
        key: its name among the published figures.
        text: how a line shows it, such as ``"AUC {:.4f}"``.
        tolerance: change by float16 kernels that is not worth a warning.
    """

    key: str
    text: str
    tolerance: float = 1e-4


@dataclass(frozen=True)
class TaskInfo:
    """Row of a task, which imports recipe and training when they are asked for.

    Attributes:
        name: value of ``task`` in a recipe.
        purpose: what its weights do, after "these weights".
        headline: its main figure.
        recipe_class, task_class: ``"module:Class"``, or the class itself.
        figures: formats of the figures of a report that a line shows, by their dotted keys.
    """

    name: str
    purpose: str
    headline: Headline
    recipe_class: str | type
    task_class: str | type
    figures: Mapping[str, str] = field(default_factory=dict)

    @property
    def recipe(self) -> Any:
        """The class of its recipes, a :class:`lenszoo.tasks.recipes.RecipeBase`."""
        return _imported(self.recipe_class)

    @property
    def task(self) -> Any:
        """The class that trains and scores, a :class:`lenszoo.tasks.base.Task`."""
        return _imported(self.task_class)

    def line(self, metrics: Mapping[str, Any]) -> str:
        """Figures of a report in a line; those that are undefined are left out."""
        values = {key: _at(metrics, key) for key in self.figures}
        return ", ".join(
            self.figures[key].format(value)
            for key, value in values.items()
            if isinstance(value, int | float)
        )


_ADDED: dict[str, TaskInfo] = {}


def add(info: TaskInfo) -> None:
    """Add a task that stands outside lenszoo.

    Raises:
        LenszooError: the name is taken.
    """
    if info.name in (*_own(), *_ADDED):
        raise LenszooError(f"There is a task {info.name} already: choose another name.")
    _ADDED[info.name] = info


def remove(name: str) -> None:
    """Remove a task that :func:`add` added."""
    del _ADDED[name]


def infos() -> dict[str, TaskInfo]:
    """All tasks by name."""
    return {**_own(), **_ADDED}


def find(name: str, where: str = "") -> TaskInfo:
    """Return the task of a name.

    Raises:
        LenszooError: there is none; ``where`` says who asks.
    """
    rows = infos()
    if name not in rows:
        raise unknown("task", name, rows, f"({where})" if where else "")
    return rows[name]


def of_figures(test: Mapping[str, Any], row: str) -> TaskInfo:
    """Return the task of weights by their published figures.

    Weights of a pretext are those of a classifier's row and are told apart by their figure.

    Args:
        test: figures of a manifest entry, ``metrics["test"]``.
        row: task of the model's row in the registry.
    """
    own = find(row)
    if not test or own.headline.key in test:
        return own
    return next((info for info in infos().values() if info.headline.key in test), own)


@functools.cache
def _own() -> dict[str, TaskInfo]:
    folders = (f"{__name__}.{part.name}" for part in pkgutil.iter_modules(__path__) if part.ispkg)
    rows = [row for folder in folders for row in importlib.import_module(folder).TASKS]
    return {row.name: row for row in rows}


def _imported(place: str | type) -> Any:
    if not isinstance(place, str):
        return place
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values
