"""Classes, temperature and share of lenses of a model's weights, which travel in a ``.keras`` file.

They lie in the configuration of the model's guard (of an ensemble that of a member), and hold for
as long as the weights are those that they were noted for: once trained further, a model may have
other classes.
"""

import math
from collections.abc import Sequence

import keras

from lenszoo.layers import NonFiniteGuard
from lenszoo.metrics.prevalence import TRAINED_PREVALENCE
from lenszoo.pretrained.members import members
from lenszoo.pretrained.temperature import set_temperature, temperature_of, weights_checksum


def note_learned(
    model: keras.Model, classes: Sequence[str], prevalence: float = TRAINED_PREVALENCE
) -> None:
    """Note the classes, the temperature and the share of lenses of the weights that a model has."""
    guard, share = _guard(model), float(prevalence)
    if guard is not None and (classes or temperature_of(model) != 1 or share != TRAINED_PREVALENCE):
        guard.learned = {
            "classes": list(classes),
            "temperature": temperature_of(model),
            "prevalence": share,
            "weights": weights_checksum(model),
        }


def learned_classes(model: keras.Model) -> tuple[str, ...]:
    """Return the names of the classes that were noted; none where the weights are others."""
    classes = _learned(model).get("classes")
    return tuple(map(str, classes)) if isinstance(classes, list | tuple) else ()


def learned_prevalence(model: keras.Model) -> float:
    """Return the share of lenses that was noted; a half where there is none."""
    share = _learned(model).get("prevalence")
    return share if isinstance(share, float) and 0 < share < 1 else TRAINED_PREVALENCE


def restore_temperature(model: keras.Model) -> None:
    """Give a model the temperature that was noted for the weights that it has."""
    temperature = _learned(model).get("temperature")
    if isinstance(temperature, float) and 0 < temperature < math.inf:
        set_temperature(model, temperature)


def _learned(model: keras.Model) -> dict[str, object]:
    guard = _guard(model)
    noted = None if guard is None else guard.learned
    if not isinstance(noted, dict) or noted.get("weights") != weights_checksum(model):
        return {}
    return noted


def _guard(model: keras.Model) -> NonFiniteGuard | None:
    guards = (layer for layer in reversed(model.layers) if isinstance(layer, NonFiniteGuard))
    guard = next(guards, None)
    if guard is None:  # an ensemble has those of its members
        return next(filter(None, map(_guard, members(model))), None)
    return guard
