"""From the caller's arguments to a checked configuration, and from that to a model."""

import importlib
import inspect
import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lenszoo.errors import LenszooError, unknown
from lenszoo.models.registry import ModelSpec, model_info

DEFAULT_CLASSES = 3
NOT_OPTIONS = ("input_shape", "num_classes", "name")

Shape = tuple[int | None, int | None, int]


@dataclass(frozen=True)
class Config:
    """What a factory is called with: ``model_config`` as an object.

    ``num_classes`` is None for models that have no classes.
    """

    model: str
    input_shape: Shape
    num_classes: int | None
    options: dict[str, Any]


def resolve(
    spec: ModelSpec, input_shape: Any, num_classes: Any, options: Mapping[str, Any]
) -> Config:
    """Check the caller's arguments and fill the rest from the row and the factory."""
    signature = inspect.signature(_factory(spec)).parameters
    legal = [name for name in signature if name not in NOT_OPTIONS]
    for option in options:
        if option not in legal:
            raise unknown(f"option of {spec.name}", option, legal)
    if "num_classes" in signature:
        num_classes = check_classes(spec.name, num_classes)
    elif num_classes is not None:
        raise LenszooError(f"{spec.name} has no classes: leave num_classes out.")
    defaults = {name: signature[name].default for name in legal}
    # Through JSON, as the identity travels in files: equal options then compare equal.
    try:
        chosen = json.loads(json.dumps({**defaults, **spec.options, **plain(options)}))
    except TypeError as error:
        raise LenszooError(f"An option of {spec.name} has an illegal type: {error}.") from None
    shape = _check_shape(spec, input_shape)
    crop = chosen.get("crop")
    if isinstance(crop, int) and 1 <= crop < spec.min_size:
        raise LenszooError(
            f"{spec.name} needs {spec.min_size} x {spec.min_size} pixels or more, got crop={crop}."
        )
    return Config(spec.name, shape, num_classes, chosen)


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with NumPy's numbers as Python's, which files can hold."""
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in options.items()}


def _factory(spec: ModelSpec) -> Callable[..., keras.Model]:
    """Import the factory that a row names."""
    module, function = spec.factory.split(":")
    return getattr(importlib.import_module(module), function)


def _check_shape(spec: ModelSpec, shape: Any) -> Shape:
    if shape is None:
        return spec.input_shape
    try:
        height, width, bands = (None if n is None else operator.index(n) for n in shape)
    except (TypeError, ValueError):
        raise LenszooError(
            f"input_shape of {spec.name} must be (height, width, bands), got {shape!r}."
        ) from None
    if bands is None or bands < 1:
        raise LenszooError(f"{spec.name} needs one band or more, got input_shape={shape!r}.")
    if any(side is not None and side < spec.min_size for side in (height, width)):
        raise LenszooError(
            f"{spec.name} needs images of at least {spec.min_size} x {spec.min_size} pixels, "
            f"got input_shape={shape!r}."
        )
    return height, width, bands


def check_classes(name: str, num_classes: Any) -> int:
    """Return the number of classes, 3 where none is given; raise unless it is positive."""
    if num_classes is None:
        return DEFAULT_CLASSES
    try:
        number = 0 if isinstance(num_classes, bool) else operator.index(num_classes)
    except TypeError:
        number = 0
    if number < 1:
        raise LenszooError(
            f"num_classes of {name} must be a positive integer, got {num_classes!r}."
        )
    return number


def make(config: Config) -> keras.Model:
    """Call the factory, and let the model know what it was called with."""
    factory = _factory(model_info(config.model))
    classes = () if config.num_classes is None else (config.num_classes,)
    model = factory(config.input_shape, *classes, name=config.model, **config.options)
    identify(model, config.input_shape, config.num_classes, config.options)
    return model


def identify(
    model: keras.Model, shape: Shape, classes: int | None, options: dict[str, Any]
) -> None:
    """Let a model know how it was built; every file it is saved to knows it then."""
    model.get_layer("guard").identity = {
        "model": model.name,
        "input_shape": list(shape),
        "num_classes": classes,
        "options": options,
    }
