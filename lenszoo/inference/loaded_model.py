"""A model together with the names, classes and hashes that its answers are labelled with."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np

from lenszoo._version import __version__
from lenszoo.data.names import LENS_CLASSES
from lenszoo.errors import LenszooError
from lenszoo.files import sha256_of
from lenszoo.metrics.classification import log_softmax
from lenszoo.models.registry import CATALOG
from lenszoo.pretrained.ensembles import (
    PROBABILITIES,
    Source,
    as_graph,
    known_bands,
    known_classes,
    known_pixel_scale,
    last_activation,
    read_run,
)
from lenszoo.pretrained.loading import _as_path, load_model, model_config
from lenszoo.pretrained.manifest import get_entry
from lenszoo.pretrained.origin import recall
from lenszoo.pretrained.saving import broken_weights, weights_file


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A classifier that is ready to answer; see :func:`open_model`.

    Attributes:
        model: the model; one output, ``(batch, classes)``.
        name: the weights' name or path (of an ensemble all, with ``+`` between), or the model's
            own name when it was made or trained in memory.
        classes: names of the classes in the order of the logits.
        named: whether ``classes`` are names that somebody gave, not mere numbers.
        provenance: lenszoo, keras and backend versions, weights and their sha256, recipe and seed
            (None where unknown; of an ensemble each a list, one item a member).
        run_dir: the run folder, when it is one.
        bands: names of the bands it was trained on; empty where nobody named them.
        pixel_scale: arcsec a pixel of the images it was trained on; None where unknown.
    """

    model: keras.Model
    name: str
    classes: tuple[str, ...]
    named: bool
    provenance: dict[str, Any]
    run_dir: Path | None = None
    bands: tuple[str, ...] = ()
    pixel_scale: float | None = None

    @property
    def finds_lenses(self) -> bool:
        """Whether the model is a lens finder of the catalogue."""
        return _finds_lenses(self.model)

    @property
    def takes(self) -> dict[str, tuple[Any, ...]]:
        """What the model takes and its shape: ``images`` (H, W, bands), ``table`` (columns,).

        Raises:
            LenszooError: it takes something else.
        """
        given = self.model.input
        parts = list(given.values()) if isinstance(given, dict) else [given]
        shapes = {}
        for part in parts:
            shape: Any = getattr(part, "shape", ())
            if len(shape) not in _KINDS or not isinstance(shape[-1], int):
                raise LenszooError(
                    f"Model {self.name} takes {self.model.input_shape}, not (batch, H, W, bands)."
                )
            shapes[_KINDS[len(shape)]] = tuple(shape[1:])
        return shapes

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the table that a lens finder takes; empty where unknown."""
        try:
            columns = model_config(self.model)["options"].get("columns", ())
        except LenszooError:
            return ()
        return () if isinstance(columns, int) else tuple(columns)

    def logits(self, answers: np.ndarray) -> np.ndarray:
        """Turn raw answers (n, outputs) into logits (n, classes), float64.

        One output becomes ``[0, logit]``; of probabilities the logarithm is taken.
        """
        values = np.asarray(answers, np.float64)
        activation = last_activation(self.model)
        if activation in PROBABILITIES:
            values = np.log(np.maximum(values, np.finfo(np.float32).tiny))
        if values.shape[1] > 1:
            return values
        if activation == "sigmoid":  # log p of class 1; that of class 0 is log(1 - p)
            other = np.log1p(-np.minimum(np.exp(values), 1 - np.finfo(np.float64).epsneg))
            return np.concatenate([other, values], axis=1)
        return np.concatenate([np.zeros_like(values), values], axis=1)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Softmax of logits (n, classes), float64."""
        return np.exp(log_softmax(logits))


# by the number of axes
_KINDS = {4: "images", 2: "table"}

ModelLike: TypeAlias = keras.Model | OpenedModel | Source | Sequence[Source]


def open_model(source: ModelLike, classes: Sequence[str] | None = None) -> OpenedModel:
    """Load a classifier and find out what its classes are called and where it comes from.

    Args:
        source: a weights' name, a run folder, a ``.weights.h5`` or ``.keras`` file; a list of
            them, for their ensemble; a model in memory, or what this function returned before. A
            model that ``load_model`` gave is known by that until its weights change.
        classes: names of the classes, for models that do not know them or other names for them.

    Raises:
        LenszooError: the model cannot be loaded, has not one output of ``(batch, classes)``,
            ``classes`` are not as many as its classes, or the members of an ensemble differ.
    """
    if isinstance(source, OpenedModel):
        return source if classes is None else _renamed(source, classes)
    known: Sequence[str] = ()
    bands: Sequence[str] = ()
    run_dir = pixel_scale = None
    given = source if isinstance(source, keras.Model) else None
    weights: Source | Sequence[Source] | None = recall(given) if given is not None else source
    if weights is None:
        assert given is not None
        model, origins = as_graph(given), [_Origin(given.name)]
    else:
        members = [weights] if isinstance(weights, str | os.PathLike) else list(weights)
        one = members[0] if len(members) == 1 else members
        model = as_graph(load_model(one) if given is None else given)
        known = next((names for member in members if (names := known_classes(member))), ())
        origins, folders = zip(*map(_origin, members), strict=True)
        run_dir = folders[0] if len(members) == 1 else None
        bands, pixel_scale = known_bands(members[0]), known_pixel_scale(members[0])
    name = " + ".join(origin.weights for origin in origins)
    found = {
        key: values[0] if len(origins) == 1 else list(values)
        for key, values in zip(_Origin._fields, zip(*origins, strict=True), strict=True)
    }
    if broken := broken_weights(model):
        raise LenszooError(
            f"{name}: {broken[0]} and {len(broken) - 1} more of its weights hold NaN, so no "
            "answer means anything: the training diverged. Go back to weights from before."
        )
    outputs = _count_outputs(model)
    count = max(2, outputs)
    if not known and _finds_lenses(model):
        known = LENS_CLASSES
    provenance = {
        "lenszoo": __version__,
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "model": _row(model),
    } | found
    named = classes is not None or len(known) == count
    chosen = classes if classes is not None else known
    names = tuple(map(str, chosen)) if named else tuple(map(str, range(count)))
    _check_classes(names, count, name)
    return OpenedModel(model, name, names, named, provenance, run_dir, tuple(bands), pixel_scale)


def _renamed(opened: OpenedModel, classes: Sequence[str]) -> OpenedModel:
    names = tuple(map(str, classes))
    _check_classes(names, len(opened.classes), opened.name)
    return replace(opened, classes=names, named=True)


def _check_classes(names: Sequence[str], count: int, label: str) -> None:
    if len(names) != count or len(set(names)) != count:
        raise LenszooError(
            f"{label} tells {count} classes apart, but classes={list(names)} "
            f"{'are ' + str(len(names)) if len(names) != count else 'holds a name twice'}."
        )


def _count_outputs(model: keras.Model) -> int:
    shape = model.output_shape
    if not (isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[1], int)):
        raise LenszooError(
            f"Model {model.name!r} is no classifier: its output is {shape}, not (batch, classes)."
        )
    return shape[1]


def _row(model: keras.Model) -> str:
    """Return the catalogue's name of a model, or its own when it is from elsewhere."""
    try:
        return model_config(model)["model"]
    except LenszooError:
        return model.name


def _finds_lenses(model: keras.Model) -> bool:
    """Tell whether a model is a row of the catalogue that finds lenses."""
    row = CATALOG.get(_row(model))
    return row is not None and row.task == "find_lenses"


class _Origin(NamedTuple):
    """Where one set of weights comes from: the part of the provenance that is theirs."""

    weights: str
    weights_sha256: str | None = None
    recipe: str | None = None
    seed: Any = None


def _origin(source: Source) -> tuple[_Origin, Path | None]:
    """Return where weights come from, and their run folder where they lie in one."""
    path = _as_path(source)
    if path is None:
        entry = get_entry(str(source))
        return _Origin(entry.name, entry.sha256, entry.recipe, entry.data.get("seed")), None
    file = weights_file(path)
    origin, run = _Origin(str(path), sha256_of(file)), read_run(file)
    if not run:
        return origin, None
    recipe = str(file.with_name("recipe.json"))
    return origin._replace(recipe=recipe, seed=run.get("seed")), file.parent
