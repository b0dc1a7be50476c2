"""From arguments to a checked configuration, and from that to a network without weights."""

import importlib
import inspect
import json
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import NonFiniteGuard
from lenszoo.models.registry import ModelSpec, model_info

DEFAULT_CLASSES = 3
WRAPPED = "classifier"
"""Not a row of the registry: a head on a backbone that the caller brings."""

HEAD = ("features_bn", "logits")
"""Layers above the backbone, which published weights leave untrained."""

PROBABILITIES = ("softmax", "sigmoid")
"""Activations after which a network answers probabilities."""

_NOT_OPTIONS = ("input_shape", "num_classes", "name")
_MAX_CLASSES, _MAX_BANDS = 100_000, 4096
# Configurations also come from files of strangers.
_MAX_NUMBER, _MAX_REPEATS = 65_536, 1000
REPEATS = ("depth", "depths", "blocks")
"""Options that say how often a block is repeated."""

Shape = tuple[int | None, int | None, int]


@dataclass(frozen=True)
class Config:
    """The arguments of a factory, checked and complete.

    ``num_classes`` is None for models that have no classes.
    """

    model: str
    input_shape: Shape
    num_classes: int | None
    options: dict[str, Any]


def check_config(
    spec: ModelSpec, input_shape: Any, num_classes: Any, options: Mapping[str, Any]
) -> Config:
    """Check the arguments and fill the rest from the registry's row and the factory.

    Raises:
        LenszooError: an unknown option, or an illegal shape, number of classes or value.
    """
    signature = inspect.signature(_factory(spec)).parameters
    legal = _check_options(spec.name, signature, options)
    if "num_classes" in signature:
        num_classes = _check_classes(spec.name, num_classes)
    elif num_classes is not None:
        raise LenszooError(f"{spec.name} has no classes: leave num_classes out.")
    defaults = {name: signature[name].default for name in legal}
    # through JSON, as in files: equal options then compare equal
    try:
        complete = json.loads(json.dumps({**defaults, **spec.options, **_plain(options)}))
    except TypeError as error:
        raise LenszooError(f"An option of {spec.name} has an illegal type: {error}.") from None
    shape = _check_shape(spec, input_shape)
    crop = complete.get("crop")
    if isinstance(crop, int) and 1 <= crop < spec.min_size:
        raise LenszooError(
            f"{spec.name} needs {spec.min_size} x {spec.min_size} pixels or more, got crop={crop}."
        )
    return Config(spec.name, shape, num_classes, complete)


def build(config: Config) -> keras.Model:
    """Call the factory, and store the configuration in the model."""
    factory = _factory(model_info(config.model))
    classes = () if config.num_classes is None else (config.num_classes,)
    model = factory(config.input_shape, *classes, name=config.model, **config.options)
    identify(model, config.input_shape, config.num_classes, config.options)
    return model


def build_wrapped(input_shape: Any, num_classes: Any, options: Mapping[str, Any]) -> keras.Model:
    """Build a classifier on ``options["backbone"]``.

    See :func:`lenszoo.models.backbone_classifier.backbone_classifier`.

    Raises:
        LenszooError: as :func:`check_config`; there is no backbone.
    """
    from lenszoo.models.backbone_classifier import backbone_classifier

    _check_options(WRAPPED, inspect.signature(backbone_classifier).parameters, options)
    if "backbone" not in options:
        raise LenszooError(f"build_model({WRAPPED!r}) needs backbone=, a keras.Model.")
    classes, options = _check_classes(WRAPPED, num_classes), _plain(options)
    model = backbone_classifier(input_shape, classes, name=WRAPPED, **options)
    stored = options | {"backbone": options["backbone"].name}
    identify(model, model.input_shape[1:], classes, stored)
    return model


def identify(
    model: keras.Model, shape: Shape, classes: int | None, options: dict[str, Any]
) -> None:
    """Store in a model how it was built; every file it is saved to has it then."""
    model.get_layer("guard").identity = {
        "model": model.name,
        "input_shape": list(shape),
        "num_classes": classes,
        "options": options,
    }


def model_config(model: keras.Model) -> dict[str, Any]:
    """Return how ``build_model`` made this model, as JSON-able data.

    The keys are ``model`` (the row), ``input_shape``, ``num_classes`` (None for models without
    classes) and ``options`` (every one, defaults included). A ``.keras`` file keeps it.

    Raises:
        LenszooError: when the model is not one that ``build_model`` made.
    """
    for layer in reversed(model.layers):
        if isinstance(layer, NonFiniteGuard) and layer.identity is not None:
            return json.loads(json.dumps(layer.identity))
    raise LenszooError(f"Model {model.name!r} was not made by lenszoo.build_model.")


def row_name(model: keras.Model) -> str:
    """Return the registry's name of a model, or its own when it is from elsewhere."""
    try:
        return model_config(model)["model"]
    except LenszooError:
        return model.name


def last_activation(model: keras.Model) -> str | None:
    """Name the activation that ends a model, in the zoo or not; None where there is none."""
    try:
        return model_config(model)["options"].get("activation")
    except LenszooError:
        outputs: Any = getattr(model, "outputs", None) or ()
    if len(outputs) != 1:
        return None
    last = outputs[0]._keras_history.operation
    if isinstance(last, keras.Model):
        return last_activation(last)
    kind = type(last).__name__.lower()  # a layer Softmax, or keras.ops.softmax
    activation = getattr(last, "activation", None)
    return kind if kind in PROBABILITIES else getattr(activation, "__name__", None)


def check_logits(model: keras.Model, label: str) -> None:
    """Raise LenszooError when a model answers probabilities instead of logits."""
    if last_activation(model) not in PROBABILITIES:
        return
    try:
        remedy = f"with build_model({model_config(model)['model']!r}, weights=..., activation=None)"
    except LenszooError:  # not one of the zoo
        remedy = "without the activation of its last layer"
    raise LenszooError(f"{label} answers probabilities: build it for logits, {remedy}.")


def check_channels() -> None:
    """Raise LenszooError where Keras is set to channels first."""
    if keras.config.image_data_format() != "channels_last":
        raise LenszooError(
            "lenszoo works channels last: keras.config.set_image_data_format('channels_last')."
        )


def as_graph(model: keras.Model) -> keras.Model:
    """Return a built Sequential as the functional model that it is; any other model as it is.

    Keras gives a Sequential that was loaded from a file no ``input`` until it is called.
    """
    if not isinstance(model, keras.Sequential) or not model.built:
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _factory(spec: ModelSpec) -> Callable[..., keras.Model]:
    """Import the factory that a row names."""
    module, function = spec.factory.split(":")
    return getattr(importlib.import_module(module), function)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with NumPy's numbers as Python's, which files can hold."""
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in options.items()}


def _check_options(
    name: str, signature: Mapping[str, Any], options: Mapping[str, Any]
) -> list[str]:
    """Return the names of the legal options; raise LenszooError for others and absurd values."""
    check_channels()
    legal = [option for option in signature if option not in _NOT_OPTIONS]
    for option, value in options.items():
        if option not in legal:
            raise unknown(f"option of {name}", option, legal)
        bound = _MAX_REPEATS if option in REPEATS else _MAX_NUMBER
        numbers = value if isinstance(value, list | tuple) else [value]
        if len(numbers) > _MAX_REPEATS or any(isinstance(n, int) and n > bound for n in numbers):
            raise LenszooError(f"Option {option} of {name} is too large: at most {bound:,}.")
        if any(isinstance(n, float) and not math.isfinite(n) for n in numbers):
            raise LenszooError(f"Option {option} of {name} is {value!r}: give a finite number.")
    return legal


def _check_shape(spec: ModelSpec, shape: Any) -> Shape:
    if shape is None:
        return spec.input_shape
    try:
        height, width, bands = (None if n is None else operator.index(n) for n in shape)
    except (TypeError, ValueError):
        raise LenszooError(
            f"input_shape of {spec.name} must be (height, width, bands), got {shape!r}."
        ) from None
    if bands is None or not 1 <= bands <= _MAX_BANDS:
        raise LenszooError(
            f"{spec.name} needs one band or more, at most {_MAX_BANDS:,}, "
            f"got input_shape={shape!r}."
        )
    if any(
        side is not None and not spec.min_size <= side <= _MAX_NUMBER for side in (height, width)
    ):
        raise LenszooError(
            f"{spec.name} needs images of at least {spec.min_size} x {spec.min_size} pixels, "
            f"at most {_MAX_NUMBER:,} a side, got input_shape={shape!r}."
        )
    return height, width, bands


def _check_classes(name: str, num_classes: Any) -> int:
    """Return the number of classes, by default 3; raise unless it is positive and sane."""
    if num_classes is None:
        return DEFAULT_CLASSES
    try:
        number = 0 if isinstance(num_classes, bool) else operator.index(num_classes)
    except TypeError:
        number = 0
    if not 1 <= number <= _MAX_CLASSES:
        raise LenszooError(
            f"num_classes of {name} must be a positive integer, got {num_classes!r}; at most "
            f"{_MAX_CLASSES:,} are built."
        )
    return number
