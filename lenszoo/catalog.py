"""THE TABLE: one row per model. Adding a model is one factory in ``models/`` and one row here.

This module imports neither a backend nor numpy, so that listing stays instant.
"""

import fnmatch
import re
from dataclasses import dataclass, field
from typing import Any

from lenszoo.errors import unknown


@dataclass(frozen=True)
class ModelSpec:
    """What the zoo knows about one model before building it.

    Attributes:
        name: the row's name, as given to ``build_model``.
        task: what the model does; ``"classify"`` for classifiers.
        factory: where its factory lives, as ``"package.module:function"``.
        paper: the paper behind the architecture, with its arXiv number where there is one.
        summary: one line for people who choose.
        input_shape: default ``(height, width, bands)``.
        min_size: the smallest legal height and width in pixels.
        options: options of the factory that this row sets.
    """

    name: str
    task: str
    factory: str
    paper: str
    summary: str
    input_shape: tuple[int, int, int] = (150, 150, 1)
    min_size: int = 32
    options: dict[str, Any] = field(default_factory=dict)


_HE = "He et al. 2016, arXiv:1512.03385"

_ROWS = (
    ModelSpec(
        name="simple_cnn",
        task="classify",
        factory="lenszoo.models.simple_cnn:simple_cnn",
        paper="LeCun et al. 1998, doi:10.1109/5.726791",
        summary="Four rounds of convolution and pooling, the baseline; 0.4 M parameters.",
        min_size=16,
    ),
    ModelSpec(
        name="resnet18",
        task="classify",
        factory="lenszoo.models.resnet:resnet",
        paper=_HE,
        summary="18-layer residual network in torchvision's layout; 11 M parameters.",
    ),
    ModelSpec(
        name="resnet18_slim",
        task="classify",
        factory="lenszoo.models.resnet:resnet",
        paper=_HE,
        summary="The same at a quarter of the width; 0.7 M parameters, trains on a CPU.",
        options={"width": 16, "stem": "fine"},
    ),
    ModelSpec(
        name="resnet50",
        task="classify",
        factory="lenszoo.models.resnet:resnet50",
        paper=_HE,
        summary="50-layer residual network of keras.applications; 24 M parameters.",
    ),
    ModelSpec(
        name="xception",
        task="classify",
        factory="lenszoo.models.xception:xception",
        paper="Chollet 2017, arXiv:1610.02357",
        summary="Depthwise separable convolutions, of keras.applications; 21 M parameters.",
        min_size=71,
    ),
    ModelSpec(
        name="densenet121",
        task="classify",
        factory="lenszoo.models.densenet:densenet121",
        paper="Huang et al. 2017, arXiv:1608.06993",
        summary="Densely connected network of keras.applications; 7 M parameters.",
    ),
)

CATALOG: dict[str, ModelSpec] = {row.name: row for row in _ROWS}


def list_models(pattern: str = "*", task: str | None = None) -> list[str]:
    """List the models whose name matches ``pattern``, in natural order.

    Args:
        pattern: a name with shell wildcards, such as ``"resnet*"``.
        task: keep only the models of this task, such as ``"classify"``.

    Raises:
        LenszooError: when no model has that task.
    """
    tasks = {row.task for row in CATALOG.values()}
    if task is not None and task not in tasks:
        raise unknown("task", task, tasks)
    names = (
        name
        for name, row in CATALOG.items()
        if fnmatch.fnmatchcase(name, pattern) and task in (None, row.task)
    )
    return sorted(names, key=natural)


def model_info(name: str) -> ModelSpec:
    """Return the catalogue's row of a model: task, defaults, paper.

    Raises:
        LenszooError: when there is no such model; the message lists the nearest names.
    """
    if name not in CATALOG:
        raise unknown("model", name, CATALOG)
    return CATALOG[name]


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort key that puts ``resnet18`` before ``resnet101``."""
    parts = re.findall(r"\d+|\D+", name)
    return [(p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]
