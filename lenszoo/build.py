"""From a name to a model: the catalogue's row, its factory, its weights."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from lenszoo.catalog import ModelSpec, model_info
from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import NonFiniteGuard

DEFAULT_CLASSES = 3
_NOT_OPTIONS = ("input_shape", "num_classes", "name")


def build_model(
    name: str,
    *,
    input_shape: tuple[int | None, int | None, int] | None = None,
    num_classes: int | None = None,
    **options: Any,
) -> keras.Model:
    """Build a model of the catalogue by name."""
    spec = model_info(name)
    factory = find_factory(spec)
    shape = check_input_shape(spec, input_shape)
    classes = DEFAULT_CLASSES if num_classes is None else check_num_classes(spec, num_classes)
    chosen = {**spec.options, **check_options(spec, factory, options)}
    model = factory(shape, classes, name=name, **chosen)
    return set_identity(model, shape, classes, chosen)


def model_config(model: keras.Model) -> dict[str, Any]:
    """Return how ``build_model`` made this model, as JSON-able data.

    The keys are ``model``, ``input_shape``, ``num_classes`` and ``options``; the answer survives
    a ``.keras`` file.

    Raises:
        LenszooError: when the model is not one that ``build_model`` made.
    """
    for layer in reversed(model.layers):
        if isinstance(layer, NonFiniteGuard) and layer.identity is not None:
            return dict(layer.identity)
    raise LenszooError(f"Model {model.name!r} was not made by lenszoo.build_model.")


def set_identity(
    model: keras.Model, shape: tuple[int | None, ...], classes: int, options: Mapping[str, Any]
) -> keras.Model:
    """Write into the model's guard what :func:`model_config` reads."""
    guard = model.get_layer("guard")
    guard.identity = {
        "model": model.name,
        "input_shape": list(shape),
        "num_classes": classes,
        "options": dict(options),
    }
    return model


def find_factory(spec: ModelSpec) -> Callable[..., keras.Model]:
    """Import the factory that a row names."""
    module, function = spec.factory.split(":")
    return getattr(importlib.import_module(module), function)


def legal_options(factory: Callable[..., keras.Model]) -> list[str]:
    """Return the option names that a factory's signature allows."""
    return [p for p in inspect.signature(factory).parameters if p not in _NOT_OPTIONS]


def check_options(
    spec: ModelSpec, factory: Callable[..., keras.Model], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options, or raise LenszooError with the nearest legal ones."""
    legal = legal_options(factory)
    for option in options:
        if option not in legal:
            raise unknown(f"option of {spec.name}", option, legal)
    return dict(options)


def check_input_shape(spec: ModelSpec, shape: Any) -> tuple[int | None, int | None, int]:
    """Return the input shape as a tuple, the row's default for None, or raise LenszooError."""
    if shape is None:
        return spec.input_shape
    try:
        height, width, bands = (None if n is None else int(n) for n in shape)
    except (TypeError, ValueError):
        raise LenszooError(
            f"input_shape of {spec.name} must be (height, width, bands), got {shape!r}."
        ) from None
    if bands is None or bands < 1:
        raise LenszooError(f"{spec.name} needs one band or more, got input_shape={shape!r}.")
    for side in (height, width):
        if side is not None and side < spec.min_size:
            raise LenszooError(
                f"{spec.name} needs images of at least {spec.min_size} x {spec.min_size} pixels, "
                f"got input_shape={shape!r}."
            )
    return height, width, bands


def check_num_classes(spec: ModelSpec, num_classes: Any) -> int:
    """Return the number of classes, or raise LenszooError."""
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise LenszooError(
            f"num_classes of {spec.name} must be a positive integer, got {num_classes!r}."
        )
    return num_classes
