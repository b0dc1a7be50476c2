"""A model together with the names, classes and hashes that its answers are labelled with."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from lenszoo._version import __version__
from lenszoo.build import _as_path, load_model, model_config
from lenszoo.errors import LenszooError
from lenszoo.evaluation.metrics import log_softmax
from lenszoo.pretrained._files import sha256_of
from lenszoo.pretrained.manifest import get_entry
from lenszoo.pretrained.store import fetch_weights
from lenszoo.saving import MODEL, RUN_FILE, find_weights


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A classifier that is ready to answer; see :func:`open_model`.

    Attributes:
        model: the model; one output, ``(batch, classes)``.
        name: the weights' name or path, or the model's own name when it was made in memory.
        classes: names of the classes in the order of the logits.
        named: whether ``classes`` are names that somebody gave, not mere numbers.
        provenance: lenszoo, keras and backend versions, weights and their sha256, recipe and seed
            (None where unknown).
        run_dir: the run folder, when it is one.
    """

    model: keras.Model
    name: str
    classes: tuple[str, ...]
    named: bool
    provenance: dict[str, Any]
    run_dir: Path | None = None

    def logits(self, answers: np.ndarray) -> np.ndarray:
        """Turn raw answers (n, outputs) into logits (n, classes), float64.

        One output becomes ``[0, logit]``; of probabilities the logarithm is taken.
        """
        values = np.asarray(answers, np.float64)
        activation = _last_activation(self.model)
        if activation in ("softmax", "sigmoid"):
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


ModelLike: TypeAlias = keras.Model | OpenedModel | str | os.PathLike[str]


def open_model(source: ModelLike, classes: Sequence[str] | None = None) -> OpenedModel:
    """Load a classifier and find out what its classes are called and where it comes from.

    Args:
        source: a weights' name, a run folder, a ``.weights.h5`` or ``.keras`` file, a model in
            memory, or what this function returned before.
        classes: names of the classes, for models that do not know them or other names for them.

    Raises:
        LenszooError: the model cannot be loaded, has not one output of ``(batch, classes)``, or
            ``classes`` are not as many as its classes.
    """
    if isinstance(source, OpenedModel):
        return source if classes is None else _renamed(source, classes)
    run_dir: Path | None = None
    found: dict[str, Any] = {}
    known: Sequence[str] = ()
    if isinstance(source, keras.Model):
        model, name = source, source.name
    elif (path := _as_path(source)) is None:
        entry = get_entry(str(source))
        fetch_weights(entry.name)
        model, name, known = load_model(entry.name), entry.name, entry.classes
        found = {
            "weights_sha256": entry.sha256,
            "recipe": entry.recipe,
            "seed": entry.data.get("seed"),
        }
    else:
        model, name = load_model(path), str(path)
        known, found, run_dir = _read_run(path)
    outputs = _count_outputs(model)
    count = max(2, outputs)
    provenance = {
        "lenszoo": __version__,
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "model": _row(model),
        "weights": name,
        "weights_sha256": None,
        "recipe": None,
        "seed": None,
    } | found
    named = classes is not None or len(known) == count
    chosen = classes if classes is not None else known
    names = tuple(map(str, chosen)) if named else tuple(map(str, range(count)))
    _check_classes(names, count, name)
    return OpenedModel(model, name, names, named, provenance, run_dir)


def _renamed(opened: OpenedModel, classes: Sequence[str]) -> OpenedModel:
    names = tuple(map(str, classes))
    _check_classes(names, len(opened.classes), opened.name)
    return OpenedModel(opened.model, opened.name, names, True, opened.provenance, opened.run_dir)


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


def _last_activation(model: keras.Model) -> str | None:
    """Name the activation that ends a model: ``"softmax"`` means that it gives probabilities."""
    try:
        return model_config(model)["options"].get("activation")
    except LenszooError:
        last = getattr(model.layers[-1], "activation", None)
        return getattr(last, "__name__", None)


def _read_run(path: Path) -> tuple[Sequence[str], dict[str, Any], Path | None]:
    """Return classes, provenance and run folder of a path to weights."""
    file = path if path.name.endswith(MODEL) else find_weights(path).path
    found: dict[str, Any] = {"weights_sha256": sha256_of(file)}
    sidecar = file.with_name(RUN_FILE)
    if not sidecar.is_file():
        return (), found, None
    try:
        run = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LenszooError(f"Cannot read {sidecar}: {error}.") from error
    found |= {"recipe": str(file.with_name("recipe.json")), "seed": run.get("seed")}
    return run.get("classes") or (), found, file.parent
