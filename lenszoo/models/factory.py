"""Factories of models from functions on symbolic images: checks, signature and docstring."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras

from lenszoo.models.checks import check_positive

InputShape = tuple[int | None, int | None, int]
Network = Callable[..., Any]
Factory = Callable[..., keras.Model]


def complete(factory: Factory, network: Network, arguments: str, returns: str) -> Factory:
    """Check a factory's counts, and give it name, options and docstring of its network.

    An option of the network whose default is an integer must be a positive integer.

    Args:
        factory: ``factory(input_shape, ..., *, name, **options)``, which calls the network.
        network: ``network(images, *, ...)``; its docstring ends with ``Args:`` where it has options
            of its own. Options that the factory names too are passed on by it.
        arguments: docstring of the factory's own arguments.
        returns: docstring after all arguments.
    """
    shared = dict(inspect.signature(factory).parameters)
    name, _ = shared.pop("name"), shared.pop("options")
    parameters = list(inspect.signature(network).parameters.values())[1:]
    own = [option for option in parameters if option.name not in (*shared, "name")]
    counts = [option.name for option in own if type(option.default) is int]

    @functools.wraps(network)
    def checked(*args: Any, **kwargs: Any) -> keras.Model:
        check_positive(**{count: kwargs[count] for count in counts if count in kwargs})
        return factory(*args, **kwargs)

    vars(checked)["__signature__"] = inspect.Signature([*shared.values(), *own, name])
    text, _, options = (network.__doc__ or "").partition("Args:\n")
    checked.__doc__ = f"{text.rstrip()}\n\n    {arguments}{options.rstrip()}\n{returns}    "
    return checked
