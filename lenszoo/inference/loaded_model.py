"""A model together with the names, classes and hashes that its answers are labelled with."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from lenszoo.data.names import LENS_CLASSES, canonical_class
from lenszoo.errors import LenszooError
from lenszoo.metrics.classification import log_softmax
from lenszoo.metrics.prevalence import TRAINED_PREVALENCE, joint_prevalence
from lenszoo.models.build import PROBABILITIES, as_graph, last_activation, model_config, row_name
from lenszoo.models.registry import CATALOG
from lenszoo.pretrained.learned import learned_classes, learned_prevalence
from lenszoo.pretrained.loading import load_sources
from lenszoo.pretrained.members import measures_each_image, members
from lenszoo.pretrained.origin import recall
from lenszoo.pretrained.saving import broken_weights
from lenszoo.pretrained.source import WeightsName, WeightsSource, resolve
from lenszoo.pretrained.temperature import set_temperature, temperature_of
from lenszoo.provenance import provenance
from lenszoo.trained_observation import Observation
from lenszoo.trained_scale import InputScale

log = logging.getLogger("lenszoo")


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
        inputs: noise, sky level, peak and zero point of these images; None where unknown.
        observation: noise, sharpness, size, shape and place of the light in these images; None
            where unknown.
        temperature: divides a classifier's logits for calibrated probabilities; 1 where unknown,
            for ensembles, and for lens finders, which have a layer for it.
        prevalence: share of lenses that a lens finder learned on; a half where unknown.
        preset: the simulated sky that it learned on; None for files, several skies or unknown.
    """

    model: keras.Model
    name: str
    classes: tuple[str, ...]
    named: bool
    provenance: dict[str, Any]
    run_dir: Path | None = None
    bands: tuple[str, ...] = ()
    pixel_scale: float | None = None
    inputs: InputScale | None = None
    observation: Observation | None = None
    temperature: float = 1.0
    prevalence: float = TRAINED_PREVALENCE
    preset: str | None = None

    @property
    def zero_point(self) -> float | None:
        """AB magnitude of flux 1 in its training; None where unknown."""
        return None if self.inputs is None else self.inputs.zero_point

    @property
    def measures_each_image(self) -> bool:
        """Whether a stretch takes level and scale from each image, whatever its unit and sky."""
        return measures_each_image(self.model)

    @property
    def finds_lenses(self) -> bool:
        """Whether the model is a lens finder of the catalogue, or an ensemble of them."""
        return _finds_lenses(self.model)

    @property
    def takes(self) -> dict[str, tuple[Any, ...]]:
        """Inputs of the model by shape: ``images`` (H, W, bands), ``table`` (columns,).

        Raises:
            LenszooError: it takes something else.
        """
        inputs = self.model.input
        parts = list(inputs.values()) if isinstance(inputs, dict) else [inputs]
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

        One output is the log-odds of the second
        class, and becomes ``[0, logit]``. Networks that end in probabilities give their logarithm,
        or with one output its log-odds.
        """
        values = np.asarray(answers, np.float64)
        single = values.shape[1] == 1
        if (activation := last_activation(self.model)) in PROBABILITIES:
            one = np.log(np.maximum(values, np.finfo(np.float32).tiny))
            rest = np.log1p(-np.minimum(values, 1 - np.finfo(np.float64).epsneg))
            values = one - rest if single and activation == "sigmoid" else one
        return np.concatenate([np.zeros_like(values), values], axis=1) if single else values

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Softmax of logits (n, classes) over the temperature, float64."""
        return np.exp(log_softmax(np.asarray(logits) / self.temperature))


# by the number of axes
_KINDS = {4: "images", 2: "table"}

ModelLike: TypeAlias = (
    keras.Model | OpenedModel | WeightsName | WeightsSource | Sequence[WeightsName | WeightsSource]
)


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
    model, sources = _load(source)
    facts = [one.provenance for one in sources] or [_UNKNOWN | {"weights": model.name}]
    weights = {key: [fact[key] for fact in facts] for key in _UNKNOWN}
    label = " + ".join(weights["weights"])
    if broken := broken_weights(model):
        raise LenszooError(
            f"{label}: {broken[0]} and {len(broken) - 1} more of its weights hold NaN "
            "or a negative variance, so no answer means anything: the training diverged. Go back "
            "to weights from before."
        )
    count = max(2, _count_outputs(model))
    stored: Sequence[str] = _first_of(sources, "classes") or learned_classes(model)
    if not stored and _finds_lenses(model):
        stored = LENS_CLASSES
    names = _names(stored if classes is None else classes)
    _note_other_names(names, stored, label)
    named = classes is not None or len(names) == count
    names = names if named else tuple(map(str, range(count)))
    _check_classes(names, count, label)
    single = {key: values[0] if len(facts) == 1 else values for key, values in weights.items()}
    return OpenedModel(
        model,
        label,
        names,
        named,
        provenance() | {"model": row_name(model)} | single,
        run_dir=sources[0].run_dir if len(sources) == 1 else None,
        bands=_first_of(sources, "bands") or (),
        pixel_scale=_first_of(sources, "pixel_scale"),
        inputs=_first_of(sources, "inputs"),
        observation=_first_of(sources, "observation"),
        temperature=temperature_of(model),
        prevalence=joint_prevalence([s.prevalence for s in sources])
        if sources and not sources[0].is_model
        else learned_prevalence(model),
        preset=sources[0].preset if len({source.preset for source in sources}) == 1 else None,
    )


def _first_of(sources: Sequence[WeightsSource], field: str) -> Any:
    """Return what the first weights that know a field say: members of an ensemble agree."""
    return next((value for one in sources if (value := getattr(one, field))), None)


_UNKNOWN = dict.fromkeys(("weights", "weights_sha256", "recipe", "seed"))


def _load(source: Any) -> tuple[keras.Model, list[WeightsSource]]:
    """Return the network and the weights that it holds, as far as they are known."""
    if isinstance(source, keras.Model):
        return _graph(source), recall(source) or []
    one = isinstance(source, str) or not isinstance(source, Iterable)
    sources = [resolve(name) for name in ([source] if one else source)]
    return _graph(load_sources(sources, one=len(sources) == 1)), sources


def _graph(model: keras.Model) -> keras.Model:
    """Return the network without what stands beside it, at its temperature."""
    return set_temperature(as_graph(model), temperature_of(model))


def _note_other_names(names: Sequence[str], stored: Sequence[str], label: str) -> None:
    """Log a warning of other names of known classes.

    Raises:
        LenszooError: they are the known names in another order, which would exchange classes.
    """
    new, own = ([canonical_class(name) for name in some] for some in (names, stored))
    if new == own or len(new) != len(own):
        return
    if sorted(new) == sorted(own):
        raise LenszooError(
            f"{label}: its classes are {', '.join(stored)} in this order, which classes= cannot "
            "change; leave it out."
        )
    log.warning("%s: its classes %s are called %s.", label, ", ".join(stored), ", ".join(names))


def _renamed(opened: OpenedModel, classes: Sequence[str]) -> OpenedModel:
    names = _names(classes)
    if opened.named:
        _note_other_names(names, opened.classes, opened.name)
    _check_classes(names, len(opened.classes), opened.name)
    return replace(opened, classes=names, named=True)


def _names(classes: Sequence[str]) -> tuple[str, ...]:
    if isinstance(classes, str):  # its letters would be names
        raise LenszooError(f"classes must be a list of names, such as [{classes!r}], not a text.")
    return tuple(map(str, classes))


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


def _finds_lenses(model: keras.Model) -> bool:
    """Tell whether a model, or the first member of an ensemble, is a row that finds lenses."""
    row = CATALOG.get(row_name(next(iter(members(model)), model)))
    return row is not None and row.finds_lenses
